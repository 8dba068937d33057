"""Segments that were found damaged while they were in use, kept out of every search.

A search that comes upon altered bytes stops. Then every open segment is
checked whole, and the searches after that see the others only, until the
thread that changes the store has dropped what is damaged.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from core.index.segment_format import SegmentError
from core.index.view import View
from core.store.rows import Loss


class Quarantine:
    """The damaged segments of one store, by their ids. For any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._damaged: dict[int, str] = {}
        self._made: tuple[View, View] | None = None  # of the store, and without what is damaged

    def sound(self, view: View) -> View:
        """A view without the segments that are damaged."""
        with self._lock:
            if not self._damaged:
                return view
            if self._made is None or self._made[0] is not view:
                self._made = (view, view.without(set(self._damaged)))
            return self._made[1]

    def look(self, view: View) -> bool:
        """Check all segments of a view but those known; whether any is damaged."""
        found: dict[int, str] = {}
        for number, segment in self.sound(view).segments:
            try:
                segment.check()
            except SegmentError as error:
                found[number] = str(error)
        with self._lock:
            self._damaged.update(found)
            self._made = None
        return bool(found)

    @property
    def damaged(self) -> dict[int, str]:
        """What is wrong with which segments, in words."""
        with self._lock:
            return dict(self._damaged)

    def release(self, numbers: set[int]) -> None:
        """Segments that are not in the store any more."""
        with self._lock:
            self._damaged = {n: what for n, what in self._damaged.items() if n not in numbers}
            self._made = None


def in_words(losses: Sequence[Loss]) -> str | None:
    """What is missing because it was damaged; None when nothing is."""
    if not losses:
        return None
    files = sum(loss.files for loss in losses)
    what = losses[0].what if len(losses) == 1 else f"{losses[0].what} and {len(losses) - 1} more"
    held = {0: "what was in it is", 1: "1 file is"}.get(files, f"{files} files are")
    return f"Part of the index was damaged ({what}): {held} missing here until read again."
