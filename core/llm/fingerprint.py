"""What a model computes on a fixed text, kept so that a change of it can be noticed.

The same file in the same build on the same processor gives the same scores. When it does not,
bytes of the file or the machine are not what they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from core.atomic import write_atomic
from core.messages import ScoredTokens

TEXT = (
    "The ferry to the island leaves at half past seven, and the last one back at nine. In winter "
    "it waits for the post van. Whoever misses it asks Olsen, who has a boat; he wants two loaves "
    "of bread for the crossing, and a story. The lighthouse keeper has told him all of his, so he"
)
STEPS = 16  # tokens that are gone on for; each step sees what the ones before gave
BEST = 4  # scores that are kept of each step
TOLERANCE = 0.05  # of a score; a flipped bit in a weight that counts moves it further
MOST_KEPT = 200


class Kept(msgspec.Struct, frozen=True):
    """A fingerprint with what it is of. `seen` is the day, as 2026-01-31."""

    model: str
    file_bytes: int
    mtime_ns: int
    build: str
    machine: str
    seen: str
    steps: tuple[ScoredTokens, ...]

    def is_of_the_same(self, other: Kept) -> bool:
        """Whether both are of the same file, build and processor."""
        return _key(self) == _key(other)


def differs(one: Sequence[ScoredTokens], other: Sequence[ScoredTokens]) -> bool:
    """Whether two fingerprints are those of different computations."""
    return len(one) != len(other) or any(
        set(left.tokens) != set(right.tokens) or _far_apart(left.scores, right.scores)
        for left, right in zip(one, other, strict=True)
    )


def load(path: Path) -> list[Kept]:
    """The fingerprints in a file; none where it is not there or damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Kept])
    except (OSError, msgspec.MsgspecError):
        return []


def keep(path: Path, new: Kept) -> None:
    """Keep one, in place of that of the same file, build and processor. Raises OSError."""
    rest = [kept for kept in load(path) if not kept.is_of_the_same(new)]
    write_atomic(path, msgspec.json.encode([new, *rest][:MOST_KEPT]))


def _far_apart(one: Sequence[float], other: Sequence[float]) -> bool:
    return any(abs(a - b) > TOLERANCE for a, b in zip(one, other, strict=True))


def _key(kept: Kept) -> tuple[object, ...]:
    return kept.model, kept.file_bytes, kept.mtime_ns, kept.build, kept.machine
