"""The step `pool`: units are read into memory of our own and shown where the file was. Linux."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Sequence

from core.errors import UserError
from core.llm.experts.direct import DirectReads, Read, read_again
from core.llm.experts.layout import PAGE_BYTES, Layout, Slice, Unit
from core.llm.experts.mapping import MappedFile
from core.llm.experts.memory import Pool
from core.llm.experts.runs import Run, Runs

_PADDING_BYTES = 32  # as much and more is not there to fill up
_OUR_FAULT = (
    errno.ENOMEM,
    errno.EAGAIN,
    errno.EINTR,
)  # the file is sound: it serves from its place


class PooledUnits:
    """Carries out what a policy decides. For one thread at a time."""

    def __init__(self, layout: Layout, files: Sequence[MappedFile], room_bytes: int) -> None:
        """`files` are closed with this. Raises OSError."""
        self._layout = layout
        self._files = files
        units = (*layout.units, dense_unit(layout, files))
        self._pages = [unit.page_bytes // PAGE_BYTES for unit in units]
        self._most_pages = sum(self._pages[:-1])
        self._reads = DirectReads()
        try:
            self._pool = Pool(files, units, sum(self._pages))
        except OSError:
            self._reads.close()
            raise
        self._runs = Runs(self._room_pages(room_bytes))
        self._held: dict[int, tuple[Run, ...]] = {}
        self._pending: dict[int, int] = {}  # reads that a unit still waits for
        self._broken: set[int] = set()  # of those, units of which a read failed
        self.read_bytes = 0
        self.fault: UserError | None = None
        self._let_go_of_files()
        # The system would take pages of the file that are used in every token as well.
        self.fetch((len(layout.units),), urgent=True)
        self.wait((len(layout.units),))
        self.read_bytes = 0

    def _room_pages(self, room_bytes: int) -> int:
        """Pages for the units, and for what is in none."""
        return self._pages[-1] + min(room_bytes // PAGE_BYTES, self._most_pages)

    def _let_go_of_files(self) -> None:
        """Loading touched all of the files: what the pool stands for need not stay in memory."""
        self._pool.show_files()
        for file in self._files:
            os.posix_fadvise(
                file.buffered, file.start, file.end - file.start, os.POSIX_FADV_DONTNEED
            )

    @property
    def resident_bytes(self) -> int:
        """The memory that the units take."""
        return self._pool.resident_bytes

    def fetch(self, units: Sequence[int], *, urgent: bool) -> None:
        """Begin to read units. Those that there is no room for stay with the file."""
        reads: list[Read] = []
        for unit in units:
            count = self._pages[unit]
            if count > self._runs.free_pages or unit in self._held:
                continue
            runs = self._held[unit] = self._runs.take(count)
            mine = self._pool.place(unit, runs)
            self._pending[unit] = len(mine)
            reads += mine
        if reads:
            self._reads.submit(reads, urgent=urgent)

    def drop(self, units: Sequence[int]) -> None:
        """Have the file stand for units again. Raises OSError when the system cannot."""
        for unit in units:
            if unit in self._pending:
                self.wait((unit,))
            runs = self._held.pop(unit, None)
            if runs is not None:
                self._pool.take_back(unit)
                self._runs.give_back(runs)

    def wait(self, units: Collection[int]) -> None:
        """Wait until none of these units is still being read."""
        pending = self._pending
        if pending and not pending.keys().isdisjoint(units):
            self._reads.hurry(units)
            while not pending.keys().isdisjoint(units):
                self._take_in(wait=True)

    def look(self) -> None:
        """Take in what has come meanwhile."""
        if self._pending:
            self._take_in(wait=False)

    def _take_in(self, wait: bool) -> None:
        for read, error in self._reads.finished(wait):
            unit = read.unit
            if error and not self._rescue(read):
                self._broken.add(unit)
            self.read_bytes += read.size_bytes
            left = self._pending[unit] = self._pending[unit] - 1
            if not left:
                del self._pending[unit]
                self._show(unit)

    def _rescue(self, read: Read) -> bool:
        """Read once more in the plain way; whether that worked. What is wrong becomes `fault`."""
        error = self._pool.read_again(read, read_again)
        if error and error not in _OUR_FAULT and self.fault is None:
            why = "it was cut short" if error == errno.ENODATA else os.strerror(error)
            self.fault = lost(self._layout, why)
        return not error

    def _show(self, unit: int) -> None:
        if unit not in self._broken:
            try:
                self._pool.show(unit)
                return
            except OSError:  # too many mappings: the file serves
                pass
        self._broken.discard(unit)
        self._pool.take_back(unit)
        self._runs.give_back(self._held.pop(unit))

    def resize(self, room_bytes: int) -> None:
        """Have so much room, after what is too much was dropped."""
        self._pool.free(self._runs.resize(self._room_pages(room_bytes)))

    def close(self) -> None:
        """Have the files stand for all units, and give the memory back."""
        self._reads.close()
        self._pool.show_files()
        self._pool.close()
        for file in self._files:
            file.close()


def dense_unit(layout: Layout, files: Sequence[MappedFile]) -> Unit:
    """All that is mapped of the files and in none of the units, as one that always stays."""
    found = []
    for at, file in enumerate(files):
        taken = sorted(
            (part.offset, part.offset + part.size_bytes)
            for unit in layout.units
            for part in unit.slices
            if part.file == at
        )
        here, end = file.start, min(file.end, file.size_bytes)
        for start, stop in [*taken, (end, end)]:
            if start - here >= _PADDING_BYTES:
                found.append(Slice(at, here, start - here))
            here = max(here, stop)
    return Unit(-1, -1, tuple(found))


def lost(layout: Layout, why: str) -> UserError:
    """What to say when a model's file is not any more what it was."""
    return UserError(
        f"The model file {layout.files[0].name} cannot be read any more: {why}.",
        "Check the disk it is on, or fetch the model again (`satchel models list`).",
    )
