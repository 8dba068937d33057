"""What Satchel holds back of itself, and why: a ladder that steps down at once and up with care.

Pure: whoever measures hands in `Readings`, whoever acts takes the `Decision`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Literal

MB = 1_000_000

OnBattery = Literal["never", "below half", "always"]
ON_BATTERY: tuple[OnBattery, ...] = ("never", "below half", "always")


class Stage(IntEnum):
    """How much is held back; each rung includes those before it."""

    ALL = 0  # nothing
    WORK_HELD = 1  # indexing waits
    CACHES_GIVEN_UP = 2  # what is only kept to be quick, and readers that wait for files
    CONTEXTS_GIVEN_UP = 3  # the language model leaves, context and all, when it is not answering
    MODELS_UNLOADED = 4  # the search model too: searches find by words
    REFUSING = 5  # no new questions; an answer in the making is given up


class Cause(IntEnum):
    """What something is held back for, the most pressing first."""

    MEMORY = 0
    DISK = 1
    BATTERY = 2
    LOAD = 3
    SCREEN = 4
    METERED = 5


# Those that the person may set aside.
WISHED = frozenset({Cause.BATTERY, Cause.LOAD, Cause.SCREEN, Cause.METERED})


@dataclass(frozen=True, slots=True)
class Readings:
    """The machine at one moment. None is unknown, and never a reason for anything.

    Shares are 0 to 1. `memory_pressure` is the share of the last seconds in which some
    process waited for memory, `others_share` how much of all processors other programs use,
    `person_idle_s` since when nobody has typed or moved.
    """

    memory_available_bytes: int | None = None
    memory_pressure: float | None = None
    disk_bytes: int | None = None
    disk_free_bytes: int | None = None
    on_battery: bool | None = None
    battery_share: float | None = None
    others_share: float | None = None
    person_idle_s: float | None = None
    full_screen: bool | None = None
    metered: bool | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """When the person wants indexing to pause."""

    on_battery: OnBattery = "never"
    under_load: bool = False
    in_full_screen: bool = False
    when_metered: bool = False


@dataclass(frozen=True, slots=True)
class Rung:
    """Memory below which, and pressure from which on, a stage begins, and where it may end.

    It ends with so much more memory that what comes back then has room.
    """

    stage: Stage
    begins_bytes: int
    ends_bytes: int
    begins_pressure: float
    ends_pressure: float


RUNGS = (
    Rung(Stage.WORK_HELD, 250 * MB, 460 * MB, 0.10, 0.05),
    Rung(Stage.CACHES_GIVEN_UP, 200 * MB, 420 * MB, 0.20, 0.10),
    Rung(Stage.CONTEXTS_GIVEN_UP, 160 * MB, 380 * MB, 0.35, 0.15),
    Rung(Stage.MODELS_UNLOADED, 120 * MB, 350 * MB, 0.60, 0.25),
    Rung(Stage.REFUSING, 60 * MB, 270 * MB, 2.0, 2.0),  # never for pressure alone
)
PLENTY_BYTES = 2_000 * MB  # with more memory than this, pressure is that of somebody else's limit
AHEAD_S = 0.5  # memory that falls fast counts as it will be so much later

DISK_LEAST_BYTES, DISK_LEAST_SHARE = 200 * MB, 0.01  # free; the smaller of both
DISK_ENDS = 1.5  # times as much
DISK_TEXTS = 0.25  # of it: then the text cache is given up as well
BATTERY_BEGINS, BATTERY_ENDS = 0.50, 0.55
LOAD_BEGINS, LOAD_ENDS = 0.50, 0.30
AWAY_S = 300.0  # nobody is there to mind the load

CALM_S: Mapping[Cause, float] = {
    Cause.MEMORY: 3.0, Cause.DISK: 3.0, Cause.BATTERY: 3.0, Cause.LOAD: 10.0, Cause.SCREEN: 5.0,
    Cause.METERED: 5.0,
}  # fmt: skip
RELAPSE_S = 60.0  # a return that lasts less makes the next one wait twice as long
MOST_CALM_S = 120.0
FORGIVEN_S = 600.0


@dataclass(frozen=True, slots=True)
class Held:
    """One cause: its level now, since when a lower one would do, and how returning went so far."""

    level: int = 0
    better_since_s: float | None = None
    calm_s: float = 0.0  # how long it must be better before the first step up
    climbing: bool = False
    returned_s: float | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What one step of `govern` hands to the next."""

    held: Mapping[Cause, Held] = field(default_factory=lambda: {cause: Held() for cause in Cause})
    seen_s: float | None = None
    seen_bytes: int | None = None
    waived: frozenset[Cause] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """What is held back. `reasons` are clauses, the most pressing first; none at `Stage.ALL`."""

    stage: Stage = Stage.ALL
    causes: tuple[Cause, ...] = ()
    reasons: tuple[str, ...] = ()
    gives_up_texts: bool = False

    @property
    def holds_work(self) -> bool:
        """Whether nothing may be indexed, though somebody waits for it."""
        return bool({Cause.MEMORY, Cause.DISK} & set(self.causes))

    @property
    def why(self) -> str | None:
        """All of it in words; None when nothing is held back."""
        if not self.reasons:
            return None
        text = f"paused because {' and '.join(self.reasons)}"
        if self.stage >= Stage.REFUSING:
            return f"{text}; searches find by words only, and questions have to wait"
        return f"{text}; searches find by words only" if self.words_only else text

    @property
    def words_only(self) -> bool:
        """Whether searches do without the search model."""
        return self.stage >= Stage.MODELS_UNLOADED


def govern(
    state: State, readings: Readings, wishes: Wishes, now_s: float
) -> tuple[Decision, State]:
    """One step. `now_s` is of a clock that never goes back.

    A worse moment acts at once and may skip rungs; a better one has to last, and goes up
    rung by rung.
    """
    needs = _needs(state, readings, wishes, now_s)
    waived = frozenset(cause for cause in state.waived if needs[cause][1])
    held = {
        cause: _step(
            state.held[cause], (0, 0) if cause in waived else need, CALM_S[cause], now_s,
            at_once=cause in waived,
        )
        for cause, need in needs.items()
    }  # fmt: skip
    seen = readings.memory_available_bytes
    return _decision(held, readings), State(held, now_s, seen, waived)


def waive(state: State) -> State:
    """The person wants indexing to go on in spite of what they wished for, until that is over."""
    return replace(state, waived=state.waived | {c for c in WISHED if state.held[c].level})


def _step(held: Held, need: tuple[int, int], calm_s: float, now_s: float, *, at_once: bool) -> Held:
    """The next level: at least the first of `need`, and what is over the second goes in time."""
    least, most = need
    since_s = 0.0 if held.returned_s is None else now_s - held.returned_s
    if at_once:
        return Held(returned_s=held.returned_s)
    if least > held.level:
        relapse = held.returned_s is not None and since_s < RELAPSE_S
        forgiven = held.returned_s is None or since_s >= FORGIVEN_S
        waits_s = min(2 * held.calm_s, MOST_CALM_S) if relapse else held.calm_s
        waits_s = calm_s if forgiven else waits_s
        return Held(least, None, max(calm_s, waits_s), climbing=False, returned_s=held.returned_s)
    if held.level <= most:
        return replace(held, better_since_s=None)
    if held.better_since_s is None:
        return replace(held, better_since_s=now_s)
    if now_s - held.better_since_s < (calm_s if held.climbing else held.calm_s):
        return held
    return replace(
        held, level=held.level - 1, better_since_s=now_s, climbing=True, returned_s=now_s
    )


# --- what each reading asks for: the level it makes necessary, and the one it still allows --------


def _needs(
    state: State, now: Readings, wishes: Wishes, now_s: float
) -> dict[Cause, tuple[int, int]]:
    return {
        Cause.MEMORY: _memory(state, now, now_s),
        Cause.DISK: _disk(now),
        Cause.BATTERY: _battery(now, wishes),
        Cause.LOAD: _load(now, wishes),
        Cause.SCREEN: (1, 1) if wishes.in_full_screen and now.full_screen else (0, 0),
        Cause.METERED: (1, 1) if wishes.when_metered and now.metered else (0, 0),
    }


def _memory(state: State, now: Readings, now_s: float) -> tuple[int, int]:
    free, pressure = now.memory_available_bytes, now.memory_pressure or 0.0
    soon: float | None = free
    if free is not None and free >= PLENTY_BYTES:
        pressure = 0.0
    elif free is not None and state.seen_bytes is not None and state.seen_s is not None:
        passed_s = now_s - state.seen_s
        fell = min(0, free - state.seen_bytes)
        soon = free + fell * (1.0 if passed_s <= AHEAD_S else AHEAD_S / passed_s)
    least = most = 0
    for rung in RUNGS:
        if (soon is not None and soon < rung.begins_bytes) or pressure >= rung.begins_pressure:
            least = rung.stage
        if (free is not None and free < rung.ends_bytes) or pressure > rung.ends_pressure:
            most = rung.stage
    return least, max(least, most)


def _disk(now: Readings) -> tuple[int, int]:
    if now.disk_free_bytes is None:
        return 0, 0
    least_bytes: float = DISK_LEAST_BYTES
    if now.disk_bytes is not None:
        least_bytes = min(least_bytes, DISK_LEAST_SHARE * now.disk_bytes)

    def level(free_bytes: float) -> int:
        return (free_bytes < least_bytes) + (free_bytes < DISK_TEXTS * least_bytes)

    return level(now.disk_free_bytes), level(now.disk_free_bytes / DISK_ENDS)


def _battery(now: Readings, wishes: Wishes) -> tuple[int, int]:
    if not now.on_battery or wishes.on_battery == "never":
        return 0, 0
    if wishes.on_battery == "always":
        return 1, 1
    share = now.battery_share
    return (0, 0) if share is None else (int(share < BATTERY_BEGINS), int(share < BATTERY_ENDS))


def _load(now: Readings, wishes: Wishes) -> tuple[int, int]:
    away = now.person_idle_s is not None and now.person_idle_s >= AWAY_S
    if not wishes.under_load or now.others_share is None or away:
        return 0, 0
    return int(now.others_share >= LOAD_BEGINS), int(now.others_share > LOAD_ENDS)


# --- in words -----------------------------------------------------------------------------------


def _decision(held: Mapping[Cause, Held], now: Readings) -> Decision:
    causes = tuple(cause for cause in Cause if held[cause].level)
    memory = Stage(held[Cause.MEMORY].level)
    return Decision(
        stage=max(memory, Stage.WORK_HELD) if causes else Stage.ALL,
        causes=causes,
        reasons=tuple(_in_words(cause, now) for cause in causes),
        gives_up_texts=held[Cause.DISK].level > 1,
    )


def _in_words(cause: Cause, now: Readings) -> str:
    """Why, with the figure where it is known. Rounded, so that it is not told anew all the time."""
    if cause is Cause.MEMORY:
        return "other programs need the memory"
    if cause is Cause.DISK:
        return "the disk is nearly full" + _free(now.disk_free_bytes)
    if cause is Cause.BATTERY:
        share = "" if now.battery_share is None else f" ({now.battery_share:.0%})"
        return "the computer runs on battery" + share.replace("%", " %")
    if cause is Cause.LOAD:
        return "other programs need the processor"
    if cause is Cause.SCREEN:
        return "an app is in full screen"
    return "the network connection is metered"


def _free(free_bytes: int | None) -> str:
    if free_bytes is None:
        return ""
    if free_bytes < MB:
        return " (less than 1 MB free)"
    return f" ({round(free_bytes / MB, -1 if free_bytes >= 100 * MB else 0):.0f} MB free)"
