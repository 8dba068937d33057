"""Which saved keys and values go when there is no more room for all. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HALVES_IN_S = 7 * 86_400.0  # what was not used for a week is worth half


@dataclass(frozen=True, slots=True)
class Kept:
    """A saved part: bytes, the seconds that it takes to compute again, when it was used last."""

    path: Path
    size_bytes: int
    cost_s: float
    used_at: float


def worth(kept: Kept, now: float) -> float:
    """Seconds that a byte is likely to save."""
    age = max(0.0, now - kept.used_at)
    likely: float = 0.5 ** (age / HALVES_IN_S)
    return kept.cost_s / max(1, kept.size_bytes) * likely


def to_evict(kept: Sequence[Kept], limit_bytes: int, now: float) -> list[Path]:
    """What has to go, so that no more than `limit_bytes` stay: the least worth first, of equals
    what was used longest ago.
    """
    total = sum(one.size_bytes for one in kept)
    gone: list[Path] = []
    for one in sorted(kept, key=lambda one: (worth(one, now), one.used_at)):
        if total <= limit_bytes:
            break
        gone.append(one.path)
        total -= one.size_bytes
    return gone
