"""Where the service of a home listens, and asking it to bring its window forward."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from multiprocessing.connection import Client

from core.errors import UserError
from core.home import Home
from core.messages import Done, ProtocolError, Raise, decode, encode

LONGEST_SOCKET_PATH = 100  # sockaddr_un holds 108 bytes on Linux, 104 on macOS
RAISE_TIMEOUT_S = 3.0


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


def raise_other_window(home: Home) -> bool:
    """Ask a running service of this home to bring its window forward; whether there was one."""
    try:
        with address(home) as where, Client(where) as connection:
            connection.send_bytes(encode(Raise(1)).encode("ascii"))
            if not connection.poll(RAISE_TIMEOUT_S):
                return False
            return isinstance(decode(connection.recv_bytes()), Done)
    except (OSError, EOFError, ProtocolError, UserError):
        return False
