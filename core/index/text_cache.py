"""Texts of documents that are slow to read again, compressed, within a budget of bytes.

One file a document, named by the document's id. They serve for scoring only;
what is shown is always read from the person's own file.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from core.atomic import write_atomic

_SUFFIX = ".texts"  # another than when documents had other numbers


class TextCache:
    """A folder of compressed texts; the ones used longest ago go first."""

    def __init__(
        self, folder: Path, capacity_bytes: int, room: Callable[[], int] = lambda: sys.maxsize
    ) -> None:
        """`room` gives the bytes that the disk budget still allows."""
        self._folder = folder
        self._room = room
        self._capacity_bytes = capacity_bytes

    def resize(self, capacity_bytes: int) -> None:
        """Allow more, or remove what is over."""
        self._capacity_bytes = capacity_bytes
        if self._folder.is_dir():
            self._make_room(0)

    def put(self, document: int, chunk_texts: Sequence[str]) -> None:
        """Keep a document's chunks, if they fit and the disk has room."""
        if self._capacity_bytes <= 0:
            return
        packed = zlib.compress(json.dumps(list(chunk_texts)).encode("ascii"), 6)
        if len(packed) > self._capacity_bytes // 4:
            return
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._make_room(len(packed))
            if len(packed) > self._room():
                return
            write_atomic(self._path(document), packed)
        except OSError:
            return  # a cache that cannot be written is only a slower search

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._folder.is_dir() or next(self._folder.iterdir(), None) is None

    def get(self, document: int) -> list[str] | None:
        """The chunks of a document, if they are kept."""
        path = self._path(document)
        texts = _texts(path)
        with contextlib.suppress(OSError):
            os.utime(path)
        return texts

    def damaged(self) -> list[Path]:
        """Kept texts that cannot be read. All of each is unpacked."""
        if not self._folder.is_dir():
            return []
        return [path for path in self._folder.glob(f"*{_SUFFIX}") if _texts(path) is None]

    def keep_only(self, documents: set[int]) -> None:
        """Remove the texts of all other documents."""
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            known = path.suffix == _SUFFIX and path.stem.isdigit()
            if not (known and int(path.stem) in documents):
                path.unlink(missing_ok=True)

    def _path(self, document: int) -> Path:
        return self._folder / f"{document}{_SUFFIX}"

    def _make_room(self, needed: int) -> None:
        files = []
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another thread may remove some
                files.append((path.stat(), path))
        total = sum(status.st_size for status, _ in files)
        for status, path in sorted(files, key=lambda item: item[0].st_mtime_ns):
            if total + needed <= self._capacity_bytes:
                return
            path.unlink(missing_ok=True)
            total -= status.st_size


def _texts(path: Path) -> list[str] | None:
    try:
        return [str(text) for text in json.loads(zlib.decompress(path.read_bytes()))]
    except (OSError, ValueError, TypeError, zlib.error):
        return None
