"""How much may still be written into a home: what its disk budget and the disk itself leave."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

from core.budget.measure import measure_disk, measure_free
from core.errors import NoRoomError
from core.home import Home
from core.store.database import LOG_BYTES, sizes

# Kept free of the index: for settings, conversations and what else is small and has to be kept.
LEAST_ROOM_BYTES = 300_000
LEAST_TO_TALK_BYTES = 150_000  # of that, for a conversation to begin
STEP_BYTES = 32_000
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Room:
    """Bytes that the index of one home may still take."""

    def __init__(self, home: Home, budget_bytes: Callable[[], int]) -> None:
        self._home = home
        self._budget_bytes = budget_bytes

    def __call__(self) -> int:
        """The bytes left of the budget or of the disk, whichever are fewer; may be negative.

        What the catalogue's log may come to take is not left, nor what is kept free.
        """
        return self._left()[0] - LEAST_ROOM_BYTES - log_reserve(self._home.catalogue)

    def to_talk(self) -> bool:
        """Whether a conversation may begin."""
        return self() + LEAST_ROOM_BYTES >= LEAST_TO_TALK_BYTES

    def error(self) -> NoRoomError:
        """What to say when something does not fit."""
        return disk_full() if self.is_the_disk() else budget_used_up()

    def is_the_disk(self) -> bool:
        """Whether the disk leaves less than the budget does."""
        left, by_budget = self._left()
        return left < by_budget

    def _left(self) -> tuple[int, int]:
        by_budget = self._budget_bytes() - measure_disk(self._home).total
        free = measure_free(self._home)[1]
        return (by_budget if free is None else min(by_budget, free)), by_budget


def log_reserve(catalogue: Path) -> int:
    """Bytes by which the log of a catalogue may still grow.

    A transaction changes each page once at most; what is new in it has been asked for.
    """
    database, log = sizes(catalogue)
    return max(0, database + LOG_BYTES - log)


class Growth:
    """Asks for room before many small things are written; not for each of them.

    Files have to be known to be counted as waiting: a few of them may be noted in what is
    otherwise kept free.
    """

    def __init__(self, room: Callable[[], int], error: Callable[[], NoRoomError]) -> None:
        self._room = room
        self._error = error
        self._since = STEP_BYTES

    def __call__(self, grows_bytes: int) -> None:
        """So many bytes are to be written. Raises NoRoomError when they do not fit."""
        self._since += grows_bytes
        if self._since < STEP_BYTES:
            return
        room = self._room()
        few = grows_bytes <= STEP_BYTES and room + LEAST_ROOM_BYTES + LOG_BYTES >= 4 * STEP_BYTES
        if room < max(grows_bytes, STEP_BYTES) - LEAST_ROOM_BYTES // 2 and not few:
            raise self._error()
        self._since = 0


def budget_used_up() -> NoRoomError:
    """The disk budget leaves nothing."""
    return NoRoomError(
        "The disk budget is used up; new content waits.",
        "Give Satchel more with `satchel budget --disk SIZE`, or watch fewer folders.",
    )


def disk_full() -> NoRoomError:
    """The disk itself leaves nothing."""
    return NoRoomError(
        "The disk is full; new content waits.",
        "Free some space; what was indexed before is kept.",
    )


def is_full(error: OSError) -> bool:
    """Whether a write failed because the disk, or a quota on it, is full."""
    return error.errno in _FULL
