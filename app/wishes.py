"""What the model worker is asked for, in the order in which it is done.

What somebody waits for comes first, in the order it came. What runs in the background gives way
to it at once, and goes on when nothing else waits.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from core.llm.native import StopFlag

Request = TypeVar("Request")
Going = TypeVar("Going")


@dataclass(slots=True)
class Wish(Generic[Request, Going]):
    """One request. `going` is what was begun of it and paused."""

    request: Request
    stop: StopFlag
    background: bool = False
    going: Going | None = None


class Wishes(Generic[Request, Going]):
    """A queue between the thread that reads and the one that computes."""

    def __init__(self) -> None:
        self._first: deque[Wish[Request, Going]] = deque()
        self._background: deque[Wish[Request, Going]] = deque()
        self._running: Wish[Request, Going] | None = None
        self._changed = threading.Condition()

    def put(self, wish: Wish[Request, Going]) -> None:
        """Another request; what runs in the background is paused for one that is not."""
        with self._changed:
            if wish.background:
                self._background.append(wish)
            else:
                self._first.append(wish)
                if self._running is not None and self._running.background:
                    self._running.stop.pause()
            self._changed.notify_all()

    def take(self) -> Wish[Request, Going]:
        """The next one to be done; waits for it."""
        with self._changed:
            self._running = None
            while not self._first and not self._background:
                self._changed.wait()
            wish = (self._first or self._background).popleft()
            wish.stop.go_on()
            self._running = wish
            return wish

    def put_back(self, wish: Wish[Request, Going]) -> None:
        """It was paused: it is the first to go on in the background."""
        with self._changed:
            self._background.appendleft(wish)

    def drop_background(self) -> list[Wish[Request, Going]]:
        """All that was begun in the background or waits for it, for it cannot go on."""
        with self._changed:
            dropped = list(self._background)
            self._background.clear()
            return dropped

    @property
    def someone_waits(self) -> bool:
        """Whether a request waits that is not of the background."""
        with self._changed:
            return bool(self._first)
