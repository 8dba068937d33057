"""The step `advice`: the system is told which parts of the mapped file come next and which can go.

On Linux this was measured. What macOS and Windows have for it is called here too, and was not
tried there.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from core.errors import UserError
from core.llm.experts.layout import PAGE_BYTES, Layout

_WILL_NEED, _DO_NOT_NEED = 3, 4  # madvise's numbers, the same on Linux and macOS
_AT_ONCE_BYTES = 128 << 10  # the kernel reads no more ahead for one call

Advise = Callable[[int, int, bool], None]  # address, bytes, whether they will be needed


class AdvisedUnits:
    """Carries out what a policy decides, as far as the system follows advice."""

    def __init__(self, layout: Layout, bases: Sequence[int], advise: Advise | None = None) -> None:
        """`bases` are the addresses of the files' first bytes. Raises OSError where the system
        takes no advice.
        """
        self._layout = layout
        self._bases = bases
        self._advise = advise or system_advice()
        self._held: set[int] = set()
        self.read_bytes = 0  # the system does not say
        self.resident_bytes = 0
        self.fault: UserError | None = None
        self._cached = _Cached(layout.files)
        for unit in range(len(layout.units)):
            self._tell(unit, needed=False)

    def fetch(self, units: Sequence[int], *, urgent: bool) -> None:
        del urgent
        for unit in units:
            self._tell(unit, needed=True)
            self._held.add(unit)
            self.resident_bytes += self._layout.units[unit].page_bytes

    def drop(self, units: Sequence[int]) -> None:
        for unit in units:
            if unit in self._held:
                self._held.discard(unit)
                self._tell(unit, needed=False)
                self.resident_bytes -= self._layout.units[unit].page_bytes

    def _tell(self, unit: int, needed: bool) -> None:
        for part in self._layout.units[unit].slices:
            start, end = part.offset, part.offset + part.size_bytes
            if needed:
                start -= start % PAGE_BYTES
                for at in range(start, end, _AT_ONCE_BYTES):
                    size = min(_AT_ONCE_BYTES, end - at)
                    self._advise(self._bases[part.file] + at, size, True)
                continue
            # Inwards: the pages at the borders are others' too.
            start, end = -(-start // PAGE_BYTES) * PAGE_BYTES, end - end % PAGE_BYTES
            if end > start:
                self._advise(self._bases[part.file] + start, end - start, False)
                self._cached.forget(part.file, start, end - start)

    def wait(self, _units: Collection[int], *, whole: bool) -> Collection[int]:
        """Nothing: what has not come is waited for where it is read."""
        del whole
        return ()

    def look(self) -> None:
        """Nothing: the system says nothing back."""

    def resize(self, _room_bytes: int) -> None:
        """Nothing: what is too much was dropped."""

    def close(self) -> None:
        self._cached.close()


class _Cached:
    """What the system's cache has of the files, where it can be told to forget some of it."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files: list[int] = []
        if sys.platform == "linux":
            self._files = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in paths]

    def forget(self, file: int, offset: int, size_bytes: int) -> None:
        if sys.platform == "linux" and self._files:
            os.posix_fadvise(self._files[file], offset, size_bytes, os.POSIX_FADV_DONTNEED)

    def close(self) -> None:
        for file in self._files:
            os.close(file)


def system_advice() -> Advise:
    """How this system is advised. Raises OSError where it is not known."""
    if sys.platform == "win32":
        return _windows_advice()
    if sys.platform in ("linux", "darwin"):
        madvise = ctypes.PyDLL(None).madvise

        def advise(address: int, size_bytes: int, needed: bool) -> None:
            what = _WILL_NEED if needed else _DO_NOT_NEED
            madvise(ctypes.c_void_p(address), ctypes.c_size_t(size_bytes), what)

        return advise
    raise OSError(0, "this system takes no advice on memory")


def _windows_advice() -> Advise:
    """PrefetchVirtualMemory to bring, VirtualUnlock to let go of what is not locked.

    Written from their documentation; not tried.
    """
    kernel = ctypes.CDLL("kernel32")
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    prefetch = getattr(kernel, "PrefetchVirtualMemory", None)
    if prefetch is None:
        raise OSError(0, "this Windows takes no advice on memory")
    prefetch.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_ulong)
    kernel.VirtualUnlock.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    this_process = ctypes.c_void_p(kernel.GetCurrentProcess())

    def advise(address: int, size_bytes: int, needed: bool) -> None:
        if needed:
            prefetch(this_process, 1, (ctypes.c_size_t * 2)(address, size_bytes), 0)
        else:
            kernel.VirtualUnlock(address, size_bytes)

    return advise
