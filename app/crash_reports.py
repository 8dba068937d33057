"""Reports of what went wrong inside Satchel: where, and with which versions, never with what.

They lie in the home, for the person to read and to copy when they report a problem. A report
holds no message of an error and no value: those can quote a file, its name or a question.
"""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import hashlib
import importlib.metadata
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from core.atomic import write_atomic
from core.home import Home

MOST_REPORTS = 10
MOST_FRAMES = 60
MOST_NATIVE_BYTES = 20_000
_ROOT = Path(__file__).resolve().parents[1]
_SUFFIX = ".txt"
_NATIVE = "running"  # written by the process as it dies
_VERSIONS_OF = ("PySide6-Essentials", "llama-cpp-python", "openvino", "apsw", "numpy")


def report_of(error: BaseException, process: str) -> str:
    """What is told of an error: versions, types and places in the code, and the system's number."""
    lines = _head(process)
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        lines += ["", f"{_kind(cause)} at"]
        lines += [f"  {frame}" for frame in _frames(cause.__traceback__)][-MOST_FRAMES:]
        cause = cause.__cause__ or cause.__context__
    return "\n".join(lines) + "\n"


def _head(process: str) -> list[str]:
    found = []
    for name in _VERSIONS_OF:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{name} {importlib.metadata.version(name)}")
    return [
        f"Satchel {importlib.metadata.version('satchel')}, {process}",
        f"Python {platform.python_version()}, {platform.system()} {platform.release()} "
        f"{platform.machine()}",
        ", ".join(found),
    ]


def _kind(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, OSError) and error.errno is not None:
        return f"{name} ({errno.errorcode.get(error.errno, error.errno)})"
    return name


def _frames(trace: TracebackType | None) -> Iterator[str]:
    while trace is not None:
        code = trace.tb_frame.f_code
        yield f"{_place(code.co_filename)}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next


def _place(file: str) -> str:
    """A file of the program, without the folders above it, which can hold a person's name."""
    path = Path(file)
    if path.is_relative_to(_ROOT) and "site-packages" not in path.parts:
        return path.relative_to(_ROOT).as_posix()
    return "/".join(path.parts[-2:]) if path.is_absolute() else path.name


def keep_report(home: Home, text: str) -> Path | None:
    """Keep a report in the home, the newest ten; one that was kept before is only dated anew.

    None where it cannot be written: a report is no reason for another failure.
    """
    digest = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
    path = home.crashes / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{digest}{_SUFFIX}"
    try:
        home.crashes.mkdir(mode=0o700, exist_ok=True)
        write_atomic(path, text.encode())
        others = [other for other in kept_reports(home) if other != path]
        same = [other for other in others if other.stem.endswith(digest)]
        older = [other for other in others if other not in same]
        for other in (*same, *older[MOST_REPORTS - 1 :]):
            other.unlink(missing_ok=True)
    except OSError:
        return None
    return path


def kept_reports(home: Home) -> list[Path]:
    """The reports in the home, newest first."""
    return sorted(home.crashes.glob(f"*{_SUFFIX}"), reverse=True)


@contextlib.contextmanager
def watched(home: Home, process: str) -> Iterator[None]:
    """Meanwhile what ends a thread unexpectedly is kept, and not printed with its message.

    A crash of native code leaves a trace that the next start makes a report. Only the process
    that holds the home's lock may ask for this.
    """

    def hook(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            keep_report(home, report_of(arguments.exc_value, process))
            name = arguments.exc_type.__name__
            print(f"satchel: a part of it stopped ({name}); see `satchel doctor`", file=sys.stderr)
        if before is not threading.__excepthook__:
            before(arguments)  # somebody else watches too

    before, threading.excepthook = threading.excepthook, hook
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            _report_the_last(home, process)
            if not faulthandler.is_enabled():
                stack.enter_context(_native_trace(home))
        try:
            yield
        finally:
            threading.excepthook = before


@contextlib.contextmanager
def _native_trace(home: Home) -> Iterator[None]:
    home.crashes.mkdir(mode=0o700, exist_ok=True)
    path = home.crashes / _NATIVE
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        faulthandler.enable(file)
        try:
            yield
        finally:
            faulthandler.disable()  # the file stays: the next process may have begun with it


def _report_the_last(home: Home, process: str) -> None:
    """Make a report of what the process before this one left as it died. Raises OSError."""
    with contextlib.suppress(FileNotFoundError), (home.crashes / _NATIVE).open("rb") as file:
        found = file.read(MOST_NATIVE_BYTES).decode("utf-8", "replace")
        if found:
            keep_report(home, "\n".join([*_head(process), "", *native_lines(found)]) + "\n")


def native_lines(trace: str) -> list[str]:
    """What faulthandler wrote, with places as in other reports and without addresses."""
    lines = []
    for line in trace.splitlines():
        if line.startswith("  File "):
            file, _, place = line.removeprefix('  File "').rpartition('", line ')
            lines.append(f"  {_place(file)}:{place.replace(' in ', ' ')}")
        elif line.startswith(("Fatal Python error", "Windows fatal exception")):
            lines.append(line)
        elif "thread" in line.lower():
            lines.append("Current thread at" if line.startswith("Current") else "Thread at")
    return lines
