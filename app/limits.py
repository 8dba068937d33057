"""Limits that a reader process sets for itself, where its system has them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import stat
import sys
from types import FrameType

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_STDERR = 2
_BELOW_NORMAL = 0x4000  # BELOW_NORMAL_PRIORITY_CLASS

if sys.platform == "win32":

    def limit_memory(memory_mb: int) -> bool:  # noqa: ARG001
        """Windows has no such limit for a process itself; the parent sees to it."""
        return False

    def limit_files(largest_bytes: int) -> None:
        """Windows has no such limit."""

    def limit_cpu(seconds: float) -> None:
        """Windows has no such limit for a process itself."""

    def lower_priority(steps: int) -> None:
        """Give way to programs that a person is waiting for."""
        if steps > 0:
            kernel = ctypes.WinDLL("kernel32")
            kernel.GetCurrentProcess.restype = ctypes.c_void_p
            kernel.SetPriorityClass(ctypes.c_void_p(kernel.GetCurrentProcess()), _BELOW_NORMAL)

else:
    import resource

    def limit_memory(memory_mb: int) -> bool:
        """Allow at most `memory_mb` MB of address space, and no core dumps; whether it holds.

        macOS knows the limit and does not keep it; there the parent watches.
        """
        # 1 and not 0: the kernel then also tells programs that collect dumps to leave it.
        _set(resource.RLIMIT_CORE, 1, 1)
        limit = memory_mb * 1_000_000
        return sys.platform == "linux" and _set(resource.RLIMIT_AS, limit, limit)

    def limit_files(largest_bytes: int) -> None:
        """Write no file at all; a program started from here may write up to `largest_bytes`.

        Where messages go to a file, to find a mistake, they may be written there.
        """
        to_file = False
        with contextlib.suppress(OSError):
            to_file = stat.S_ISREG(os.fstat(_STDERR).st_mode)
        _set(resource.RLIMIT_FSIZE, largest_bytes if to_file else 0, largest_bytes)

    def limit_cpu(seconds: float) -> None:
        """End the process should it compute for this much longer, even with its parent gone."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(usage.ru_utime + usage.ru_stime + seconds) + 1
        _set(resource.RLIMIT_CPU, limit, resource.getrlimit(resource.RLIMIT_CPU)[1])

    def lower_priority(steps: int) -> None:
        """Give way to programs that a person is waiting for, 19 steps at most."""
        with contextlib.suppress(OSError):
            os.nice(steps)

    def _set(what: int, soft: int, hard: int) -> bool:
        try:
            resource.setrlimit(what, (soft, hard))
        except (OSError, ValueError):
            return False
        return True


def out_of_memory(memory_mb: float) -> str:
    """The reason for a file whose reader wanted too much."""
    return (
        f"needs more than the {memory_mb:.0f} MB of memory that Satchel gives to one file; "
        "split it to have it searched"
    )


def die_with(parent: int) -> None:
    """On Linux have the kernel tell when the parent dies.

    It also tells when only the thread that started this process ended, so the
    signal is not a deadly one: the handler looks whether the parent is there.
    """
    if sys.platform != "linux":
        return

    def look(_signal: int, _frame: FrameType | None) -> None:
        if os.getppid() != parent:
            os._exit(0)

    signal.signal(signal.SIGUSR2, look)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR2, 0, 0, 0)
    if os.getppid() != parent:  # it died in between
        os._exit(0)
