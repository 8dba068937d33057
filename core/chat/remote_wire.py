"""The connection to a remote engine: one request on a thread of its own, what comes in a queue.

So a cancel or a time limit acts at once, whatever the other side does. Nothing is followed to
another address, and no proxy is used.
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from core.chat.remote import Endpoint, is_near
from core.errors import UserError

POLL_S = 0.05
CHUNK_BYTES = 1 << 14


class RemoteFailed(UserError):
    """The remote engine gave no whole answer: why, and what to do."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The head of a reply."""

    status: int
    kind: str
    location: bool


class Connected:
    """The connection stands."""


class End:
    """The reply is over."""


Event = Connected | Answered | End | bytes | Exception


class Connection:
    """One request on its own thread; what comes is in a queue."""

    def __init__(
        self, endpoint: Endpoint, method: str, path: str, body: bytes | None, key: str | None,
        connect_s: float,
    ) -> None:  # fmt: skip
        self._endpoint = endpoint
        self._request = (method, path, body, _headers(body, key))
        self._connect_s = connect_s
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._closed = False
        # Small, so that a server that sends without end waits for us and not in our memory.
        self._events: queue.Queue[Event] = queue.Queue(16)
        threading.Thread(target=self._run, name="remote", daemon=True).start()

    def next_event(self) -> Event | None:
        """What has come, None when nothing has for a moment."""
        with contextlib.suppress(queue.Empty):
            return self._events.get(timeout=POLL_S)
        return None

    def close(self) -> None:
        """Hang up; whatever the thread waits for ends."""
        with self._lock:
            self._closed = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
        while True:  # the thread may wait for room in the queue
            try:
                self._events.get_nowait()
            except queue.Empty:
                return

    def _run(self) -> None:
        connection = self._open()
        try:
            connection.connect()
            with self._lock:
                self._socket = connection.sock
                if self._closed:
                    return
            self._check_way(connection)
            self._put(Connected())
            connection.sock.settimeout(None)
            method, path, body, headers = self._request
            connection.request(method, path, body, headers)
            self._read(connection.getresponse())
        except (OSError, http.client.HTTPException, UserError, ValueError) as error:
            self._put(error)
        finally:
            connection.close()

    def _open(self) -> http.client.HTTPConnection:
        host, port = self._endpoint.host, self._endpoint.port
        if self._endpoint.scheme == "https":
            return http.client.HTTPSConnection(
                host, port, timeout=self._connect_s, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(host, port, timeout=self._connect_s)

    def _check_way(self, connection: http.client.HTTPConnection) -> None:
        """Unencrypted words go no further than this network."""
        peer = str(connection.sock.getpeername()[0])
        if self._endpoint.scheme == "http" and not is_near(peer):
            raise UserError(
                f"{self._endpoint.name} is not on this network, and the way is not encrypted.",
                "Give an address that begins with https://.",
            )

    def _read(self, reply: http.client.HTTPResponse) -> None:
        kind = reply.headers.get_content_type()
        self._put(Answered(reply.status, kind, reply.headers.get("Location") is not None))
        while not self._closed and (data := reply.read1(CHUNK_BYTES)):
            self._put(data)
        self._put(End())

    def _put(self, event: Event) -> None:
        while not self._closed:
            with contextlib.suppress(queue.Full):
                self._events.put(event, timeout=POLL_S)
                return


def _headers(body: bytes | None, key: str | None) -> Mapping[str, str]:
    headers = {"Accept": "text/event-stream, application/json", "User-Agent": "satchel"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return headers


def unreachable(name: str, error: Exception, *, connected: bool) -> RemoteFailed:
    """What went wrong on the way to a server, in words."""
    advice = "See that it is running and that the address is right (`satchel remote check`)."
    if isinstance(error, ssl.SSLCertVerificationError):
        return RemoteFailed(
            f"The certificate of {name} is not valid ({error.verify_message}).",
            "Nothing was sent. Give the name that the certificate is for, or renew it.",
        )
    if isinstance(error, ssl.SSLError):
        return RemoteFailed(f"{name} does not speak TLS as it should.", advice)
    if isinstance(error, TimeoutError):
        return RemoteFailed(f"{name} cannot be reached: it does not answer.", advice)
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return RemoteFailed(f"{name} cannot be reached: there is no such name.", advice)
    if isinstance(error, ConnectionRefusedError):
        return RemoteFailed(f"{name} cannot be reached: nothing listens there.", advice)
    if connected:
        return RemoteFailed(f"The connection to {name} broke.", advice)
    reason = getattr(error, "strerror", None) or type(error).__name__
    return RemoteFailed(f"{name} cannot be reached: {reason}.", advice)
