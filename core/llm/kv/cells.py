"""What a cell of a model's memory is made of, and what can be done with cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.messages import CellType

__all__ = ["CELL_COSTS", "CELL_SHARES", "Ability", "CellType", "Cells"]

# Bytes of a cell beside one of f16. Of 32 numbers, which take 64 bytes in 16 bits, one scale and
# 8 bits each take 34, one scale and 4 bits each 18; q8_q4 has keys of 8 bits and values of 4.
CELL_SHARES: dict[CellType, float] = {
    "f16": 1.0,
    "q8_0": 34 / 64,
    "q8_q4": (34 + 18) / 128,
    "q4_0": 18 / 64,
}
# By how much the perplexity of a text of 4,000 tokens is higher than with f16, measured.
CELL_COSTS: dict[CellType, float] = {"f16": 0.0, "q8_0": 0.0, "q8_q4": 0.004, "q4_0": 0.07}


@dataclass(frozen=True, slots=True)
class Ability:
    """What a model's memory allows: parts leaving and coming back (`pages`), and a change of
    their positions (`shifts`). `why` says what is switched off and for what reason, empty for
    nothing.
    """

    pages: bool = True
    shifts: bool = True
    why: str = ""


class Cells(Protocol):
    """One sequence of tokens with a position each, in a fixed number of cells.

    Ranges are positions, the end exclusive; there may be gaps in them.
    """

    @property
    def capacity(self) -> int:
        """How many tokens there is room for."""
        ...

    @property
    def ability(self) -> Ability:
        """What is possible beside appending and forgetting the end."""
        ...

    def append(self, tokens: Sequence[int]) -> None:
        """Compute tokens at the positions after the last one.

        Raises Cancelled or UserError; an unknown part of the tokens is there then.
        """
        ...

    def remove(self, first: int, end: int | None) -> bool:
        """Forget a range, None for up to the end; False when all had to be forgotten for it."""
        ...

    def read(self, first: int, end: int) -> bytes:
        """The state of a range. It stays where it is."""
        ...

    def write(self, state: bytes, first: int, end: int, shift: int = 0) -> bool:
        """Put a state back that was read at `first` to `end`, its positions moved by `shift`.

        False when it is not one of this memory; nothing is changed then.
        """
        ...

    def shift(self, first: int, end: int, by: int) -> None:
        """Move a range to other positions, which have to be free."""
        ...

    def lay(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Let the cells be in the order of these ranges, which are all that is there, without
        holes.
        """
        ...
