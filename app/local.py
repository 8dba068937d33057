"""Talking to the service: through its owner-only socket, or inside this process.

The socket lies inside the home (a named pipe on Windows); nothing listens on
a network port. Each packet is one message as one line of JSON.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Client, Connection, Listener
from typing import TYPE_CHECKING, Protocol

from app.address import ANSWER_TIMEOUT_S, address, does_not_answer
from app.crash_reports import watched
from app.session import HomeBusy, Session
from core.holder import refuse_another
from core.home import Home
from core.messages import (
    Cancel,
    Failed,
    IndexProgress,
    Message,
    ModelProgress,
    ProtocolError,
    decode,
    encode,
    ends,
)

if TYPE_CHECKING:
    from app.service import Service

LINGER_S = 30.0
MOST_WAITING = 32  # connections that are not taken up yet; the next one would wait silently


class Server:
    """Lets other processes of this user send requests to the service of this process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        service.home.socket.unlink(missing_ok=True)
        old = os.umask(0o177) if os.name == "posix" else None
        try:
            with address(service.home) as where:
                self._listener = Listener(where, backlog=MOST_WAITING)
                # The listener would remove its file by an address that may not last.
                finalizer = getattr(self._listener, "_listener", None)
                unlink = getattr(finalizer, "_unlink", None)
                if unlink is not None:
                    unlink.cancel()
        finally:
            if old is not None:
                os.umask(old)
        self._thread = threading.Thread(target=self._accept, name="listen", daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except OSError:
                return
            threading.Thread(
                target=self._serve, args=(connection,), name="client", daemon=True
            ).start()

    def _serve(self, connection: Connection) -> None:
        lock = threading.Lock()

        def send(message: Message) -> None:
            with lock:
                connection.send_bytes(encode(message).encode("ascii"))

        session = Session(send)
        self._service.attach(session)
        try:
            while True:
                self._service.submit(session, decode(connection.recv_bytes()))
        except (EOFError, OSError, ProtocolError):
            pass
        finally:
            self._service.detach(session)
            connection.close()

    def close(self) -> None:
        """Take no more clients."""
        self._listener.close()
        self._service.home.socket.unlink(missing_ok=True)


class Caller(Protocol):
    """Something that answers requests."""

    def ask(self, request: Message) -> Iterator[Message]:
        """The replies to a request, the last one ending it."""
        ...

    def next_id(self) -> int:
        """A fresh request id."""
        ...

    def close(self) -> None:
        """Let go of the service."""
        ...


class InProcess:
    """The service run by this very command, which also serves others meanwhile."""

    def __init__(self, home: Home, environment: Mapping[str, str]) -> None:
        """Raises HomeBusy or UserError."""
        from app.service import Service  # takes half a second, which a client need not spend

        self._service = Service(home, environment)
        self._watch = contextlib.ExitStack()
        self._watch.enter_context(watched(home, "command"))
        self._server = Server(self._service)
        self._replies: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._session = Session(self._replies.put)
        self._service.attach(self._session)
        self._ids = itertools.count(1)

    def next_id(self) -> int:
        """A fresh request id."""
        return next(self._ids)

    def ask(self, request: Message) -> Iterator[Message]:
        """The replies to a request; leaving the loop early cancels it."""
        number = getattr(request, "id", 0)
        whole = False
        self._service.submit(self._session, request)
        try:
            while not whole:
                reply = self._replies.get()
                if getattr(reply, "id", None) == number:
                    whole = ends(reply)
                    yield reply
        finally:
            if not whole:
                self._service.submit(self._session, Cancel(number))

    def close(self) -> None:
        """Wait for other clients' open requests for a while, then end the service."""
        self._server.close()
        self._service.detach(self._session)
        deadline = time.monotonic() + LINGER_S
        while self._service.busy_for_others and time.monotonic() < deadline:
            time.sleep(0.05)
        self._watch.close()
        self._service.close()


class Remote:
    """A running service of this home in another process; when it ends, another takes its place."""

    def __init__(self, home: Home, environment: Mapping[str, str]) -> None:
        """Raises OSError when nobody listens."""
        with address(home) as where:
            self._connection = Client(where)
        self._home = home
        self._environment = environment
        self._next: Caller | None = None
        self._ids = itertools.count(1)

    def next_id(self) -> int:
        """A fresh request id."""
        return next(self._ids)

    def ask(self, request: Message) -> Iterator[Message]:
        """The replies to a request; leaving the loop early cancels it.

        A request that the service left unanswered is put to the next one.
        """
        if self._next is not None:
            yield from self._next.ask(request)
            return
        number = getattr(request, "id", 0)
        whole = answered = False
        try:
            self._connection.send_bytes(encode(request).encode("ascii"))
            while not whole:
                reply = decode(self._connection.recv_bytes())
                if getattr(reply, "id", None) == number:
                    whole = ends(reply)
                    answered = answered or not isinstance(reply, IndexProgress | ModelProgress)
                    yield reply
        except ProtocolError:
            whole = True
            yield Failed(number, "The running Satchel is of another version.", "End it first.")
        except (EOFError, OSError):
            whole = True
            if answered:
                yield Failed(number, "The running Satchel has ended.", "Run the command again.")
                return
            self._next = connect(self._home, self._environment)
            yield from self._next.ask(request)
        finally:
            if not whole:
                with contextlib.suppress(OSError):
                    self._connection.send_bytes(encode(Cancel(number)).encode("ascii"))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
        if self._next is not None:
            self._next.close()


def connect(home: Home, environment: Mapping[str, str]) -> Caller:
    """The running service of a home, or one in this process where there is none.

    Raises UserError when the home is held by a process that does not answer, or by another
    machine.
    """
    deadline = time.monotonic() + ANSWER_TIMEOUT_S
    refuse_another(home)
    while True:
        if sys.platform == "win32" or os.path.exists(home.socket):  # noqa: PTH110 - may be too long
            with contextlib.suppress(OSError, EOFError):
                return Remote(home, environment)
        with contextlib.suppress(HomeBusy):
            return InProcess(home, environment)
        if time.monotonic() > deadline:
            raise does_not_answer(home)
        time.sleep(0.1)
