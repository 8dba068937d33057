"""The replies of one child to several who asked it, each in a thread of its own."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable

from app.children import Child, ChildGone, ChildSlow
from core.messages import Message


class Replies:
    """Whoever waits reads for all; what is for nobody goes to `on_other`."""

    def __init__(self, child: Child, on_other: Callable[[Message], None]) -> None:
        self.child = child
        self._on_other = on_other
        self._reading = threading.Lock()
        self._waiting: dict[int, deque[Message]] = {}

    def expect(self, request_id: int) -> None:
        """From now on the replies to a request are kept for `next`."""
        self._waiting[request_id] = deque()

    def done(self, request_id: int) -> None:
        """Nobody waits for the replies to a request any more."""
        self._waiting.pop(request_id, None)

    def next(self, request_id: int, timeout_s: float) -> Message:
        """The next reply to an expected request.

        Raises ChildSlow when none has come, ChildGone when the child has ended.
        """
        mine = self._waiting[request_id]
        if mine:
            return mine.popleft()
        if not self._reading.acquire(timeout=timeout_s):
            raise ChildSlow
        try:
            if mine:
                return mine.popleft()
            reply = self.child.receive(timeout_s)
            if getattr(reply, "id", None) == request_id:
                return reply
            self._pass_on(reply)
        finally:
            self._reading.release()
        raise ChildSlow

    def hear_all(self) -> None:
        """Take in what the child has said by now."""
        if self._reading.acquire(blocking=False):
            try:
                with contextlib.suppress(ChildSlow, ChildGone):
                    while True:
                        self._pass_on(self.child.receive(0.0))
            finally:
                self._reading.release()

    def _pass_on(self, reply: Message) -> None:
        waiting = self._waiting.get(getattr(reply, "id", 0))
        if waiting is not None:
            waiting.append(reply)
        else:
            self._on_other(reply)
