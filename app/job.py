"""On Windows a child runs in a job object: bounded memory, no desktop, gone with its parent.

Elsewhere a `Job` does nothing; there children limit themselves (`app.limits`).
"""

from __future__ import annotations

import subprocess
import sys

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _EXTENDED_LIMITS, _UI_RESTRICTIONS = 9, 4  # JOBOBJECTINFOCLASS
    _PROCESS_MEMORY, _KILL_ON_CLOSE, _DIE_ON_FAULT = 0x100, 0x2000, 0x400
    _ALL_OF_THE_UI = 0xFF

    class _BasicLimits(ctypes.Structure):
        _fields_ = (
            ("per_process_user_time", ctypes.c_int64),
            ("per_job_user_time", ctypes.c_int64),
            ("flags", wintypes.DWORD),
            ("least_working_set", ctypes.c_size_t),
            ("most_working_set", ctypes.c_size_t),
            ("active_processes", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority_class", wintypes.DWORD),
            ("scheduling_class", wintypes.DWORD),
        )

    class _ExtendedLimits(ctypes.Structure):
        _fields_ = (
            ("basic", _BasicLimits),
            ("io_counters", ctypes.c_uint64 * 6),
            ("process_memory", ctypes.c_size_t),
            ("job_memory", ctypes.c_size_t),
            ("peak_process_memory", ctypes.c_size_t),
            ("peak_job_memory", ctypes.c_size_t),
        )

    class Job:
        """Holds one process and all that it starts."""

        def __init__(self, process: subprocess.Popen[bytes], memory_bytes: int | None) -> None:
            """Take the process in; what the system refuses is left out."""
            kernel = ctypes.WinDLL("kernel32", use_last_error=True)
            kernel.CreateJobObjectW.restype = wintypes.HANDLE
            kernel.CreateJobObjectW.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
            kernel.SetInformationJobObject.argtypes = (
                wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD,
            )  # fmt: skip
            kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
            kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
            self._kernel = kernel
            self._handle: int | None = kernel.CreateJobObjectW(None, None)
            if self._handle is None:
                return
            limits = _ExtendedLimits()
            limits.basic.flags = _KILL_ON_CLOSE | _DIE_ON_FAULT
            if memory_bytes is not None:
                limits.basic.flags |= _PROCESS_MEMORY
                limits.process_memory = memory_bytes
            self._set(_EXTENDED_LIMITS, limits)
            self._set(_UI_RESTRICTIONS, wintypes.DWORD(_ALL_OF_THE_UI))
            kernel.AssignProcessToJobObject(self._handle, int(process._handle))  # type: ignore[attr-defined]

        def _set(self, what: int, value: ctypes.Structure | wintypes.DWORD) -> None:
            size = ctypes.sizeof(value)
            self._kernel.SetInformationJobObject(self._handle, what, ctypes.byref(value), size)

        def close(self) -> None:
            """End what still runs in it."""
            if self._handle is not None:
                self._kernel.CloseHandle(self._handle)
                self._handle = None

else:

    class Job:
        """Nothing to hold: children limit themselves here."""

        def __init__(self, process: subprocess.Popen[bytes], memory_bytes: int | None) -> None:
            pass

        def close(self) -> None:
            """Nothing to let go."""
