"""How far a run of the indexer is, and how long it will take."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from pathlib import PurePath

from core.messages import IndexProgress, Phase
from core.store.rows import FileRef

WINDOW_S = 30.0  # the rates are those of about this long
LEAST_KNOWN_S = 2.0  # no estimate before this
LEAST_KNOWN_FILES = 10  # nor before so many files, or such a share of all bytes, are done
LEAST_KNOWN_SHARE = 0.05
MOST_CHUNKS_A_BYTE = 1 / 500  # assumed of files whose kind was not met so far


class Progress:
    """Counts of one run.

    A file counts as done when its passages are embedded, not when it was read.
    What is left is told in passages, for these take the time: a megabyte of
    scans gives a few, a megabyte of notes a thousand. How many a file will give
    is guessed from the files of its ending that were done before.
    """

    def __init__(
        self, waiting: Iterable[FileRef] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._left: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._chunks: Counter[str] = Counter()
        self.files_total = 0
        self.bytes_total = 0
        self.add(waiting)
        self.files_done = 0
        self.bytes_done = 0
        self.chunks = 0
        self._in_hand: tuple[FileRef, float] | None = None
        self._last: str | None = None
        self._started = clock()
        self._marks: deque[tuple[float, int, int]] = deque([(self._started, 0, 0)])

    def add(self, waiting: Iterable[FileRef]) -> None:
        """More files are to be done."""
        for file in waiting:
            self.files_total += 1
            self.bytes_total += file.size_bytes
            self._left[_ending(file)] += file.size_bytes

    def embedded(self, file: FileRef, done: int, total: int) -> None:
        """`done` of the `total` passages of the file in hand are embedded."""
        self._in_hand = (file, done / total if total else 1.0)

    def count_chunks(self, chunks: int) -> None:
        """So many more passages were embedded."""
        self.chunks += chunks

    def advance(self, file: FileRef, chunks: int = 0) -> None:
        """A file is done, with or without passages."""
        ending = _ending(file)
        self.files_done += 1
        self.bytes_done += file.size_bytes
        self._left[ending] -= file.size_bytes
        self._done[ending] += file.size_bytes
        self._chunks[ending] += chunks
        self._last = file.path
        if self._in_hand is not None and self._in_hand[0].path == file.path:
            self._in_hand = None

    def _chunks_left(self) -> float:
        done_bytes, done_chunks = sum(self._done.values()), sum(self._chunks.values())
        overall = min(MOST_CHUNKS_A_BYTE, done_chunks / done_bytes) if done_bytes else 0.0
        left = 0.0
        for ending, size in self._left.items():
            known = self._done[ending]
            left += size * (self._chunks[ending] / known if known else overall)
        if self._in_hand is not None:
            file, share = self._in_hand
            known = self._done[_ending(file)]
            density = self._chunks[_ending(file)] / known if known else overall
            left -= share * file.size_bytes * density
        return max(0.0, left)

    def message(self, phase: Phase) -> IndexProgress:
        """The state as it is told to others."""
        now = self._clock()
        part = 0
        current = self._last
        if self._in_hand is not None:
            file, share = self._in_hand
            part, current = int(share * file.size_bytes), file.path
        bytes_done = min(self.bytes_total, self.bytes_done + part)
        while len(self._marks) > 2 and now - self._marks[1][0] > WINDOW_S:
            self._marks.popleft()
        then, chunks, size = self._marks[0]
        spent_s = max(now - then, 1e-6)
        if now - self._marks[-1][0] > 1.0:
            self._marks.append((now, self.chunks, bytes_done))
        chunks_per_s = (self.chunks - chunks) / spent_s
        bytes_per_s = (bytes_done - size) / spent_s
        eta_s = None
        enough = self.files_done >= LEAST_KNOWN_FILES
        enough |= bytes_done >= LEAST_KNOWN_SHARE * self.bytes_total
        if phase == "indexing" and enough and now - self._started > LEAST_KNOWN_S:
            eta_s = _eta_s(
                self._chunks_left(), chunks_per_s, self.bytes_total - bytes_done, bytes_per_s
            )
        return IndexProgress(
            id=0,
            phase=phase,
            files_done=self.files_done,
            files_total=self.files_total,
            bytes_done=bytes_done,
            bytes_total=self.bytes_total,
            chunks=self.chunks,
            current=current,
            chunks_per_s=round(chunks_per_s, 1),
            bytes_per_s=round(bytes_per_s),
            eta_s=eta_s,
        )


def _eta_s(
    chunks_left: float, chunks_per_s: float, bytes_left: int, bytes_per_s: float
) -> float | None:
    """Seconds left: embedding and reading overlap, so the slower of the two; None if unknown."""
    if chunks_left > 0 and chunks_per_s > 0:
        return round(chunks_left / chunks_per_s, 1)
    if bytes_left <= 0:
        return 0.0
    if bytes_per_s > 0:
        return round(bytes_left / bytes_per_s, 1)
    return None


def _ending(file: FileRef) -> str:
    return PurePath(file.path).suffix.lower()
