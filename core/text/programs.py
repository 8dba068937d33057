"""Programs of this machine that help to read: found, and run one at a time under limits.

They are LibreOffice for the old Office formats and Tesseract for pictures of
pages. Both run without the network or not at all; whoever calls this sees to that.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core.bundle import NO_CONSOLE

# Where they are when they are not on PATH.
_OFFICE_PLACES = (
    "/Applications/LibreOffice.app/Contents/MacOS/soffice",
    "/opt/libreoffice/program/soffice",
    "/usr/lib/libreoffice/program/soffice",
)
_TESSERACT_PLACES = ("/opt/homebrew/bin/tesseract", "/usr/local/bin/tesseract")
_LOOK_S, _LOOK_CLOSELY_S = 0.5, 0.1
_TOO_LARGE = getattr(signal, "SIGXFSZ", 0)  # ends who writes a file larger than it may
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class ProgramFailed(Exception):
    """The program ended with an error, or was ended because its time was up (`slow`) or because
    it wrote more than it may (`large`).
    """

    def __init__(self, name: str, slow: bool = False, large: bool = False) -> None:
        super().__init__(name)
        self.slow = slow
        self.large = large


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of the programs that are there."""

    office: str | None = None
    tesseract: str | None = None

    def runnable(self) -> tuple[str, ...]:
        """The files and folders whose programs have to be allowed to run."""
        found = [] if self.office is None else [str(Path(self.office).parent)]
        return (*found, *([] if self.tesseract is None else [self.tesseract]))


def find_programs() -> Programs:
    """What this machine has, on PATH or at the usual places."""
    office = _first(("soffice", "libreoffice"), _OFFICE_PLACES)
    if office is not None and sys.platform == "linux":
        # What is on PATH is a script that needs a shell; the program itself lies beside it.
        beside = Path(office).with_name("soffice.bin")
        office = str(beside) if beside.is_file() else None
    return Programs(office, _first(("tesseract",), _TESSERACT_PLACES))


def _first(names: Iterable[str], places: Iterable[str]) -> str | None:
    on_path = (shutil.which(name) for name in names)
    found = (path for path in (*on_path, *places) if path and Path(path).is_file())
    path = next(found, None)
    return None if path is None else os.path.realpath(path)


def run(
    command: Sequence[str],
    folder: Path,
    *,
    stdin: bytes = b"",
    timeout_s: float,
    on_wait: Callable[[], None],
    most_bytes: int | None = None,
) -> tuple[int, bytes]:
    """Run a program in `folder`, which is its home as well; its exit status and output.

    `on_wait` is called about twice a second and may raise, which ends the
    program. Raises ProgramFailed when it cannot be started, takes longer than
    `timeout_s`, or makes the folder larger than `most_bytes`: no file of it becomes that large,
    and what they are together is looked at ten times a second.
    """
    import subprocess  # most readers never need it

    name = Path(command[0]).name
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    environment |= dict.fromkeys(("HOME", "TMPDIR", "TMP", "TEMP"), str(folder))
    try:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=NO_CONSOLE,
            preexec_fn=_before_it_runs(most_bytes),  # noqa: PLW1509 - it takes no lock
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ProgramFailed(name) from error
    # A thread of its own feeds it: communicate cannot go on with input after a timeout.
    feeder = threading.Thread(target=_feed, args=(process.stdin, stdin), daemon=True)
    process.stdin = None
    feeder.start()
    deadline = time.monotonic() + timeout_s
    told_s = time.monotonic()
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                look_s = _LOOK_S if most_bytes is None else _LOOK_CLOSELY_S
                output, _ = process.communicate(timeout=look_s)
                if process.returncode == -_TOO_LARGE and most_bytes is not None:
                    raise ProgramFailed(name, large=True)
                return process.returncode, output
            if most_bytes is not None and bytes_in(folder) > most_bytes:
                raise ProgramFailed(name, large=True)
            if time.monotonic() - told_s < _LOOK_S:
                continue
            told_s = time.monotonic()
            on_wait()
            if time.monotonic() > deadline:
                raise ProgramFailed(name, slow=True)
    finally:
        process.kill()
        process.wait()
        feeder.join()
        if process.stdout is not None:
            process.stdout.close()


def bytes_in(folder: Path) -> int:
    """Bytes of all files in a folder and below."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # it was only there for a moment
                total += Path(where, name).lstat().st_size
    return total


def _feed(pipe: IO[bytes] | None, data: bytes) -> None:
    """Write all of the input; a program that does not want it is not made to."""
    if pipe is not None:
        with contextlib.suppress(OSError), pipe:
            pipe.write(data)


if sys.platform == "win32":

    def _before_it_runs(most_bytes: int | None) -> Callable[[], None] | None:  # noqa: ARG001
        return None

else:
    import resource

    def _before_it_runs(most_bytes: int | None) -> Callable[[], None]:
        """What the new process does first: it may write files, and ends with this process."""
        libc = ctypes.CDLL(None) if sys.platform == "linux" else None

        def prepare() -> None:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            most = hard if most_bytes is None else most_bytes
            if hard != resource.RLIM_INFINITY:
                most = min(most, hard)
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            if libc is not None:
                libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

        return prepare
