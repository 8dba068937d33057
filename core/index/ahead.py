"""Files on their way from the queue through hashing to reading, a few at a time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from typing import Generic, TypeVar

from core.store.rows import FileRef

HASH_AHEAD = 16
FRONT_BYTES = 1_000_000  # a larger file that changed does not overtake the others at once
# So many bytes a second may overtake: a file that changes all the time takes about a tenth of it.
FRONT_BYTES_A_S = 5_000

Read = TypeVar("Read")
Entry = tuple[int, FileRef]


class Ahead(Generic[Read]):
    """The queue of a run. Files that change meanwhile leave it and come again, in front."""

    def __init__(
        self,
        waiting: Iterable[Entry],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue: deque[Entry] = deque(waiting)
        self._front: deque[Entry] = deque()
        self._clock = clock
        self._hashing: deque[tuple[int, FileRef, Future[bytes]]] = deque()
        self._reading: deque[tuple[int, FileRef, Future[Read]]] = deque()
        self._later: list[tuple[float, Entry]] = []
        self._not_before: dict[int, float] = {}
        self._urgent: set[int] = set()

    def next_hashed(
        self, hash_file: Callable[[str], Future[bytes]]
    ) -> tuple[int, FileRef, Future[bytes]] | None:
        """The next file with its content hash to come; None when all were given out."""
        self._promote()
        if self._front:
            number, ref = self._front.popleft()
            return number, ref, hash_file(ref.path)
        while self._queue and len(self._hashing) < HASH_AHEAD:
            number, ref = self._queue.popleft()
            self._hashing.append((number, ref, hash_file(ref.path)))
        return self._hashing.popleft() if self._hashing else None

    def read(self, number: int, ref: FileRef, task: Future[Read]) -> None:
        """A file is being read."""
        self._reading.append((number, ref, task))

    @property
    def reading(self) -> int:
        """How many files are being read."""
        return len(self._reading)

    def next_read(self) -> tuple[int, FileRef, Future[Read]] | None:
        """The file whose reading began first; None when nothing is being read."""
        return self._reading.popleft() if self._reading else None

    def done(self, number: int) -> bool:
        """A file has been dealt with, or is in a batch; whether it was in a hurry."""
        hurried = number in self._urgent
        self._urgent.discard(number)
        return hurried

    @property
    def in_a_hurry(self) -> bool:
        """Whether a file in a hurry is still on its way."""
        return bool(self._urgent)

    def replace(self, gone: Collection[int], entries: Iterable[Entry]) -> None:
        """Take files out wherever they are, and put these in, to overtake as soon as they may."""
        self._queue = deque(entry for entry in self._queue if entry[0] not in gone)
        self._front = deque(entry for entry in self._front if entry[0] not in gone)
        self._cancel(lambda number: number in gone)
        self._hashing = deque(entry for entry in self._hashing if entry[0] not in gone)
        self._reading = deque(entry for entry in self._reading if entry[0] not in gone)
        self._urgent.difference_update(gone)
        now = self._clock()
        self._later = [(due, entry) for due, entry in self._later if entry[0] not in gone]
        for number, ref in entries:
            due = self._not_before.get(number, now)
            if ref.size_bytes > FRONT_BYTES:
                due = max(due, now + ref.size_bytes / FRONT_BYTES_A_S)
            self._later.append((due, (number, ref)))
        self._promote()

    def _promote(self) -> None:
        """Put in front what may overtake by now; all of it when nothing else is left."""
        if not self._later:
            return
        now = self._clock()
        alone = not (self._queue or self._hashing)
        for due, (number, ref) in self._later:
            if alone or due <= now:
                self._front.append((number, ref))
                self._urgent.add(number)
                self._not_before[number] = now + ref.size_bytes / FRONT_BYTES_A_S
        if alone:
            self._later.clear()
        else:
            self._later = [(due, entry) for due, entry in self._later if due > now]

    def give_up(self) -> None:
        """Cancel what has not begun."""
        self._cancel(lambda _: True)

    def _cancel(self, chosen: Callable[[int], bool]) -> None:
        for number, _, digest in self._hashing:
            if chosen(number):
                digest.cancel()
        for number, _, reading in self._reading:
            if chosen(number):
                reading.cancel()
