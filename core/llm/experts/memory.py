"""Memory of our own behind llama.cpp's mapping of a model file. Linux.

A pool of so many pages holds what was read of the file; its pages are mapped over those of the
file. What is not in the pool stays the file's own mapping, so it is always read rightly.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from core.llm.experts.direct import Read
from core.llm.experts.layout import Slice, Unit
from core.llm.experts.mapping import PAGE_BYTES, MappedFile
from core.llm.experts.runs import Run

_READ, _WRITE = 1, 2  # PROT_*, MAP_*, MADV_*, FALLOC_FL_*: the kernel's numbers
_SHARED, _FIXED, _NO_RESERVE = 0x1, 0x10, 0x4000
_FAILED = ctypes.c_void_p(-1).value
_KEEP_SIZE, _PUNCH_HOLE = 0x1, 0x2
_AT_MOST_BYTES = 4 << 20  # a read
_PAGES_A_FILE = 1 << 40  # more than any file has


def _file_in_memory() -> int:
    if sys.platform != "linux":
        raise OSError(0, "memory can be put in a file's place on Linux only")
    return os.memfd_create("satchel-experts", os.MFD_CLOEXEC)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Pages of the pool that hold pages of a file from `first` on."""

    first: int
    pool: int
    count: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A slice in pages. `base` is the address of its file's first byte, `borders` are the numbers
    of those of its first and last page that other slices have part of too.
    """

    file: int
    base: int
    first: int
    count: int
    borders: tuple[int, ...]


class Pool:
    """The pages, and which unit has which. For one thread at a time."""

    def __init__(self, files: Sequence[MappedFile], units: Sequence[Unit], pages: int) -> None:
        """`pages` is the most that the pool can ever have. Raises OSError."""
        self._files = files
        self._neighbours = _shared_pages(units)
        self._parts = _parts(units, files, self._neighbours.keys())
        self._owners: dict[int, int] = {}  # shared page -> the unit whose copy is shown
        self._placed: dict[int, tuple[tuple[_Piece, ...], ...]] = {}
        self._shown: dict[int, set[int]] = {}  # unit -> the places of its slices that are
        calls = ctypes.PyDLL(None, use_errno=True)  # short calls: not worth freeing the lock
        self._mmap = calls.mmap
        self._mmap.restype = ctypes.c_void_p
        self._mmap.argtypes = (
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_long,
        )
        self._calls = calls
        self._size_bytes = pages * PAGE_BYTES
        self._memory = _file_in_memory()
        try:
            os.ftruncate(self._memory, self._size_bytes)
            self._view = self._map(
                None, self._size_bytes, _READ | _WRITE, _SHARED | _NO_RESERVE, self._memory, 0
            )
        except OSError:
            os.close(self._memory)
            raise

    def _map(
        self, address: int | None, size_bytes: int, protection: int, flags: int, file: int, at: int
    ) -> int:
        found: int | None = self._mmap(address, size_bytes, protection, flags, file, at)
        if found is None or found == _FAILED:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return found

    def place(self, unit: int, runs: Sequence[Run]) -> list[Read]:
        """Give pages of the pool to a unit; the reads that fill them."""
        taken = list(runs)
        placed, reads = [], []
        for place, part in enumerate(self._parts[unit]):
            pieces = tuple(_cut(taken, part.first, part.count))
            placed.append(pieces)
            file = self._files[part.file]
            for piece in pieces:
                reads += self._reads(unit, place, file, piece)
        self._placed[unit] = tuple(placed)
        return reads

    def _reads(self, unit: int, place: int, file: MappedFile, piece: _Piece) -> list[Read]:
        offset, end = piece.first * PAGE_BYTES, (piece.first + piece.count) * PAGE_BYTES
        to = self._view + piece.pool * PAGE_BYTES - offset
        found = []
        while offset < end:
            size = min(end - offset, _AT_MOST_BYTES)
            least = min(size, file.size_bytes - offset)
            found.append(Read(unit, place, file.file, offset, to + offset, size, least))
            offset += size
        return found

    def show(self, unit: int, places: Collection[int] | None = None) -> None:
        """Map a unit's pages, which are filled, where the file's were: all, or those of slices.

        They are not touched here: the threads that compute do that at the same time. Raises
        OSError.
        """
        shown = self._shown.setdefault(unit, set())
        for place in range(len(self._parts[unit])) if places is None else places:
            part = self._parts[unit][place]
            for piece in self._placed[unit][place]:
                self._show(part.base, piece)
            for key in part.borders:
                self._owners[key] = unit
            shown.add(place)

    def _show(self, base: int, piece: _Piece) -> None:
        self._map(
            base + piece.first * PAGE_BYTES,
            piece.count * PAGE_BYTES,
            _READ,
            _SHARED | _FIXED,
            self._memory,
            piece.pool * PAGE_BYTES,
        )

    def take_back(self, unit: int) -> None:
        """Have the file's own pages there again. The pool's are free. Raises OSError."""
        for place in self._shown.pop(unit, ()):
            self._take_back(unit, self._parts[unit][place])
        self._placed.pop(unit, None)

    def _take_back(self, unit: int, part: _Part) -> None:
        """Of the pages at the borders those that show another unit's copy stay."""
        first, end = part.first, part.first + part.count
        given_up = []
        for key in part.borders:
            owner = self._owners.get(key)
            if owner == unit:
                given_up.append(key)
            elif owner is not None:
                page = key % _PAGES_A_FILE
                first, end = (first + 1, end) if page == first else (first, end - 1)
        if end > first:
            self._show_file(part.file, first, end - first)
        for key in given_up:
            del self._owners[key]
            self._show_neighbour(part.base, key)

    def _show_file(self, file: int, first: int, count: int) -> None:
        mapped = self._files[file]
        self._map(
            mapped.base + first * PAGE_BYTES,
            count * PAGE_BYTES,
            _READ,
            _SHARED | _FIXED,
            mapped.buffered,
            first * PAGE_BYTES,
        )

    def _show_neighbour(self, base: int, key: int) -> None:
        """A page that several units have part of: another's copy, if there is one."""
        page = key % _PAGES_A_FILE
        for unit, place in self._neighbours[key]:
            if place in self._shown.get(unit, ()):
                for piece in self._placed[unit][place]:
                    if piece.first <= page < piece.first + piece.count:
                        self._show(base, _Piece(page, piece.pool + page - piece.first, 1))
                        self._owners[key] = unit
                        return

    def read_again(self, read: Read, how: Callable[[Read, int], int]) -> int:
        """A failed read once more, through the page cache."""
        for file in self._files:
            if file.file == read.file:
                return how(read, file.buffered)
        return 1

    def free(self, runs: Sequence[Run]) -> None:
        """Give the memory of pages that nobody has back to the system. Raises OSError."""
        for run in runs:
            code = self._calls.fallocate(
                self._memory,
                _KEEP_SIZE | _PUNCH_HOLE,
                ctypes.c_long(run.start * PAGE_BYTES),
                ctypes.c_long(run.pages * PAGE_BYTES),
            )
            if code != 0:
                raise OSError(ctypes.get_errno(), "memory could not be given back")

    @property
    def resident_bytes(self) -> int:
        """Bytes that the pool has of the system's memory."""
        if sys.platform != "linux":
            raise OSError(0, "this is done on Linux only")
        return os.fstat(self._memory).st_blocks * 512

    def show_files(self) -> None:
        """Have the files' own pages everywhere, as if there had never been a pool."""
        self._shown.clear()
        self._placed.clear()
        self._owners.clear()
        for at, file in enumerate(self._files):
            first, end = file.start // PAGE_BYTES, -(-file.end // PAGE_BYTES)
            self._show_file(at, first, end - first)

    def close(self) -> None:
        """Give all memory back. What is shown must not be used any more, or `show_files` before."""
        self._calls.munmap(ctypes.c_void_p(self._view), ctypes.c_size_t(self._size_bytes))
        os.close(self._memory)


def _cut(runs: list[Run], first: int, count: int) -> list[_Piece]:
    """So many pages off the front of the runs, which are changed."""
    pieces = []
    while count:
        run = runs.pop(0)
        here = min(run.pages, count)
        pieces.append(_Piece(first, run.start, here))
        if here < run.pages:
            runs.insert(0, Run(run.start + here, run.pages - here))
        first, count = first + here, count - here
    return pieces


def _parts(
    units: Sequence[Unit], files: Sequence[MappedFile], shared: Collection[int]
) -> list[tuple[_Part, ...]]:
    found = []
    for unit in units:
        parts = []
        for part in unit.slices:
            keys = dict.fromkeys(_borders(part))
            borders = tuple(key for key in keys if key in shared)
            base = files[part.file].base
            parts.append(_Part(part.file, base, part.first_page, part.pages, borders))
        found.append(tuple(parts))
    return found


def _borders(part: Slice) -> tuple[int, int]:
    """Numbers for the first and the last page, different in every file."""
    first = part.file * _PAGES_A_FILE + part.first_page
    return first, first + part.pages - 1


def _shared_pages(units: Sequence[Unit]) -> dict[int, tuple[tuple[int, int], ...]]:
    """Page -> the (unit, place among its slices) that have part of it, where several have."""
    owners: dict[int, list[tuple[int, int]]] = {}
    for at, unit in enumerate(units):
        for place, part in enumerate(unit.slices):
            for key in dict.fromkeys(_borders(part)):
                owners.setdefault(key, []).append((at, place))
    return {key: tuple(found) for key, found in owners.items() if len(found) > 1}
