"""A disk, a clock and a watcher that fail on demand, for real programs: see faulty.c."""

from __future__ import annotations

import atexit
import ctypes
import functools
import mmap
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import pytest


class _Control(ctypes.Structure):
    _fields_ = (
        ("write_errno", ctypes.c_int32),
        ("sync_errno", ctypes.c_int32),
        ("read_errno", ctypes.c_int32),
        ("watch_errno", ctypes.c_int32),
        ("short_writes", ctypes.c_int32),
        ("delay_us", ctypes.c_int32),
        ("clock_offset_s", ctypes.c_int64),
        ("writes_left", ctypes.c_int64),
        ("failed", ctypes.c_int64),
        ("below", ctypes.c_char * 256),
    )


@functools.cache
def layer() -> Path:
    """The layer, compiled; where there is no compiler the test is skipped by name."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler here to make a failing disk with")
    folder = Path(tempfile.mkdtemp(prefix="faulty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = folder / "faulty.so"
    source = Path(__file__).with_name("faulty.c")
    command = [compiler, "-O1", "-fPIC", "-shared", "-o", str(library), str(source), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the failing disk cannot be compiled here: {done.stderr[:200]}")
    return library


class Faults:
    """What fails now, for every program that runs with `environment`. Fields as in faulty.c."""

    def __init__(self, folder: Path, below: Path) -> None:
        path = folder / "faults"
        path.write_bytes(bytes(ctypes.sizeof(_Control)))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._control = _Control.from_buffer(self._map)
        self._control.below = bytes(below)
        self.environment = {"LD_PRELOAD": str(layer()), "FAULTY_CONTROL": str(path)}

    def set(self, **fields: int) -> None:
        """Let something fail from now on."""
        for name, value in fields.items():
            setattr(self._control, name, value)

    def move(self, below: Path) -> None:
        """Let it fail below another folder."""
        self._control.below = bytes(below)

    def over(self) -> int:
        """All goes well again; how often something had failed."""
        failed = int(self._control.failed)
        for name, _ in _Control._fields_:
            if name != "below":
                setattr(self._control, name, 0)
        return failed

    def __enter__(self) -> Faults:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over()
