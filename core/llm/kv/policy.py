"""What stays in a model's memory, what leaves and what comes back. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

# The first tokens take up what attention has nothing better to do with: without them a model
# speaks nonsense.
FIRST_TOKENS = 16

# --- a text longer than the memory ------------------------------------------------------------


def middle_to_drop(
    held: Sequence[tuple[int, int]], needed: int, room: int, first_tokens: int = FIRST_TOKENS
) -> list[tuple[int, int]]:
    """Ranges of positions to forget, so that `needed` tokens fit where there is room for `room`.

    `held` are the ranges that are there, by position. The first tokens stay, and of the rest the
    last: the oldest after the first go, whole ranges of `held` cut where enough is gone.
    """
    missing = needed - room
    dropped: list[tuple[int, int]] = []
    keep = first_tokens
    for first, end in held:
        start = min(end, first + keep)
        keep -= start - first
        if missing <= 0:
            break
        count = min(end - start, missing)
        if count > 0:
            dropped.append((start, start + count))
            missing -= count
    return dropped


# --- what a prompt needs of what there is -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a prompt: `order` is its place among the others, `tokens` its length."""

    name: str
    order: int
    tokens: int


Do = Literal["leave", "move", "recall", "compute"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, in this order; `first` is the position where the part is then."""

    do: Do
    name: str
    first: int = 0


def fitting(
    wanted: Sequence[Part], extra: Sequence[Part], room: int
) -> tuple[list[Part], list[Part]]:
    """The parts of `wanted` and of `extra` that fit together, in order.

    `wanted` are by importance, the first one first; of those that are there anyway (`extra`) the
    latest stay, since what is asked next mostly follows them.
    """
    taken: list[Part] = []
    for part in wanted:
        if part.tokens <= room:
            taken.append(part)
            room -= part.tokens
    names = {part.name for part in taken}
    kept: list[Part] = []
    for part in sorted(extra, key=lambda one: -one.order):
        if part.name not in names and part.tokens <= room:
            kept.append(part)
            room -= part.tokens
    return sorted(taken, key=_order), sorted(kept, key=_order)


def arrange(
    parts: Sequence[Part],
    resident: Mapping[str, int],
    saved: Mapping[str, int],
    *,
    shifts: bool,
    end_limit: int,
) -> list[Step]:
    """The steps that make memory hold exactly `parts`, which are in order, with none computed
    that is there or was saved.

    `resident` and `saved` say where parts begin, in memory and outside. Each stays at or comes
    back to its own position where that is possible, for there it is exact. Where the last would
    end past `end_limit` all are numbered anew without gaps, and likewise whatever cannot be at
    its own place; without `shifts` such a part is computed again. Nothing can be computed before
    what is there, so parts behind a computed one leave first and come back after.
    """
    steps, end = _arranged(parts, resident, saved, shifts, renumber=False)
    if end > end_limit:
        steps, _ = _arranged(parts, resident, saved, shifts, renumber=True)
    names = {part.name for part in parts}
    return [Step("leave", name) for name in resident if name not in names] + steps


def _arranged(
    parts: Sequence[Part],
    resident: Mapping[str, int],
    saved: Mapping[str, int],
    shifts: bool,
    *,
    renumber: bool,
) -> tuple[list[Step], int]:
    """The steps, and the position after the last part."""
    leaves: list[Step] = []
    steps: list[Step] = []
    at = 0
    computed = False
    for part in parts:
        here = resident.get(part.name)
        known = here if here is not None else saved.get(part.name)
        first = known if known is not None and known >= at and not renumber else at
        if known is None or (first != known and not shifts):
            # Computed where the parts before it end; whatever is behind has to be away.
            computed, first = True, at
            steps.append(Step("compute", part.name, at))
            if here is not None:
                leaves.append(Step("leave", part.name))
        elif here is None:
            steps.append(Step("recall", part.name, first))
        elif computed or first > here:
            leaves.append(Step("leave", part.name))
            steps.append(Step("recall", part.name, first))
        elif first < here:
            steps.append(Step("move", part.name, first))
        at = first + part.tokens
    return leaves + steps, at


def _order(part: Part) -> int:
    return part.order
