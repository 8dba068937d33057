"""Reads of a file straight into memory, past the page cache, many at a time. Linux.

The kernel's own asynchronous reads (io_submit) are used, not threads: on two cores a thread that
wakes up takes a core from the computation, which waits for its slowest part, and then the
interpreter lock from the callback that asked.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

# io_setup, io_destroy, io_submit, io_getevents: from the kernel's tables of system calls.
_CALLS = {"x86_64": (206, 207, 209, 208), "aarch64": (0, 1, 2, 4)}
_AT_ONCE = 128  # reads in the hands of the kernel; more wait here
_AHEAD_AT_ONCE = 24  # of those that nobody waits for yet: others have to queue behind them
_READ = 0  # IOCB_CMD_PREAD


# struct iocb on a little-endian machine: data, key, flags, operation, priority, file, address,
# bytes, offset, and 16 bytes that stay 0.
_REQUEST = struct.Struct("<QIIHhIQQq16x")


class _Event(ctypes.Structure):
    """struct io_event."""

    _fields_ = (
        ("data", ctypes.c_uint64),
        ("request", ctypes.c_uint64),
        ("result", ctypes.c_int64),
        ("result2", ctypes.c_int64),
    )


@dataclass(frozen=True, slots=True)
class Read:
    """One read: `size_bytes` from `offset` of an open file to an address, both of whole pages.

    It is of the slice at `place` among a unit's. `least_bytes` must come: less than
    `size_bytes` only where the file ends before.
    """

    unit: int
    place: int
    file: int
    offset: int
    address: int
    size_bytes: int
    least_bytes: int


class DirectReads:
    """Reads under way. For one thread at a time."""

    def __init__(self) -> None:
        """Raises OSError where the system has no such reads or does not allow them."""
        calls = _CALLS.get(platform.machine())
        if calls is None or ctypes.sizeof(ctypes.c_void_p) != 8:
            raise OSError(errno.ENOSYS, "no asynchronous reads are known for this processor")
        setup, self._n_destroy, self._n_submit, self._n_events = calls
        self._call = ctypes.CDLL(None, use_errno=True).syscall
        self._call.restype = ctypes.c_long
        self._context = ctypes.c_ulong(0)
        if self._call(setup, _AT_ONCE, ctypes.byref(self._context)) != 0:
            raise OSError(ctypes.get_errno(), "asynchronous reads are not allowed")
        self._requests = ctypes.create_string_buffer(_AT_ONCE * _REQUEST.size)
        self._pointers = (ctypes.c_void_p * _AT_ONCE)()
        self._events = (_Event * _AT_ONCE)()
        self._first = ctypes.addressof(self._requests)
        self._free = list(range(_AT_ONCE))
        self._reads: list[Read | None] = [None] * _AT_ONCE
        self._waiting: deque[Read] = deque()
        self._ahead: deque[Read] = deque()
        self._failed: list[tuple[Read, int]] = []
        self.under_way = 0  # asked for and not yet given back

    def submit(self, reads: Sequence[Read], *, urgent: bool) -> None:
        """Ask for these reads; the urgent ones come before all others."""
        (self._waiting if urgent else self._ahead).extend(reads)
        self.under_way += len(reads)
        self._push()

    def hurry(self, units: Collection[int]) -> None:
        """What is asked for of these units has become urgent."""
        if self._ahead:
            self._waiting.extend(read for read in self._ahead if read.unit in units)
            self._ahead = deque(read for read in self._ahead if read.unit not in units)
            self._push()

    def _next(self) -> Read | None:
        if self._free:
            if self._waiting:
                return self._waiting.popleft()
            if self._ahead and _AT_ONCE - len(self._free) < _AHEAD_AT_ONCE:
                return self._ahead.popleft()
        return None

    def _push(self) -> None:
        count = 0
        size = _REQUEST.size
        while (read := self._next()) is not None:
            slot = self._free.pop()
            _REQUEST.pack_into(
                self._requests, slot * _REQUEST.size,
                slot, 0, 0, _READ, 0, read.file, read.address, read.size_bytes, read.offset,
            )  # fmt: skip
            self._reads[slot] = read
            self._pointers[count] = self._first + slot * size
            count += 1
        done = 0
        while done < count:
            at = ctypes.addressof(self._pointers) + done * ctypes.sizeof(ctypes.c_void_p)
            taken = self._call(
                self._n_submit, self._context, ctypes.c_long(count - done), ctypes.c_void_p(at)
            )
            if taken <= 0:
                # The first one is refused; those after it may still be taken.
                slot = ((self._pointers[done] or 0) - self._first) // size
                self._failed.append((self._give_back(slot), ctypes.get_errno() or errno.EIO))
                taken = 1
            done += taken

    def _give_back(self, slot: int) -> Read:
        read = self._reads[slot]
        assert read is not None
        self._reads[slot] = None
        self._free.append(slot)
        return read

    def finished(self, wait: bool) -> list[tuple[Read, int]]:
        """Reads that are done with 0, or the number of an error; EIO where the file ended early.

        With `wait` at least one, if any is under way.
        """
        found, self._failed = self._failed, []
        if self.under_way > len(found):
            least = 1 if wait and not found else 0
            count = self._call(
                self._n_events,
                self._context,
                ctypes.c_long(least),
                ctypes.c_long(_AT_ONCE),
                self._events,
                None,
            )
            for at in range(max(count, 0)):
                event = self._events[at]
                read, result = self._give_back(event.data), event.result
                if result < 0:
                    found.append((read, -result))
                else:
                    found.append((read, 0 if result >= read.least_bytes else errno.ENODATA))
            if self._waiting or self._ahead:
                self._push()
        self.under_way -= len(found)
        return found

    def close(self) -> None:
        """Wait for what is under way, and end."""
        self._waiting.clear()
        self._ahead.clear()
        if self._context.value:
            self._call(self._n_destroy, self._context)  # waits in the kernel
        self._context.value = 0


def read_again(read: Read, file: int) -> int:
    """The same read through the page cache, waiting: 0 or the number of the error."""
    if sys.platform != "linux":
        raise OSError(0, "this is done on Linux only")
    buffer = (ctypes.c_char * read.size_bytes).from_address(read.address)
    got = 0
    try:
        while got < read.least_bytes:
            more = os.preadv(file, [memoryview(buffer)[got:]], read.offset + got)
            if more == 0:
                return errno.ENODATA
            got += more
    except OSError as error:
        return error.errno or errno.EIO
    return 0
