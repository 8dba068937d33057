"""The step `pool`: units are read into memory of our own and shown where the file was. Linux."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Collection, Mapping, Sequence

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

    def __init__(
        self,
        layout: Layout,
        files: Sequence[MappedFile],
        room_bytes: int,
        late: Mapping[int, int] | None = None,
    ) -> None:
        """`files` are closed with this. `late` tells for a layer which of the slices of its units
        is needed after the others. Raises OSError.
        """
        self._layout = layout
        self._files = files
        units = (*layout.units, dense_unit(layout, files))
        self._pages = [unit.page_bytes // PAGE_BYTES for unit in units]
        self._slices = [len(unit.slices) for unit in units]
        self._most_pages = sum(self._pages[:-1])
        self._reads = DirectReads()
        try:
            self._pool = Pool(files, units, sum(self._pages))
        except OSError:
            self._reads.close()
            raise
        self._runs = Runs(self._room_pages(room_bytes))
        self._held: dict[int, tuple[Run, ...]] = {}
        late = late or {}
        self._late = [late.get(unit.layer, -1) for unit in units]
        # Reads that a unit still waits for: those of its late slice, and of the others.
        self._pending: dict[int, int] = {}
        self._pending_late: dict[int, int] = {}
        self._broken: set[int] = set()  # of those, units of which a read failed
        self.read_bytes = 0
        self.fault: UserError | None = None
        self._let_go_of_files()
        # The system would take pages of the file that are used in every token as well.
        self.fetch((len(layout.units),), urgent=True)
        self.wait((len(layout.units),), whole=True)
        self.read_bytes = 0

    def _room_pages(self, room_bytes: int) -> int:
        """Pages for the units, and for what is in none."""
        return self._pages[-1] + min(room_bytes // PAGE_BYTES, self._most_pages)

    def _let_go_of_files(self) -> None:
        """Loading touched all of the files: what the pool stands for need not stay in memory."""
        if sys.platform != "linux":
            raise OSError(0, "this is done on Linux only")
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
        later: list[Read] = []
        for unit in units:
            count = self._pages[unit]
            if count > self._runs.free_pages or unit in self._held:
                continue
            runs = self._held[unit] = self._runs.take(count)
            mine = self._pool.place(unit, runs)
            late = [read for read in mine if read.place == self._late[unit]]
            first = [read for read in mine if read.place != self._late[unit]] if late else mine
            self._pending[unit] = len(first)
            if late:
                self._pending_late[unit] = len(late)
            reads += first
            later += late
        if reads:
            self._reads.submit(reads + later, urgent=urgent)

    def drop(self, units: Sequence[int]) -> None:
        """Have the file stand for units again. Raises OSError when the system cannot."""
        for unit in units:
            if unit in self._pending or unit in self._pending_late:
                self.wait((unit,), whole=True)
            runs = self._held.pop(unit, None)
            if runs is not None:
                self._pool.take_back(unit)
                self._runs.give_back(runs)

    def wait(self, units: Collection[int], *, whole: bool) -> Collection[int]:
        """Wait until none of these units is still being read but, unless `whole`, for its late
        slice; those of which that is still to come.
        """
        for pending in (self._pending, self._pending_late) if whole else (self._pending,):
            if pending and not pending.keys().isdisjoint(units):
                self._reads.hurry(units)
                while not pending.keys().isdisjoint(units):
                    self._take_in(wait=True)
        return self._pending_late.keys() & units if self._pending_late else ()

    def look(self) -> None:
        """Take in what has come meanwhile."""
        if self._pending or self._pending_late:
            self._take_in(wait=False)

    def _take_in(self, wait: bool) -> None:
        for read, error in self._reads.finished(wait):
            unit = read.unit
            if error and not self._rescue(read):
                self._broken.add(unit)
            self.read_bytes += read.size_bytes
            is_late = read.place == self._late[unit]
            pending = self._pending_late if is_late else self._pending
            left = pending[unit] = pending[unit] - 1
            if not left:
                del pending[unit]
                self._show(unit, is_late)

    def _rescue(self, read: Read) -> bool:
        """Read once more in the plain way; whether that worked. What is wrong becomes `fault`."""
        error = self._pool.read_again(read, read_again)
        if error and error not in _OUR_FAULT and self.fault is None:
            why = "it was cut short" if error == errno.ENODATA else os.strerror(error)
            self.fault = lost(self._layout, why)
        return not error

    def _show(self, unit: int, is_late: bool) -> None:
        if unit not in self._broken:
            try:
                self._pool.show(unit, self._places(unit, is_late))
                return
            except OSError:  # too many mappings: the file serves
                self._broken.add(unit)
        if unit in self._pending or unit in self._pending_late:
            return  # its memory is still being written to
        self._broken.discard(unit)
        self._pool.take_back(unit)
        self._runs.give_back(self._held.pop(unit))

    def _places(self, unit: int, is_late: bool) -> Collection[int]:
        late = self._late[unit]
        if is_late:
            return (late,)
        return [place for place in range(self._slices[unit]) if place != late]

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
