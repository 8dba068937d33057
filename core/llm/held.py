"""Keeps so much of a mapped model file in this process and no more, where it does not fit whole.

llama.cpp maps the file; what it touches becomes part of this process. When that is more than it
may hold, all of it is let go at once: the system keeps the pages while it has memory for them,
and they come back as they are touched. Linux; elsewhere nothing is done.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path

_DONT_NEED = 4  # madvise, from the kernel's mman-common.h
_LOOK_EVERY = 10  # calls: one costs about 10 microseconds


class HeldPages:
    """The pages of a model's mapped files."""

    def __init__(
        self,
        files: Sequence[Path],
        most_bytes: int,
        *,
        maps: Path = Path("/proc/self/maps"),
        counts: Path = Path("/proc/self/statm"),
    ) -> None:
        """Let go of what was touched so far; from now on `most_bytes` may be held."""
        self._most_bytes = most_bytes
        self._counts = counts
        self._ranges = _ranges_of(files, maps) if sys.platform == "linux" else []
        self._calls = 0
        self.largest_bytes = 0  # that was ever found held
        self._advise = ctypes.CDLL(None, use_errno=True).madvise if self._ranges else None
        self._let_go()
        self._others_bytes = self._file_bytes()

    def held_bytes(self) -> int:
        """Bytes of the files that are part of this process now."""
        return max(0, self._file_bytes() - self._others_bytes)

    def look(self) -> None:
        """Let go of all when it is too much. Called often; it looks now and then."""
        self._calls += 1
        if self._calls % _LOOK_EVERY == 0:
            held = self.held_bytes()
            self.largest_bytes = max(self.largest_bytes, held)
            if held > self._most_bytes:
                self._let_go()

    def _let_go(self) -> None:
        if self._advise is not None:
            for start, end in self._ranges:
                self._advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _DONT_NEED)

    def _file_bytes(self) -> int:
        """Bytes of all mapped files in this process."""
        if sys.platform != "linux" or self._advise is None:
            return 0
        return int(self._counts.read_text("ascii").split()[2]) * os.sysconf("SC_PAGE_SIZE")


def _ranges_of(files: Sequence[Path], maps: Path) -> list[tuple[int, int]]:
    """Where files are mapped for reading only."""
    wanted = {os.fspath(file.resolve()) for file in files}
    found = []
    try:
        lines = maps.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return []
    for line in lines:
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5] in wanted and "w" not in fields[1]:
            start, end = (int(part, 16) for part in fields[0].split("-"))
            found.append((start, end))
    return found
