"""Watching the machine, and holding back what it has no room for, until it has again."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import psutil

from core.budget.govern import (
    PLENTY_BYTES,
    Decision,
    OnBattery,
    Readings,
    Stage,
    State,
    Wishes,
    govern,
    waive,
)
from core.budget.measure import measure_battery, measure_free, measure_memory
from core.budget.network import metered
from core.budget.person import idle_s
from core.budget.pressure import stalled_s
from core.budget.screen import full_screen
from core.errors import UserError
from core.home import Home
from core.memory import return_memory
from core.settings import Settings

if TYPE_CHECKING:
    from app.service import Service

LOOK_EVERY_S, LOOK_CLOSELY_S = 2.0, 0.5
SLOW_EVERY_S = 30.0  # what other programs have to be asked for
LOAD_OVER_S = 5.0
PRESSURE_OVER_S = 2.0
READER_KEPT_S = 3.0  # without work, while memory is short
SPARE_BYTES = 100_000_000  # to be left when a language model has come


class Sampler:
    """Takes readings, each no more often than it costs, and only those that are asked for."""

    def __init__(self, home: Home, pids: Callable[[], Mapping[str, Sequence[int]]]) -> None:
        """`pids` gives the processes that are Satchel's own."""
        self._home = home
        self._pids = pids
        self._stalls: deque[tuple[float, tuple[float, ...]]] = deque()
        self._slow = Readings()
        self._slow_at_s: float | None = None
        self._asked: Wishes | None = None
        self._load = Load()

    def __call__(self, wishes: Wishes, now_s: float, hurry: bool) -> Readings:
        """The readings of this moment; in a `hurry` no other program is asked."""
        asked = self._slow_at_s is not None and self._asked == wishes
        if not hurry and not (asked and now_s - (self._slow_at_s or 0.0) < SLOW_EVERY_S):
            self._slow, self._slow_at_s, self._asked = self._ask(wishes), now_s, wishes
        disk_bytes, free_bytes = measure_free(self._home)
        own = [pid for pids in self._pids().values() for pid in pids] if wishes.under_load else []
        return Readings(
            memory_available_bytes=measure_memory().available_bytes,
            memory_pressure=self._pressure(now_s),
            disk_bytes=disk_bytes,
            disk_free_bytes=free_bytes,
            on_battery=self._slow.on_battery,
            battery_share=self._slow.battery_share,
            others_share=self._load.others_share(own, now_s) if wishes.under_load else None,
            person_idle_s=self._slow.person_idle_s,
            full_screen=self._slow.full_screen,
            metered=self._slow.metered,
        )

    @staticmethod
    def _ask(wishes: Wishes) -> Readings:
        on_battery = share = None
        if wishes.on_battery != "never":
            on_battery, share = measure_battery()
        own = (os.getpid(), os.getppid())  # the service's parent is the window
        return Readings(
            on_battery=on_battery,
            battery_share=share,
            person_idle_s=idle_s() if wishes.under_load else None,
            full_screen=full_screen(own) if wishes.in_full_screen else None,
            metered=metered() if wishes.when_metered else None,
        )

    def _pressure(self, now_s: float) -> float | None:
        """The share of the last seconds in which some process waited for memory."""
        self._stalls.append((now_s, stalled_s()))
        while len(self._stalls) > 2 and now_s - self._stalls[1][0] >= PRESSURE_OVER_S:
            self._stalls.popleft()
        (since_s, before), (_, after) = self._stalls[0], self._stalls[-1]
        if now_s - since_s < PRESSURE_OVER_S or len(before) != len(after) or not after:
            return None
        longest_s = max(b - a for a, b in zip(before, after, strict=True))
        return min(1.0, max(0.0, longest_s / (now_s - since_s)))


class Load:
    """How much of the processors other programs use, over some seconds."""

    def __init__(self) -> None:
        self._before: tuple[float, float, float] | None = None
        self._share: float | None = None

    def others_share(self, own: Sequence[int], now_s: float) -> float | None:
        """The share, 0 to 1, as of the last few seconds; None until it is known."""
        if self._before is not None and now_s - self._before[0] < LOAD_OVER_S:
            return self._share
        times = psutil.cpu_times()
        busy_s = sum(times) - times.idle - getattr(times, "iowait", 0.0)
        busy_s -= getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        own_s = 0.0
        for pid in own:
            with contextlib.suppress(psutil.Error):
                spent = psutil.Process(pid).cpu_times()
                own_s += spent.user + spent.system
        if self._before is not None:
            before_s, before_busy_s, before_own_s = self._before
            # What ended meanwhile is not counted any more: it was little.
            others_s = busy_s - before_busy_s - max(0.0, own_s - before_own_s)
            share = others_s / ((now_s - before_s) * (psutil.cpu_count() or 1))
            self._share = min(1.0, max(0.0, share))
        self._before = (now_s, busy_s, own_s)
        return self._share


def wishes_of(settings: Settings) -> Wishes:
    """When the person wants indexing to pause."""
    return Wishes(
        cast("OnBattery", settings.text("index.pause_on_battery")),
        bool(settings.get("index.pause_under_load")),
        bool(settings.get("index.pause_in_full_screen")),
        bool(settings.get("index.pause_when_metered")),
    )


class Governor:
    """A thread that looks at the machine and acts on what `core.budget.govern` decides."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.sampler: Callable[[Wishes, float, bool], Readings]
        self.sampler = Sampler(service.home, service.pids)
        self.clock = time.monotonic
        self.decision = Decision()
        self._state = State()
        self._available_bytes: int | None = None
        self._unloaded = False  # the search model, and it comes back by itself
        self._looking = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="governor", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            # A disk that does not answer is told by whoever needs it; the next look may see it.
            with contextlib.suppress(OSError):
                self._service.look_at_home()
                self.look()
            short = self._available_bytes is not None and self._available_bytes < PLENTY_BYTES
            closely = short or self.decision.stage > Stage.ALL
            if self._stopping.wait(LOOK_CLOSELY_S if closely else LOOK_EVERY_S):
                return

    def look(self) -> None:
        """Look at the machine now, and act."""
        with self._looking:
            now_s = self.clock()
            # A command that ends at once is not kept by a program that is slow to answer.
            hurry = self._available_bytes is None or self.decision.stage >= Stage.CACHES_GIVEN_UP
            wishes = wishes_of(self._service.settings)
            readings = self.sampler(wishes, now_s, hurry)
            self._available_bytes = readings.memory_available_bytes
            before = self.decision
            self.decision, self._state = govern(self._state, readings, wishes, now_s)
            self._act(before)

    def waive(self) -> None:
        """The person wants indexing to go on: what they wished for otherwise is set aside."""
        with self._looking:
            self._state = waive(self._state)
        self.look()

    def check_memory(self, needed_bytes: int = 0) -> None:
        """Raises UserError when the machine has no memory for something new, or not so much."""
        free = self._available_bytes
        squeezed = self.decision.stage >= Stage.CONTEXTS_GIVEN_UP
        short = squeezed and free is not None and free < needed_bytes + SPARE_BYTES
        if self.decision.stage >= Stage.REFUSING or (needed_bytes and short):
            raise no_memory()

    def close(self) -> None:
        """Stop looking."""
        self._stopping.set()
        self._thread.join()

    # --- acting -------------------------------------------------------------------------

    def _act(self, before: Decision) -> None:
        service, stage = self._service, self.decision.stage
        service.work.standing.hold(self.decision)
        if self.decision.gives_up_texts != before.gives_up_texts:
            service.engine.kept.give_up_texts(self.decision.gives_up_texts)
        let_go = stage > before.stage
        service.model.squeeze(stage >= Stage.CACHES_GIVEN_UP)
        if stage >= Stage.CACHES_GIVEN_UP:
            service.engine.cache.clear()
            service.lookups.let_go()
            for readers in (service.index_readers, service.query_readers):
                readers.end_idle(time.monotonic(), READER_KEPT_S)
        if stage >= Stage.REFUSING > before.stage:
            service.model.give_up(no_memory())
        if stage >= Stage.CONTEXTS_GIVEN_UP:
            service.model.let_go()
        if stage >= Stage.MODELS_UNLOADED and service.engine.has_embedder:
            service.engine.let_go()
            self._unloaded = let_go = True
        if let_go and stage >= Stage.CACHES_GIVEN_UP:
            return_memory()
        if stage == Stage.ALL and self._unloaded:
            self._unloaded = False
            self._load_again()

    def _load_again(self) -> None:
        """Load the search model, unless it would have left anyway because nobody searches."""
        service = self._service
        if service.idle_for_s() < 60 * service.settings.number("search.idle_minutes"):
            with contextlib.suppress(UserError):
                service.engine.embedder()


def no_memory() -> UserError:
    """What to say when other programs have taken the memory."""
    return UserError(
        "Other programs need the memory of this computer, and there is too little left for this.",
        "Close some of them and try again; a search by words still works.",
    )
