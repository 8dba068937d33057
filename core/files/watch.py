"""File events as hints: what may have changed below the watched folders.

The surveys are the truth: one at the start and one now and then, for what
events do not tell. Where the system cannot watch a folder they are all there is.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from watchdog.events import FileSystemEvent, FileSystemEventHandler

from core.files.changes import EVERYTHING, Changes, Coalescer
from core.files.mounts import mount_points, mounted_in
from core.files.observe import EVENTS, forget_moved_out, make_observer
from core.files.paths import is_under, moved
from core.files.rules import Rules

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver, ObservedWatch

RECONCILE_S = 600.0
PLACES_S = 5.0  # how often it is looked whether drives came or went
_TOLD_BY_FILES = ("opened", "closed_no_write")
_KNOWN = ("created", "deleted", "modified", "moved", "closed", "attrib")


@dataclass(slots=True)
class _Root:
    """A watched folder. `real` is its path without links, which events speak of.

    `place` tells one folder, and the drives in it, from another at the same path.
    `unwatched` are folders in it that are left out, or cannot be opened.
    """

    path: str
    rules: Rules
    real: str
    place: object = None
    watch: ObservedWatch | None = None
    error: OSError | None = None
    unwatched: set[str] = field(default_factory=set)


class Watcher(FileSystemEventHandler):
    """Listens for changes below some folders.

    One thread uses it; events come on others.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pending = Coalescer()
        self._roots: list[_Root] = []
        self._make_rules: Callable[[str], Rules] = Rules
        self._observer: BaseObserver | None = None
        self._key: object = None
        self._failing: dict[str, OSError] = {}
        self._renew: set[str] = set()
        self._again: set[str] = set()
        self._reconcile_at = 0.0
        self._look_at = 0.0

    def follow(self, roots: Sequence[str], rules: Callable[[str], Rules], key: object) -> None:
        """Listen to these folders from now on, and have all of them looked at.

        Nothing happens when `key`, which stands for folders and rules, is the same as before.
        """
        if key == self._key:
            return
        self.close()
        self._key = key
        self._make_rules = rules
        self._roots = [_Root(path, rules(path), os.path.realpath(path)) for path in roots]
        self._look_at = time.monotonic() + PLACES_S
        try:
            self._observer = make_observer(self)
        except OSError as error:
            for root in self._roots:
                root.error = error
        for root in self._roots:
            self._listen(root)
        self.give_back(EVERYTHING)

    @property
    def limited(self) -> str | None:
        """Which folders cannot be watched, and why, in words."""
        failing = [root for root in self._roots if root.error is not None]
        if not failing or failing[0].error is None:
            return None
        error = failing[0].error
        limit = {
            errno.ENOSPC: " (raise fs.inotify.max_user_watches to allow more)",
            errno.EMFILE: " (raise fs.inotify.max_user_instances to allow more)",
        }.get(error.errno or 0, f" ({error.strerror or error})")
        return (
            f"Changes in {', '.join(root.path for root in failing)} are found by scanning every "
            f"{RECONCILE_S / 60:.0f} minutes: the system cannot watch so many folders{limit}."
        )

    # --- for whoever deals with the changes ---------------------------------------------

    def wait(self, timeout_s: float) -> bool:
        """Wait until changes are due; False when `timeout_s` passed without."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._tend()
            with self._changed:
                now = time.monotonic()
                due_s = self._due_in_s(now)
                if due_s == 0.0:
                    return True
                if now >= deadline:
                    return False
                look_s = max(0.0, self._look_at - now)
                self._changed.wait(min(deadline - now, due_s, look_s))

    def take_due(self) -> Changes | None:
        """Changes that are due; None without any."""
        self._tend()
        with self._changed:
            now = time.monotonic()
            if self._due_in_s(now) > 0.0:
                return None
            taken = EVERYTHING if now >= self._reconcile_at else self._pending.take()
            if taken.everything:
                self._pending.take()
                self._reconcile_at = now + RECONCILE_S
            return taken

    def _due_in_s(self, now: float) -> float:
        pending = self._pending.due_in_s(now)
        reconcile = max(0.0, self._reconcile_at - now)
        return reconcile if pending is None else min(reconcile, pending)

    def give_back(self, changes: Changes) -> None:
        """Changes that were not dealt with: they are due at once."""
        with self._changed:
            self._pending.give_back(changes, time.monotonic())

    def look_again(self, paths: Iterable[str]) -> None:
        """Files that were being written: they are due soon."""
        for path in paths:
            self._touch(path)

    def close(self) -> None:
        """Stop listening."""
        if self._observer is not None and self._observer.is_alive():
            self._observer.stop()
            self._observer.join(timeout=5)
        self._observer = None
        self._roots = []
        self._key = None
        with self._changed:
            self._pending.take()
            self._failing.clear()
            self._renew.clear()

    # --- folders that come, go, or cannot be watched --------------------------------------

    def _listen(self, root: _Root) -> None:
        """Listen to a folder, if it is there and can be watched."""
        self._stop_listening(root)
        root.rules = self._make_rules(root.path)
        root.real = os.path.realpath(root.path)
        root.place = _place(root.path)
        root.unwatched = set()
        if root.place is None or root.error is not None or self._observer is None:
            return
        try:
            root.watch = self._observer.schedule(
                self, root.real, recursive=True, event_filter=EVENTS
            )
        except (FileNotFoundError, NotADirectoryError):
            root.place = None
        except PermissionError:
            pass  # the survey tells of it
        except OSError as error:
            root.error = error
        with self._changed:
            root.error = self._failing.pop(root.path, root.error)
        if root.error is not None:
            self._stop_listening(root)  # what was added is given back: others need watches too

    def _stop_listening(self, root: _Root) -> None:
        if root.watch is not None and self._observer is not None:
            self._observer.unschedule(root.watch)
        root.watch = None

    def _tend(self) -> None:
        """Give up folders that are too large to watch; listen anew where that is needed."""
        with self._changed:
            failing, self._failing = self._failing, {}
            renew, self._renew = self._renew, set()
            again, self._again = self._again, set()
        look = time.monotonic() >= self._look_at
        if look:
            self._look_at = time.monotonic() + PLACES_S
        for root in self._roots:
            if root.path in failing:
                self._stop_listening(root)
                root.error = failing[root.path]
                self._touch(root.path)
            elif (
                root.path in again
                or (root.path in renew and _any_opened(root))
                or (look and _place(root.path) != root.place)
            ):
                self._listen(root)
                self._touch(root.path)

    # --- told by the observer ---------------------------------------------------------------

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Note what happened where."""
        kind = event.event_type
        told_otherwise = event.is_directory and kind == "modified"
        if kind in _TOLD_BY_FILES or told_otherwise or event.is_synthetic:
            return
        if kind not in _KNOWN:
            self.lost()
            return
        old = self._watched(os.fsdecode(event.src_path), deleted=kind == "deleted")
        new = self._watched(os.fsdecode(event.dest_path)) if event.dest_path else None
        with self._changed:
            now = time.monotonic()
            if old is not None and new is not None:
                self._pending.move(old, new, now)
                if old.casefold() == new.casefold():
                    # Where case does not count the old name seems to be there still.
                    self._pending.touch(os.path.dirname(new), now)  # noqa: PTH120
            elif old is not None or new is not None:
                self._pending.touch(old or new or "", now)
            self._changed.notify_all()
        if event.is_directory and kind == "deleted" and self._observer is not None:
            path = os.fsdecode(event.src_path)
            if not os.path.lexists(path):
                forget_moved_out(self._observer, path)

    def _watched(self, real: str, *, deleted: bool = False) -> str | None:
        """The path of an event as the folders are named; None when it does not matter."""
        for root in self._roots:
            if is_under(real, root.real):
                path = moved(real, root.real, root.path)
                if path == root.path:
                    if deleted:
                        with self._changed:
                            self._again.add(path)
                    return path
                above, name = os.path.split(path)
                if not root.rules.passes(above):
                    return None
                if Rules.steers(name):
                    root.rules = root.rules.fresh()
                if Rules.steers(name) or path in root.unwatched:
                    with self._changed:
                        self._renew.add(root.path)
                return path
        return None

    def leaves_out(self, folder: str) -> bool:
        """Whether a folder need not be watched: the rules do not enter it."""
        for root in self._roots:
            if is_under(folder, root.real):
                path = moved(folder, root.real, root.path)
                if root.rules.passes(path):
                    if not os.access(path, os.R_OK):
                        root.unwatched.add(path)
                    return False
                if root.rules.passes(os.path.dirname(path)):  # noqa: PTH120
                    root.unwatched.add(path)
                return True
        return False

    def lost(self) -> None:
        """Nobody knows what happened."""
        with self._changed:
            self._pending.lose(time.monotonic())
            self._changed.notify_all()

    def cannot_watch(self, folder: str, error: OSError) -> None:
        """The limit is reached: the watched folder is surveyed instead."""
        with self._changed:
            for root in self._roots:
                if is_under(folder, root.real):
                    self._failing[root.path] = error
            self._changed.notify_all()

    def _touch(self, path: str) -> None:
        with self._changed:
            self._pending.touch(path, time.monotonic())
            self._changed.notify_all()


def _place(path: str) -> object:
    """What tells a folder, and the drives in it, from another one at this path; None if gone."""
    try:
        status = Path(path).stat()
        with os.scandir(path):
            return status.st_dev, status.st_ino, mounted_in(path, mount_points())
    except OSError:
        return None


def _any_opened(root: _Root) -> bool:
    """Whether a folder that was not watched may be entered now."""
    rules = root.rules.fresh()
    return any(
        rules.passes(path) and os.access(path, os.R_OK) and Path(path).is_dir()
        for path in tuple(root.unwatched)
    )
