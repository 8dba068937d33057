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

from app.address import address, raise_other_window
from app.stdio import Channel, child_channel
from core.errors import UserError
from core.home import Home, find_home
from core.memory import keep_numpy_small
from core.messages import Done, Failed, Hello, ProtocolError, decode, encode

if TYPE_CHECKING:
    from app.service import Service

CONNECT_TIMEOUT_S = 20.0


def main() -> int:
    """Serve until the window closes stdin; returns the exit code."""
    parser = argparse.ArgumentParser(prog="app.service_process")
    parser.add_argument("--home", default=None)
    parser.add_argument("--raise-other", action="store_true")
    options = parser.parse_args()
    if os.name == "posix":
        os.umask(0o077)
    home = find_home(options.home, os.environ)
    raised = options.raise_other and raise_other_window(home)
    channel = child_channel(Hello("service", os.getpid()))
    if raised:
        channel.send(Done(0))
        return 0
    try:
        return serve(home, channel)
    except UserError as error:
        channel.send(Failed(0, error.title, error.advice))
        return 1
    except BrokenPipeError:
        return 0


def serve(home: Home, channel: Channel) -> int:
    """Open the home and answer the window, or pass on to who has it open. Raises UserError."""
    keep_numpy_small()
    # Late, so that a second start is told from a first one before the heavy libraries load.
    from app.crash_reports import watched
    from app.service import Service
    from app.session import HomeBusy
    from core.store.database import StoreDamagedError

    deadline = time.monotonic() + CONNECT_TIMEOUT_S
    while True:
        try:
            service = Service(home, os.environ)
            with watched(home, "service"):
                return answer(service, channel)
        except HomeBusy:
            with contextlib.suppress(OSError, EOFError), address(home) as where:
                return bridge(Client(where), channel)
        except StoreDamagedError as error:
            raise UserError(
                f"{error}.", "Run `satchel doctor --repair`; no file is lost."
            ) from error
        if time.monotonic() > deadline:
            raise UserError(
                f"Another Satchel holds {home.data} and does not answer.",
                "End it, then try again.",
            )
        time.sleep(0.1)


def answer(service: Service, channel: Channel) -> int:
    """Answer the window from a service of our own, and others through the socket."""
    from app.local import Server
    from app.session import Session

    server = Server(service)
    session = Session(channel.send)
    service.attach(session)

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
