"""Whether a program that has run for long is still what it was: like phases of days compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

WARM_UP_DAYS = 1  # caches fill, libraries are paged in
MOST_GROWTH = 1.05  # of memory
MOST_SLOWDOWN = 1.10  # of the reference search, relative to the computation beside it


@dataclass(frozen=True, slots=True)
class Sample:
    """All processes at one phase of a day: memory by what a process is for, what it holds open.

    `search_ratio` is the time of the reference search over that of the reference computation,
    0 where none was made.
    """

    day: int
    phase: str
    pss_bytes: Mapping[str, int]
    descriptors: Mapping[str, int]
    threads: Mapping[str, int]
    search_ratio: float = 0.0

    @property
    def total_bytes(self) -> int:
        """Memory of all processes."""
        return sum(self.pss_bytes.values())


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of early days and of late ones, at the same phase."""

    phase: str
    what: str
    early: float
    late: float
    most_ratio: float

    @property
    def ratio(self) -> float:
        """The late one over the early one."""
        return self.late / self.early if self.early else float(self.late > 0) + 1.0

    @property
    def passes(self) -> bool:
        """Whether it grew no more than it may."""
        return self.ratio <= self.most_ratio


def compare(samples: Sequence[Sample]) -> list[Figure]:
    """Early days against late ones, each phase with itself, without the days of warming up.

    The days that are left are cut in two halves; with an odd number the middle one is in neither.
    A phase without two days is left out. Memory and time are medians of a half, descriptors and
    threads the fewest in it: a file that is open for a moment is no leak.
    """
    return [figure for phase in dict.fromkeys(s.phase for s in samples)
            for figure in _figures(phase, [s for s in samples if s.phase == phase])]  # fmt: skip


def _figures(phase: str, samples: Sequence[Sample]) -> Iterator[Figure]:
    days = sorted({s.day for s in samples if s.day >= WARM_UP_DAYS})
    half = len(days) // 2
    if not half:
        return
    early = [s for s in samples if s.day in days[:half]]
    late = [s for s in samples if s.day in days[-half:]]
    yield Figure(phase, "memory", median(s.total_bytes for s in early),
                 median(s.total_bytes for s in late), MOST_GROWTH)  # fmt: skip
    for what in ("descriptors", "threads"):
        yield Figure(phase, what, min(sum(getattr(s, what).values()) for s in early),
                     min(sum(getattr(s, what).values()) for s in late), 1.0)  # fmt: skip
    if all(s.search_ratio for s in (*early, *late)):
        yield Figure(phase, "search", median(s.search_ratio for s in early),
                     median(s.search_ratio for s in late), MOST_SLOWDOWN)  # fmt: skip


def enough(figures: Sequence[Figure]) -> bool:
    """Whether anything was compared, and all of it passes."""
    return bool(figures) and all(figure.passes for figure in figures)
