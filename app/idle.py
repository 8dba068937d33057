"""Giving memory back when nobody has needed it for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from core.memory import return_memory

LOOK_EVERY_SHARE = 0.1  # of the idle time; so memory goes at most a tenth of it late


class IdleKeeper:
    """A thread that runs some actions once each time nothing has happened for `idle_s`."""

    def __init__(
        self, idle_s: float, idle_for_s: Callable[[], float], let_go: Sequence[Callable[[], None]]
    ) -> None:
        """`idle_for_s` tells how long nothing has been asked or indexed; 0 while something is."""
        self._idle_s = idle_s
        self._idle_for_s = idle_for_s
        self._let_go = let_go
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="idle", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        done = False
        while not self._stopping.wait(max(0.05, self._idle_s * LOOK_EVERY_SHARE)):
            idle = self._idle_for_s() >= self._idle_s
            if idle and not done:
                for action in self._let_go:
                    action()
                return_memory()
            done = idle

    def close(self) -> None:
        """Stop looking."""
        self._stopping.set()
        self._thread.join()
