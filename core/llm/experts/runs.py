"""Which pages of the pool are free. Pure: it knows numbers only, no memory."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """Pages side by side: the first one, and how many."""

    start: int
    pages: int


class Runs:
    """The pages of a pool: given out in runs, taken back, and withdrawn when it shrinks.

    Of `extent_pages` numbers, `room_pages` stand for memory that may be used; the others are
    withdrawn. The sum of all runs given out never exceeds the room.
    """

    def __init__(self, pages: int) -> None:
        self.extent_pages = pages  # one more than the highest page number ever in use
        self.room_pages = pages
        self.free_pages = pages
        self._free = [Run(0, pages)] if pages else []
        self._withdrawn: list[Run] = []

    def take(self, pages: int) -> tuple[Run, ...]:
        """Runs of that many pages together: one, where a free run is long enough.

        Raises ValueError when fewer are free.
        """
        if not 0 < pages <= self.free_pages:
            raise ValueError(f"{pages} pages wanted, {self.free_pages} free")
        self.free_pages -= pages
        fitting = [run for run in self._free if run.pages >= pages]
        if fitting:
            return (self._cut(min(fitting, key=lambda run: (run.pages, run.start)), pages),)
        taken = []
        for run in sorted(self._free, key=lambda run: (-run.pages, run.start)):
            taken.append(self._cut(run, min(pages, run.pages)))
            pages -= taken[-1].pages
            if not pages:
                break
        return tuple(taken)

    def give_back(self, runs: tuple[Run, ...]) -> None:
        """Take back runs that were given out."""
        for run in runs:
            _insert(self._free, run)
            self.free_pages += run.pages

    def resize(self, pages: int) -> tuple[Run, ...]:
        """Change the room. The runs returned are withdrawn: their memory is to be released.

        Raises ValueError when more than `pages` are given out.
        """
        if pages < self.room_pages - self.free_pages:
            raise ValueError(f"{self.room_pages - self.free_pages} pages are in use, not {pages}")
        gone = []
        while self.room_pages > pages:  # the highest first, so that what is left lies together
            last = self._free[-1]
            count = min(last.pages, self.room_pages - pages)
            self._free[-1:] = [Run(last.start, last.pages - count)] if count < last.pages else []
            gone.append(Run(last.start + last.pages - count, count))
            _insert(self._withdrawn, gone[-1])
            self.room_pages -= count
            self.free_pages -= count
        while self.room_pages < pages:
            self._grow(pages - self.room_pages)
        return tuple(gone)

    def _grow(self, pages: int) -> None:
        if self._withdrawn:
            first = self._withdrawn[0]
            run = Run(first.start, min(first.pages, pages))
            rest = Run(first.start + run.pages, first.pages - run.pages)
            self._withdrawn[:1] = [rest] if rest.pages else []
        else:
            run = Run(self.extent_pages, pages)
            self.extent_pages += pages
        self.room_pages += run.pages
        self.give_back((run,))

    def _cut(self, run: Run, pages: int) -> Run:
        """The first pages of a free run, no longer free."""
        at = bisect_left(self._free, run.start, key=lambda free: free.start)
        rest = Run(run.start + pages, run.pages - pages)
        self._free[at : at + 1] = [rest] if rest.pages else []
        return Run(run.start, pages)


def _insert(runs: list[Run], run: Run) -> None:
    """Put a run among others in their order, joined with those it touches."""
    at = bisect_left(runs, run.start, key=lambda other: other.start)
    end = at
    if at and runs[at - 1].start + runs[at - 1].pages == run.start:
        at -= 1
        run = Run(runs[at].start, runs[at].pages + run.pages)
    if end < len(runs) and run.start + run.pages == runs[end].start:
        run = Run(run.start, run.pages + runs[end].pages)
        end += 1
    runs[at:end] = [run]
