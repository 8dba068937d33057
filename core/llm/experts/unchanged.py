"""Whether a model's files are still what they were when it was loaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


class OpenFiles:
    """Files that are kept open, so that they are the same ones whatever their names stand for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Raises OSError when one cannot be opened."""
        self._files: list[int] = []
        try:
            for path in paths:
                self._files.append(os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)))
        except OSError:
            self.close()
            raise
        self._before = [os.fstat(file) for file in self._files]

    def changed(self) -> str:
        """What happened to them since, in a few words; empty for nothing. Takes microseconds.

        A file that another one took the place of is not changed: it is there until it is closed.
        """
        for file, before in zip(self._files, self._before, strict=True):
            now = os.fstat(file)
            if now.st_size < before.st_size:
                return "it was cut short"
            if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                return "it was changed"
        return ""

    def close(self) -> None:
        files, self._files = self._files, []
        for file in files:
            os.close(file)
