"""Files on their way from the queue through hashing to reading, a few at a time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from typing import Generic, TypeVar

from core.store.rows import FileRef

HASH_AHEAD = 16
FRONT_BYTES = 1_000_000  # a larger file that changed does not overtake the others
FRONT_AGAIN_S = 30.0  # nor does one that changes all the time

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
        self._in_front: dict[int, float] = {}
        self._urgent: set[int] = set()

    def next_hashed(
        self, hash_file: Callable[[str], Future[bytes]]
    ) -> tuple[int, FileRef, Future[bytes]] | None:
        """The next file with its content hash to come; None when all were given out."""
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
        """Take files out wherever they are, and put these in: small ones in front."""
        self._queue = deque(entry for entry in self._queue if entry[0] not in gone)
        self._front = deque(entry for entry in self._front if entry[0] not in gone)
        self._cancel(lambda number: number in gone)
        self._hashing = deque(entry for entry in self._hashing if entry[0] not in gone)
        self._reading = deque(entry for entry in self._reading if entry[0] not in gone)
        self._urgent.difference_update(gone)
        now = self._clock()
        for number, ref in entries:
            often = now - self._in_front.get(number, -FRONT_AGAIN_S) < FRONT_AGAIN_S
            if often or ref.size_bytes > FRONT_BYTES:
                self._queue.append((number, ref))
            else:
                self._front.append((number, ref))
                self._in_front[number] = now
                self._urgent.add(number)

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
