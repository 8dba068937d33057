"""The graphics processors that the installed llama.cpp can use, asked of ggml itself.

To be called in a process that may load llama.cpp: the model worker.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any, Literal

from core.llm.library import lib, llama_cpp, load_shared_library
from core.messages import Gpu

# ggml_backend_dev_type, from ggml-backend.h
_KINDS: dict[int, Literal["own memory", "shared memory"]] = {1: "own memory", 2: "shared memory"}


def gpu_devices() -> tuple[Gpu, ...]:
    """Graphics processors with memory that models can use here; none in a build without."""
    if not lib.llama_supports_gpu_offload():
        return ()
    found = []
    for device in all_devices():
        kind = _KINDS.get(_call("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p(device)))
        free, total = memory_of(device)
        if kind is not None and total:
            found.append(Gpu(description_of(device), total, free, kind))
    return tuple(found)


def all_devices() -> tuple[int, ...]:
    """The addresses of all of ggml's devices, the processor's too."""
    count = _call("ggml_backend_dev_count", ctypes.c_size_t)
    return tuple(
        _call("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t(at)) for at in range(count)
    )


def memory_of(device: int) -> tuple[int, int]:
    """Bytes of a device's memory that are free, and in all."""
    free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
    _call(
        "ggml_backend_dev_memory",
        None,
        ctypes.c_void_p(device),
        ctypes.byref(free),
        ctypes.byref(total),
    )
    return free.value, total.value


def description_of(device: int) -> str:
    """What a device calls itself."""
    text = _call("ggml_backend_dev_description", ctypes.c_char_p, ctypes.c_void_p(device))
    return text.decode("utf-8", "replace") if text else ""


def processor_buffers() -> int:
    """The address of the buffer type for weights that stay with the processor."""
    address: int = _call("ggml_backend_cpu_buffer_type", ctypes.c_void_p)
    return address


def _call(name: str, result: Any, *arguments: Any) -> Any:
    for library in _libraries():
        function = getattr(library, name, None)
        if function is not None:
            function.restype = result
            return function(*arguments)
    raise RuntimeError(f"ggml has no {name}")


@cache
def _libraries() -> tuple[Any, ...]:
    """ggml's libraries as llama.cpp has loaded them: on Windows each has only its own functions."""
    folder = Path(llama_cpp.__file__).parent / "lib"
    return tuple(load_shared_library(name, folder) for name in ("ggml", "ggml-base"))
