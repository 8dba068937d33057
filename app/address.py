"""Where the service of a home listens, and asking it to bring its window forward."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from multiprocessing.connection import Client
from typing import Literal

from core.errors import UserError
from core.home import Home
from core.messages import Done, ProtocolError, Raise, decode, encode

LONGEST_SOCKET_PATH = 100  # sockaddr_un holds 108 bytes on Linux, 104 on macOS
ANSWER_TIMEOUT_S = 20.0  # a machine that is short of memory or busy takes seconds for little

Other = Literal["raised", "no window", "nobody", "silent"]


@contextlib.contextmanager
def address(home: Home) -> Iterator[str]:
    """The socket's address, also where the home's path is too long for one."""
    if sys.platform == "win32":
        name = hashlib.blake2b(os.fsencode(home.socket), digest_size=12).hexdigest()
        yield rf"\\.\pipe\satchel-{name}"
        return
    if len(os.fsencode(home.socket)) <= LONGEST_SOCKET_PATH:
        yield str(home.socket)
        return
    if not sys.platform.startswith("linux"):
        raise UserError(
            f"The path of the home {home.data} is too long for a local socket.",
            "Choose a home with a shorter path.",
        )
    folder = os.open(home.data, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{home.socket.name}"
    finally:
        os.close(folder)


def raise_other_window(home: Home, timeout_s: float = ANSWER_TIMEOUT_S) -> Other:
    """Ask a running service of this home to bring its window forward; what came of it."""
    try:
        with address(home) as where, Client(where) as connection:
            connection.send_bytes(encode(Raise(1)).encode("ascii"))
            if not connection.poll(timeout_s):
                return "silent"
            done = isinstance(decode(connection.recv_bytes()), Done)
            return "raised" if done else "no window"
    except (OSError, EOFError, ProtocolError, UserError):
        return "nobody"


def does_not_answer(home: Home) -> UserError:
    """What to say of a process that has a home open and keeps silent."""
    return UserError(
        f"Another Satchel holds {home.data} and does not answer.",
        "End it, or choose another home with --home.",
    )
