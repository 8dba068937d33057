"""The service as a child of the window: `python -m app.service_process [--home DIR]`.

Messages go over stdin and stdout, one a line. Other processes of this user
reach the same service through its socket. Where another process runs the
service of this home already (a command that indexes, say), this one passes
messages between the window and that service until it ends.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import threading
import time
from multiprocessing.connection import Client
from typing import TYPE_CHECKING, Protocol

from app.address import ANSWER_TIMEOUT_S, Other, address, does_not_answer, raise_other_window
from app.stdio import Channel, child_channel
from core.errors import UserError
from core.home import Home, find_home
from core.memory import keep_numpy_small
from core.messages import Done, Failed, Hello, ProtocolError, decode, encode

if TYPE_CHECKING:
    from app.service import Service


def main() -> int:
    """Serve until the window closes stdin; returns the exit code."""
    parser = argparse.ArgumentParser(prog="app.service_process")
    parser.add_argument("--home", default=None)
    parser.add_argument("--raise-other", action="store_true")
    options = parser.parse_args()
    if os.name == "posix":
        os.umask(0o077)
    home = find_home(options.home, os.environ)
    # Before the heavy libraries load and before the greeting, at which the window shows itself.
    other: Other = raise_other_window(home) if options.raise_other else "nobody"
    channel = child_channel(Hello("service", os.getpid()))
    try:
        if told_of(other, home, channel):
            return 0
        return serve(home, channel, options.raise_other)
    except UserError as error:
        channel.send(Failed(0, error.title, error.advice))
        return 1
    except BrokenPipeError:
        return 0


def told_of(other: Other, home: Home, channel: Channel) -> bool:
    """Whether another window has come forward, of which this one is told. Raises UserError."""
    if other == "silent":
        raise does_not_answer(home)
    if other == "raised":
        channel.send(Done(0))
    return other == "raised"


def serve(home: Home, channel: Channel, raise_other: bool) -> int:
    """Open the home and answer the window, or pass on to who has it open. Raises UserError.

    With `raise_other` a window that is open comes forward instead, and this one is told so.
    """
    keep_numpy_small()
    from app.crash_reports import watched
    from app.service import Service
    from app.session import HomeBusy
    from core.store.database import StoreDamagedError

    deadline = time.monotonic() + ANSWER_TIMEOUT_S
    while True:
        try:
            service = Service(home, os.environ)
            with watched(home, "service"):
                return answer(service, channel)
        except HomeBusy:
            # Who has it may not listen yet: two starts at once, as a double click makes them.
            other: Other = raise_other_window(home) if raise_other else "no window"
            if told_of(other, home, channel):
                return 0
            if other == "no window":
                with contextlib.suppress(OSError, EOFError), address(home) as where:
                    return bridge(Client(where), channel)
        except StoreDamagedError as error:
            raise UserError(
                f"{error}.", "Run `satchel doctor --repair`; no file is lost."
            ) from error
        if time.monotonic() > deadline:
            raise does_not_answer(home)
        time.sleep(0.1)


def answer(service: Service, channel: Channel) -> int:
    """Answer the window from a service of our own, and others through the socket."""
    from app.local import Server
    from app.session import Session

    session = Session(channel.send)
    session.listens = True  # a second start may ask for the window before it says anything
    service.attach(session)
    server = Server(service)

    def leave() -> None:
        server.close()
        service.close()
        os._exit(0)  # stdin may be waited for

    service.on_shutdown = lambda: threading.Thread(target=leave, name="leave").start()
    try:
        with contextlib.suppress(ProtocolError):
            while (message := channel.receive()) is not None:
                service.submit(session, message)
    finally:
        server.close()
        service.detach(session)
        service.close()
    return 0


class Packets(Protocol):
    """A connection that carries whole packets: a socket's or a named pipe's."""

    def send_bytes(self, buf: bytes, /) -> None:
        """Send one packet."""
        ...

    def recv_bytes(self) -> bytes:
        """Wait for the next packet."""
        ...


def bridge(connection: Packets, channel: Channel) -> int:
    """Pass messages between the window and the service of another process."""

    def pass_replies() -> None:
        with contextlib.suppress(EOFError, OSError, ProtocolError):
            while True:
                channel.send(decode(connection.recv_bytes()))
        os._exit(0)  # that service has ended; the window starts one anew

    threading.Thread(target=pass_replies, name="replies", daemon=True).start()
    with contextlib.suppress(ProtocolError, OSError):
        while (message := channel.receive()) is not None:
            connection.send_bytes(encode(message).encode("ascii"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
