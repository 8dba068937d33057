"""Where llama.cpp has mapped a model file in this process, if it is still the same file. Linux."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

PAGE_BYTES = 4096
MAPS = Path("/proc/self/maps")


@dataclass(frozen=True, slots=True)
class MappedFile:
    """One mapped file: `base` is the address that its first byte has or would have.

    Its bytes from `start` to `end` are mapped. `file` is open for reading past the page cache,
    `buffered` for reading through it; both are the mapped file and no other.
    """

    path: Path
    base: int
    start: int
    end: int
    file: int
    buffered: int
    size_bytes: int

    def close(self) -> None:
        os.close(self.file)
        os.close(self.buffered)


def find_mapped(path: Path, maps: Path = MAPS) -> MappedFile:
    """The one mapping of a file. Raises OSError, with a reason in words, where that is not so."""
    if sys.platform != "linux":
        raise OSError(0, "files are read around the cache on Linux only")
    wanted = path.resolve()
    parts = _parts(wanted, maps)
    bases = {start - offset for start, _, offset, _ in parts}
    if len(bases) != 1:
        raise OSError(0, "it is mapped twice" if bases else "it is not mapped, or was replaced")
    base = bases.pop()
    buffered = os.open(wanted, os.O_RDONLY | os.O_CLOEXEC)
    try:
        facts = os.fstat(buffered)
        if any(inode != facts.st_ino for *_, inode in parts):
            raise OSError(0, "it was replaced")
        file = os.open(wanted, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECT)
    except OSError:
        os.close(buffered)
        raise
    found = MappedFile(
        path=wanted,
        base=base,
        start=min(offset for _, _, offset, _ in parts),
        end=max(end - base for _, end, _, _ in parts),
        file=file,
        buffered=buffered,
        size_bytes=facts.st_size,
    )
    same = os.fstat(file)
    if (same.st_dev, same.st_ino) != (facts.st_dev, facts.st_ino):
        found.close()
        raise OSError(0, "it was replaced")
    return found


def _parts(path: Path, maps: Path) -> list[tuple[int, int, int, int]]:
    """(start, end, offset in the file, inode) of each mapping of a file for reading."""
    wanted = os.fspath(path)
    found = []
    for line in maps.read_text("utf-8", "surrogateescape").splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5] == wanted and "w" not in fields[1]:
            start, end = (int(part, 16) for part in fields[0].split("-"))
            found.append((start, end, int(fields[2], 16), int(fields[4])))
    return found
