"""Memory of this process, and how its freed parts get back to the system (glibc; else nothing)."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable

# glibc's malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_MAPPED_FROM_BYTES = 1 << 20
_TRIM_FROM_BYTES = 8 << 20


def keep_one_heap() -> None:
    """Keep freed memory where it can be given back; call it before threads are started.

    Otherwise each thread gets a heap of its own, whose end never shrinks, and large
    blocks come to lie between small ones that last: after a long indexing run that
    was 150 MB.
    """
    set_option = _glibc("mallopt")
    if set_option is not None:
        set_option(_M_ARENA_MAX, 1)
        set_option(_M_MMAP_THRESHOLD, _MAPPED_FROM_BYTES)
        set_option(_M_TRIM_THRESHOLD, _TRIM_FROM_BYTES)


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
