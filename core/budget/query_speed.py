"""What searches really took on this machine, kept so that a plan can say what another level costs.

The middle of the last searches counts, so that one slow moment changes nothing.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Mapping
from pathlib import Path

import msgspec

from core.atomic import write_atomic

KEPT = 25  # searches
LEAST_RECOMPUTES = 4  # of one search, to tell what a passage costs


class QuerySpeed(msgspec.Struct, frozen=True):
    """Seconds of the last searches, the newest last, with one machine and one embedding model."""

    machine: str = ""
    model: str = ""
    passages_s: tuple[float, ...] = ()
    rests_s: tuple[float, ...] = ()

    @property
    def recompute_s(self) -> float | None:
        """Seconds that a search takes for one more passage, read and embedded."""
        return statistics.median(self.passages_s) if self.passages_s else None

    @property
    def rest_s(self) -> float | None:
        """Seconds of a search beside its recomputed passages."""
        return statistics.median(self.rests_s) if self.rests_s else None

    def after(self, recomputed: int, timings_ms: Mapping[str, float]) -> QuerySpeed:
        """With one more search; `recomputed` passages were really embedded for it."""
        if "embed_query" not in timings_ms:
            return self  # by words only
        spent_s = (timings_ms.get("embed", 0.0) + timings_ms.get("read", 0.0)) / 1000
        total_s = (timings_ms["total"] - timings_ms.get("phrases", 0.0)) / 1000
        passages = self.passages_s
        if recomputed >= LEAST_RECOMPUTES:
            passages = (*passages, spent_s / recomputed)[-KEPT:]
        rests = (*self.rests_s, max(0.0, total_s - spent_s))[-KEPT:]
        return msgspec.structs.replace(self, passages_s=passages, rests_s=rests)


def load_speed(path: Path, machine: str, model: str) -> QuerySpeed:
    """What is known of this machine and model; nothing when that is of others or cannot be read."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=QuerySpeed)
    except (OSError, msgspec.MsgspecError):
        found = QuerySpeed()
    known = (found.machine, found.model) == (machine, model)
    return found if known else QuerySpeed(machine, model)


def keep_speed(path: Path, speed: QuerySpeed) -> None:
    """Write it down for later; where that fails the next searches tell again."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_atomic(path, msgspec.json.encode(speed))
