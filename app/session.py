"""One asker and the requests it has open."""

from __future__ import annotations

import threading
from collections.abc import Callable

from core.messages import Message, ends


class HomeBusy(Exception):
    """Another process runs the service of this home."""


class Session:
    """Requests of one client: replies go back through `send`; any of them can be cancelled."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._open: set[int] = set()
        self._cancelled: set[int] = set()
        self._lasting: set[int] = set()
        self._newest_search = 0
        self._lock = threading.Lock()
        self.closed = False
        self.listens = False  # to what happens, asked for or not

    def begin(self, request_id: int, lasting: bool = False) -> None:
        """Note that a request has come; a `lasting` one is not work that anybody waits for."""
        with self._lock:
            self._open.add(request_id)
            if lasting:
                self._lasting.add(request_id)

    def begin_search(self, request_id: int) -> None:
        """A search that makes the older ones of this client pointless."""
        with self._lock:
            self._newest_search = max(self._newest_search, request_id)

    def outdated(self, request_id: int) -> bool:
        """Whether a newer search has come since."""
        return request_id < self._newest_search

    def cancel(self, request_id: int) -> None:
        """Give up a request; nothing happens when it has ended."""
        with self._lock:
            if request_id in self._open:
                self._cancelled.add(request_id)

    def is_cancelled(self, request_id: int) -> bool:
        """Whether a request was given up, by its asker or because the asker is gone."""
        return self.closed or request_id in self._cancelled

    def reply(self, message: Message) -> None:
        """Send a reply; a client that is gone closes the session.

        After `close` nothing is sent: a client of a service that ends asks the next one.
        """
        if ends(message):
            self.end(getattr(message, "id", 0))
        if self.closed:
            return
        try:
            self._send(message)
        except (OSError, ValueError, EOFError):
            self.close()

    def end(self, request_id: int) -> None:
        """Note that a request has ended."""
        with self._lock:
            self._open.discard(request_id)
            self._cancelled.discard(request_id)
            self._lasting.discard(request_id)

    def close(self) -> None:
        """The client is gone: all that it asked for is given up."""
        self.closed = True

    @property
    def busy(self) -> bool:
        """Whether replies are still owed."""
        return bool(self._open - self._lasting) and not self.closed
