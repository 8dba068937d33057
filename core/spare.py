"""A little room kept on the disk, so that a home can be opened where the disk is full.

SQLite needs a file of 32 kB beside each database to open it, if only to read; without that a
person whose disk another program has filled could not even search.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from core.budget.measure import measure_free
from core.home import Home

SPARE_BYTES = 128_000
PLENTY_BYTES = 8 * SPARE_BYTES  # with less left, the room is somebody else's


def keep_spare(home: Home, room: Callable[[], int]) -> None:
    """Keep the room, where disk and budget have far more of it; `room` tells how much there is."""
    if home.spare.exists() or room() < PLENTY_BYTES:
        return
    with contextlib.suppress(OSError):  # done without, the home is as good as any
        # Random, or a file system that compresses would keep no room at all.
        home.spare.write_bytes(os.urandom(SPARE_BYTES))
        home.spare.chmod(0o600)


def use_spare(home: Home) -> None:
    """Give the room to what is about to be opened, where the disk has none."""
    free = measure_free(home)[1]
    if free is not None and free < SPARE_BYTES:
        with contextlib.suppress(OSError):
            home.spare.unlink(missing_ok=True)
