"""Runs a program under system-call tracing and tells what it did with network and files (Linux)."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

# io_uring can connect without any of the other calls.
NETWORK = "%network,io_uring_setup"
WRITING = (
    "open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,rename,renameat,renameat2,"
    "link,linkat,symlink,symlinkat,truncate"
)
_CALL = re.compile(r"(\d+) +(\w+)\((.*)")
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FOLDER = re.compile(r"<((?:[^<>\\]|\\.)*)>, *$")  # what `-y` says of a folder's descriptor
_LOOKUP_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/services", "/etc/gai.conf")
_SOCKET_ADDRESS = re.compile(r"sa_family=AF_(\w+)(?:, sun_path=(@?)\"((?:[^\"\\]|\\.)*)\")?")
_TAKES_ADDRESS = ("bind", "connect", "sendto", "sendmsg", "sendmmsg")
_OPENS = ("open", "openat", "openat2")
_FOR_WRITING = re.compile(r"O_(WRONLY|RDWR|CREAT|TMPFILE|TRUNC|APPEND)")


@dataclass(frozen=True, slots=True)
class Call:
    """A system call as it began: the process or thread, its name, the arguments as text."""

    pid: int
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Traced:
    """What a program printed, how it ended, and the calls of it and all that it started."""

    stdout: str
    stderr: str
    code: int
    calls: tuple[Call, ...]


def need_tracing() -> None:
    """Skip the test where system calls cannot be traced."""
    if why := _without_tracing():
        pytest.skip(why)


@functools.cache
def _without_tracing() -> str:
    if not sys.platform.startswith("linux"):
        return "system calls are traced on Linux only"
    if shutil.which("strace") is None:
        return "strace is not installed; packaging/debian_deps.sh installs it"
    trial = subprocess.run(
        ["strace", "-f", "-e", "trace=socket", "true"], capture_output=True, check=False
    )
    return "" if trial.returncode == 0 else "strace may not trace processes here"


def trace_command(into: Path) -> list[str]:
    """What goes before a command to have it traced.

    Without `--seccomp-bpf`, which would be faster, calls are seen before a filter
    of the program itself refuses them: attempts count.
    """
    return ["strace", "-f", "-qq", "-y", "-s", "300", "-e", f"trace={NETWORK},{WRITING}",
            "-o", str(into)]  # fmt: skip


def traced(
    command: Sequence[str],
    into: Path,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 500,
) -> Traced:
    """Run a command to its end; the trace is written to `into`."""
    done = subprocess.run(
        [*trace_command(into), *command],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Traced(done.stdout, done.stderr, done.returncode, read_trace(into))


def read_trace(path: Path) -> tuple[Call, ...]:
    """The calls in a trace. Every call is there once, where it began."""
    lines = path.read_text("utf-8", "surrogateescape").splitlines()
    found = [_CALL.match(line) for line in lines]
    return tuple(Call(int(m[1]), m[2], m[3]) for m in found if m)


def leaving(calls: Iterable[Call], *local: Path) -> list[str]:
    """Calls that could reach another machine, or a helper that would do it for us.

    Sockets in the file system below the folders `local` stay on this machine, and so
    do pairs of sockets without a name.
    """
    return [f"{call.name}({call.arguments}" for call in calls if _leaves(call, local)]


def _leaves(call: Call, local: Sequence[Path]) -> bool:
    if call.name == "io_uring_setup":
        return True
    if call.name in ("socket", "socketpair"):
        return not call.arguments.startswith("AF_UNIX")
    if call.name in _TAKES_ADDRESS:
        return any(
            family != "UNIX" or abstract or not _below(Path(path), local)
            for family, abstract, path in _SOCKET_ADDRESS.findall(call.arguments)
        )
    return call.name in _OPENS and any(
        path in _LOOKUP_FILES for path in _PATH.findall(call.arguments)
    )


def _below(path: Path, folders: Sequence[Path]) -> bool:
    # A home with a long path is reached through its descriptor.
    named = str(path).startswith("/proc/self/fd/") and path.name == "socket"
    return named or any(path.is_relative_to(folder) for folder in folders)


def written(calls: Iterable[Call]) -> list[str]:
    """The paths of files and folders that were made, renamed or opened for writing."""
    found = []
    for call in calls:
        if call.name in _TAKES_ADDRESS or call.name.startswith("socket"):
            continue
        if call.name in _OPENS and not _FOR_WRITING.search(call.arguments):
            continue
        for match in _PATH.finditer(call.arguments):
            folder = _FOLDER.search(call.arguments[: match.start()])
            found.append(str(Path(folder[1] if folder else "/", match[1])))
    return found
