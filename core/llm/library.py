"""Loads llama.cpp, with what it has to find in the environment. All others import it from here."""

from __future__ import annotations

import os

# llama.cpp's threads meet at a barrier hundreds of times a token. By default libgomp lets
# them spin there for milliseconds, so that with other work on the cores two threads are
# several times slower than one (measured: 3 instead of 20 tokens a second). It reads this
# once, when it is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
# When it gives up llama.cpp would start a debugger to say where, which takes seconds.
os.environ.setdefault("GGML_NO_BACKTRACE", "1")

import llama_cpp
from llama_cpp import llama_cpp as lib
from llama_cpp._ctypes_extensions import load_shared_library

__all__ = ["lib", "llama_cpp", "load_shared_library"]
