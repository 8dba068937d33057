"""A program for test_sandbox: shuts itself in, tries what it may not, prints what came of it.

python attempts.py OUTSIDE SCRATCH JSON-LIST-OF-PROGRAMS local|none
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from app.sandbox import protect

IO_URING_SETUP = 425
OUTSIDE, SCRATCH = Path(sys.argv[1]), Path(sys.argv[2])
KEPT = OUTSIDE / "kept.txt"
LIBC = ctypes.CDLL(None, use_errno=True)


def outcome(attempt: Callable[[], object]) -> int:
    """The error number that an attempt ends with, 0 when it succeeds."""
    try:
        attempt()
    except OSError as error:
        return error.errno or -1
    return 0


def call(function: str, *arguments: object) -> None:
    if getattr(LIBC, function)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "")


def in_a_thread() -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(outcome(socket.socket)))
    thread.start()
    thread.join()
    if found[0]:
        raise OSError(found[0], "")


def through_a_link() -> None:
    (SCRATCH / "out").symlink_to(OUTSIDE)
    (SCRATCH / "out" / "new").write_text("")


def use_scratch() -> None:
    (SCRATCH / "a").write_text("x")
    (SCRATCH / "a").rename(SCRATCH / "b")
    (SCRATCH / "b").unlink()
    (SCRATCH / "d").mkdir()
    (SCRATCH / "d").rmdir()


ATTEMPTS: dict[str, Callable[[], object]] = {
    "inet": lambda: socket.socket(socket.AF_INET),
    "inet6": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "in a thread": in_a_thread,
    # In its folder by a short name, for that of a socket is bounded.
    "unix": lambda: (os.chdir(SCRATCH), socket.socket(socket.AF_UNIX).bind("socket")),
    "unix datagram": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    "pair": socket.socketpair,
    "io_uring": lambda: call("syscall", IO_URING_SETUP, 1, None),
    "ptrace": lambda: call("ptrace", 0, 0, 0, 0),
    "create": lambda: (OUTSIDE / "new.txt").write_text("x"),
    "change": lambda: KEPT.write_text("x"),
    "append": lambda: KEPT.open("a"),
    "cut": lambda: os.truncate(KEPT, 0),
    "remove": KEPT.unlink,
    "rename": lambda: KEPT.rename(SCRATCH / "taken"),
    "link": lambda: (SCRATCH / "linked").hardlink_to(KEPT),
    "mode": lambda: KEPT.chmod(0o777),
    "time": lambda: os.utime(KEPT),
    "attribute": lambda: os.setxattr(KEPT, "user.x", b"1"),
    "folder": (OUTSIDE / "folder").mkdir,
    "symlink": lambda: (OUTSIDE / "symlink").symlink_to(KEPT),
    "through a link": through_a_link,
    "pipe": lambda: os.mkfifo(OUTSIDE / "fifo"),
    "own group": lambda: os.setpgid(0, 0),
    "program": lambda: subprocess.run([sys.executable, "-c", ""], check=True),
    "read": KEPT.read_text,
    "list": lambda: list(OUTSIDE.iterdir()),
    "null": lambda: Path(os.devnull).write_text("x"),
    "scratch": use_scratch,
}

if __name__ == "__main__":
    held = protect(SCRATCH, json.loads(sys.argv[3]), sys.argv[4] == "local", True)
    found = {name: outcome(attempt) for name, attempt in ATTEMPTS.items()}
    print(json.dumps([held.names(), found]))
