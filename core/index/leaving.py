"""Folders that are not watched any more, whose index waits a while for the person to undo that.

Until its time has passed nothing of such a folder is found, and nothing in it is looked at;
what was indexed stays where it is, so that all of it is back at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence

from core.files.paths import is_under
from core.index.view import View
from core.store.catalogue import Catalogue


class Leaving:
    """The folders that leave, by their paths, and when. For any number of threads."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._until_s: dict[str, float] = {}
        self._hidden: frozenset[int] = frozenset()
        self._made: tuple[View, View] | None = None  # of the store, and without what leaves

    def part_with(self, paths: Collection[str], undo_s: float) -> None:
        """These folders leave in so many seconds."""
        with self._lock:
            self._until_s.update(dict.fromkeys(paths, self._clock_s() + undo_s))

    def stay(self, paths: Collection[str]) -> None:
        """These are watched again, or never left."""
        with self._lock:
            for path in paths:
                self._until_s.pop(path, None)

    def forget_due(self) -> bool:
        """Forget those whose time has come, which are to be dropped now; whether there were any."""
        now_s = self._clock_s()
        with self._lock:
            before = len(self._until_s)
            self._until_s = {path: at for path, at in self._until_s.items() if at > now_s}
            return len(self._until_s) < before

    def left_s(self) -> float | None:
        """Seconds until the next one leaves; None when none does."""
        with self._lock:
            if not self._until_s:
                return None
            return max(0.0, min(self._until_s.values()) - self._clock_s())

    @property
    def paths(self) -> tuple[str, ...]:
        """Those that have not left."""
        with self._lock:
            return tuple(self._until_s)

    def hide_all(self, catalogue: Catalogue) -> None:
        """Hide what no other folder holds as well."""
        documents = only_below(catalogue, self.paths)
        with self._lock:
            self._hidden, self._made = documents, None

    def visible(self, view: View) -> View:
        """A view without what leaves."""
        with self._lock:
            if not self._hidden:
                return view
            if self._made is None or self._made[0] is not view:
                self._made = (view, view.hiding(self._hidden))
            return self._made[1]


def only_below(catalogue: Catalogue, folders: Sequence[str]) -> frozenset[int]:
    """The documents of files in these watched folders that are in no other one."""
    files = [
        number
        for row in catalogue.files.folders()
        if row.path in folders
        for number in catalogue.files.in_dirs(row.id, "")
    ]
    held = catalogue.files_of(catalogue.documents_of_files(files))
    return frozenset(
        document
        for document, refs in held.items()
        if all(any(is_under(ref.path, folder) for folder in folders) for ref in refs)
    )
