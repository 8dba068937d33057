"""What the work thread is doing, what holds it up, and telling those who watch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from core.budget.govern import Decision, Stage
from core.messages import Message, State

StateName = Literal["idle", "indexing", "paused", "attention"]


class Standing:
    """The state of indexing. The person's own pause comes before what the machine asks for."""

    def __init__(
        self, broadcast: Callable[[Message], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._broadcast = broadcast
        self._clock = clock
        self._paused = False
        self._until_s: float | None = None  # by the clock on the wall, for that is what was said
        self._decision = Decision()
        self._state: StateName = "idle"
        self._reason: str | None = None
        self._waited_for = False
        self._problem: str | None = None
        self._telling = threading.Lock()

    def warn(self, problem: str | None) -> None:
        """Something keeps everything from being written, in words, until it is told to be over."""
        with self._telling:
            if problem != self._problem:
                self._problem = problem
                self._tell()

    def pause(self, paused: bool, for_s: float | None = None) -> None:
        """The person holds indexing, for a while or until they say so, or lets it go on."""
        with self._telling:
            self._paused = paused
            self._until_s = self._clock() + for_s if paused and for_s is not None else None
            self._tell()

    def hold(self, decision: Decision) -> None:
        """What the machine has room for now; told again and again, so a pause can end here."""
        with self._telling:
            before = self.now()
            if self._until_s is not None and self._clock() >= self._until_s:
                self._paused, self._until_s = False, None
            self._decision = decision
            if self.now() != before:
                self._tell()

    def tell(
        self, state: StateName, reason: str | None = None, *, waited_for: bool = False
    ) -> None:
        """Something else is being done; `waited_for` says that somebody waits for its end."""
        # Told in the order in which it came about, or an older state would stay on the screen.
        with self._telling:
            self._state, self._reason, self._waited_for = state, reason, waited_for
            self._tell()

    def _tell(self) -> None:
        self._broadcast(State(0, *self.now()))

    def now(self) -> tuple[StateName, str | None]:
        """What is being done, and why if that needs a word. What keeps all from being written
        outweighs everything else, and then a pause.
        """
        if self._problem is not None:
            return "attention", self._problem
        if self._paused:
            if self._until_s is None:
                return "paused", "you paused it"
            until = time.strftime("%H:%M", time.localtime(self._until_s))
            return "paused", f"paused until {until}, as you asked"
        if self.is_held(self._waited_for):
            return "paused", self._decision.why
        return self._state, self._reason

    def is_held(self, waited_for: bool) -> bool:
        """Whether a request has to wait. One that somebody waits for goes on in spite of what the
        person wished for their battery or screen, but not without memory or disk.
        """
        held = self._decision.holds_work if waited_for else bool(self._decision.causes)
        return self._paused or held or self._problem is not None

    @property
    def squeezed(self) -> bool:
        """Whether what is held has to give up its memory."""
        return self._decision.stage >= Stage.CACHES_GIVEN_UP

    @property
    def busy(self) -> bool:
        """Whether files are being read or embedded right now."""
        return self._state == "indexing" and not self.is_held(self._waited_for)
