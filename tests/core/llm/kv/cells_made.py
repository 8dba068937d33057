"""Cells in this process that keep tokens by position, and refuse what llama.cpp refuses."""

from __future__ import annotations

import json
from collections.abc import Sequence

from core.llm.kv.cells import Ability


class MadeCells:
    """What was appended, by position. A state is a list of positions with their tokens.

    Those that do not `rewind` are of a model with a running state, which has no way back.
    """

    def __init__(
        self, capacity: int, ability: Ability | None = None, *, rewinds: bool = True
    ) -> None:
        self.capacity = capacity
        self.rewinds = rewinds
        self.ability = ability or Ability()
        self.at: dict[int, int] = {}
        self.computed = 0
        self.turning = False  # positions were changed, keys are turned with the next computation

    def append(self, tokens: Sequence[int]) -> None:
        end = max(self.at, default=-1) + 1
        self.at |= dict(enumerate(tokens, start=end))
        self.computed += len(tokens)
        self.turning = False
        assert len(self.at) <= self.capacity

    def remove(self, first: int, end: int | None) -> bool:
        last = max(self.at, default=-1) + 1
        inside = (end is not None and end < last) if self.rewinds else 0 < first < last
        if not self.ability.pages and self.at and inside:
            self.at.clear()
            return False
        for position in [one for one in self.at if first <= one and (end is None or one < end)]:
            del self.at[position]
        self.turning &= bool(self.at)
        return True

    def read(self, first: int, end: int) -> bytes:
        assert not self.turning, "what is read now would be wrong"
        return json.dumps([(p, t) for p, t in self.at.items() if first <= p < end]).encode()

    def write(self, state: bytes, first: int, end: int, shift: int = 0) -> bool:
        cells = {position + shift: token for position, token in json.loads(state)}
        assert min(cells) == first + shift
        assert max(cells) == end + shift - 1
        assert not cells.keys() & self.at.keys()
        self.at |= cells
        self.turning |= shift != 0
        assert len(self.at) <= self.capacity
        return True

    def shift(self, first: int, end: int, by: int) -> None:
        moved = {p + by: self.at.pop(p) for p in list(self.at) if first <= p < end}
        assert not moved.keys() & self.at.keys()
        self.at |= moved
        self.turning |= bool(moved) and by != 0

    def lay(self, ranges: Sequence[tuple[int, int]]) -> None:
        assert not self.turning
        laid = [p for first, end in ranges for p in range(first, end)]
        assert sorted(laid) == sorted(self.at)
        self.at = {position: self.at[position] for position in laid}
