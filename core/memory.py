"""Memory of this process, and how its freed parts get back to the system (glibc; else nothing)."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

# glibc's malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_DONT_NEED = 4  # madvise
_MAPPED_FROM_BYTES = 128 << 10
_TRIM_FROM_BYTES = 8 << 20


def keep_one_heap() -> None:
    """Keep freed memory where it can be given back; call it before threads are started.

    Otherwise each thread gets a heap of its own, whose end never shrinks, and large
    blocks come to lie between small ones that last. After indexing a few hundred files
    one heap made 12 MB of a difference; with blocks from 128 kB on mapped apart, instead
    of 1 MB, some 25 MB less stayed behind, and embedding takes as long.
    """
    set_option = _glibc("mallopt")
    if set_option is not None:
        set_option(_M_ARENA_MAX, 1)
        set_option(_M_MMAP_THRESHOLD, _MAPPED_FROM_BYTES)
        set_option(_M_TRIM_THRESHOLD, _TRIM_FROM_BYTES)


def keep_numpy_small() -> None:
    """Let numpy's linear algebra run in one thread, each of which takes some megabytes.

    It is little used beside the embedding model. Call it before numpy is loaded.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def drop_program_pages(library: str, maps: str = "/proc/self/maps") -> int:
    """Take the program code of a library, by a part of its path, out of this process's memory.

    It is read from the file again where it is run again. How many bytes are mapped; on
    other systems than Linux nothing happens.
    """
    advise = _glibc("madvise")
    if advise is None:
        return 0
    total = 0
    with contextlib.suppress(OSError), Path(maps).open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            fields = line.split(maxsplit=5)
            # Code is never written to; what else is mapped of a file may have been.
            if len(fields) == 6 and fields[1] == "r-xp" and library in fields[5]:
                start, end = (int(part, 16) for part in fields[0].split("-"))
                if advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _DONT_NEED) == 0:
                    total += end - start
    return total


def return_memory() -> None:
    """Hand freed memory back to the system, where the C library keeps it for itself."""
    gc.collect()
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _glibc(name: str) -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    found: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return found
