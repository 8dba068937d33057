"""What is told of a model whose weights do not all fit into memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# All of it fits; a pool of our own; advice to the system's cache; nothing but bounds.
Step = Literal["fits", "pool", "advice", "plain"]


@dataclass(frozen=True, slots=True)
class ResidencyReport:
    """Which way is taken and why, in a few plain words.

    `room_bytes` is what experts (or layers) may take, `resident_bytes` what they take, `read_bytes`
    what was read for them. A hit is one that was there when a token needed it, a miss one that
    had to be read first.
    """

    step: Step
    why: str
    room_bytes: int = 0
    resident_bytes: int = 0
    hits: int = 0
    misses: int = 0
    read_bytes: int = 0

    @property
    def hit_rate(self) -> float | None:
        """The share of hits, None before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None
