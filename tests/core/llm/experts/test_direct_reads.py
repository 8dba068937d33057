"""Reads past the page cache: the right bytes come, and what is waited for comes first."""

import ctypes
import mmap
import os
import random
import sys
from pathlib import Path

import pytest

from core.llm.experts.direct import _AHEAD_AT_ONCE, DirectReads, Read

if sys.platform != "linux":
    pytest.skip("the kernel's asynchronous reads", allow_module_level=True)

BLOCK_BYTES, BLOCKS = 64 << 10, 160


def test_urgent_reads_pass_those_that_nobody_waits_for(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = random.Random(1).randbytes(BLOCK_BYTES * BLOCKS)
    path.write_bytes(content)
    file = os.open(path, os.O_RDONLY)
    memory = mmap.mmap(-1, len(content))
    window = (ctypes.c_char * len(content)).from_buffer(memory)
    address = ctypes.addressof(window)
    reads = DirectReads()

    def block(at: int) -> Read:
        offset = at * BLOCK_BYTES
        return Read(at, 0, file, offset, address + offset, BLOCK_BYTES, BLOCK_BYTES)

    urgent = {BLOCKS - 2, BLOCKS - 1}
    reads.submit([block(at) for at in range(BLOCKS - 2)], urgent=False)
    reads.submit([block(at) for at in urgent], urgent=True)
    order: list[int] = []
    while reads.under_way:
        done = reads.finished(wait=True)
        assert all(error == 0 for _, error in done)
        order += [read.unit for read, _ in done]
    assert sorted(order) == list(range(BLOCKS))
    assert bytes(window) == content
    # Only what the disk had in hands came before them, and what it took up beside them.
    most = 2 * _AHEAD_AT_ONCE + len(urgent)
    assert urgent <= set(order[:most])
    assert most < BLOCKS // 2
    reads.close()
    del window
    memory.close()
    os.close(file)
