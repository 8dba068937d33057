"""How fast this machine reads and computes: measured once in about two seconds, and kept."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from core.atomic import write_atomic

COMPUTE_S = 1.0
READ_S = 1.0
MEMORY_S = 0.3
LEAST_READ_BYTES = 8_000_000  # read from a file to say anything of the disk
_MEMORY_BYTES = 64 << 20  # more than the processor's own memory holds, of most
_SIDE = 512  # of the matrices that are multiplied
_BLOCK_BYTES = 1 << 20
_Clock = Callable[[], float]


class Probe(msgspec.Struct, frozen=True):
    """What was measured, and on which machine. None is unknown."""

    machine: str
    gflop_per_s: float  # of 32-bit floating point, all processors
    disk_read_bytes_per_s: float | None
    memory_read_bytes_per_s: float | None = None  # all processors together


def machine_name(processors: int) -> str:
    """What a measurement holds for: another processor, or another number of them, is another."""
    return f"{platform.system()} {platform.machine()} {platform.processor()} x{processors}"


def load_probe(path: Path, machine: str) -> Probe | None:
    """What was measured of this machine before; None when it was not, or cannot be read."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Probe)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if found.machine == machine else None


def run_probe(machine: str, file: Path | None, clock: _Clock = time.perf_counter) -> Probe:
    """Measure. `file` is a large one on the disk in question, which is only read."""
    read = None if file is None else read_bytes_per_s(file, clock)
    return Probe(
        machine,
        round(gflop_per_s(clock), 1),
        None if read is None else round(read),
        round(memory_read_bytes_per_s(clock)),
    )


def keep_probe(path: Path, probe: Probe) -> None:
    """Write it down for later. Raises OSError."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_atomic(path, msgspec.json.encode(probe))


def gflop_per_s(clock: _Clock = time.perf_counter) -> float:
    """10^9 floating point operations a second in products of matrices, for about a second."""
    one = np.random.default_rng(0).random((_SIDE, _SIDE), dtype=np.float32)
    out = np.empty_like(one)
    np.matmul(one, one, out=out)  # starts the threads
    done, started = 0, clock()
    while (spent_s := clock() - started) < COMPUTE_S or not done:
        np.matmul(one, one, out=out)
        done += 1
    return 2 * _SIDE**3 * done / spent_s / 1e9 if spent_s > 0 else 0.0


def memory_read_bytes_per_s(clock: _Clock = time.perf_counter) -> float:
    """Bytes a second that all processors together read in order from memory, for a moment."""
    threads = os.cpu_count() or 1
    blocks = np.array_split(np.ones(_MEMORY_BYTES // 8, np.uint64), threads)
    started = clock()

    def read(block: npt.NDArray[np.uint64]) -> int:
        rounds = 0
        while clock() - started < MEMORY_S or not rounds:
            block.max()  # lets other threads run meanwhile
            rounds += 1
        return rounds * block.nbytes

    with ThreadPoolExecutor(threads) as pool:
        total = sum(pool.map(read, blocks))
    spent_s = clock() - started
    return total / spent_s if spent_s > 0 else 0.0


def read_bytes_per_s(file: Path, clock: _Clock = time.perf_counter) -> float | None:
    """Bytes a second read in order from a file that the system was asked to forget first.

    None where it cannot be asked (then memory would be measured), where the file is
    too small to tell, or cannot be read.
    """
    if sys.platform != "linux":
        return None
    try:
        number = os.open(file, os.O_RDONLY)
    except OSError:
        return None
    try:
        os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
        size, started = 0, clock()
        while clock() - started < READ_S and (block := os.read(number, _BLOCK_BYTES)):
            size += len(block)
        spent_s = clock() - started
    except OSError:
        return None
    finally:
        os.close(number)
    return size / spent_s if size >= LEAST_READ_BYTES and spent_s > 0 else None
