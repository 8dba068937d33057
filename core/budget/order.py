"""In which order a plan is taken over: what gets smaller first, so that the sum is never more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """A part that gets another size, in the unit of that part."""

    part: str
    before: int
    after: int


def in_order(before: Mapping[str, int], after: Mapping[str, int]) -> list[Change]:
    """What changes between two plans: those that shrink, the most first, then those that grow,
    the least first. A part that one of them does not name has size 0 there.
    """
    changes = [
        Change(part, before.get(part, 0), after.get(part, 0))
        for part in sorted({*before, *after})
        if before.get(part, 0) != after.get(part, 0)
    ]
    return sorted(changes, key=lambda change: change.after - change.before)
