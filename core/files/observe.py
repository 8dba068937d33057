"""watchdog's observer, made to tell what it keeps to itself on Linux.

There watchdog adds a watch to every folder, which costs kernel memory and has a
limit. It passes over folders that it cannot add, says nothing of events that
the kernel dropped, and goes on watching folders that were moved away. The other
systems watch whole trees at no such cost. What is overridden here is not part of
watchdog's interface, so its version is pinned and a test goes with it.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, Protocol

from watchdog.events import (
    DirAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
)
from watchdog.observers import Observer
from watchdog.utils import UnsupportedLibcError

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

# Reading a file is no change, and what happens in a folder is told of the files in it.
EVENTS: list[type[FileSystemEvent]] = [
    DirAttribEvent, DirCreatedEvent, DirDeletedEvent, DirMovedEvent, FileAttribEvent,
    FileClosedEvent, FileCreatedEvent, FileDeletedEvent, FileModifiedEvent, FileMovedEvent,
]  # fmt: skip
LIMITS = (errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_UNMOUNTED = 0x2000  # IN_UNMOUNT


class Told(Protocol):
    """Who is asked and told by an observer, on threads of its own."""

    def leaves_out(self, folder: str) -> bool:
        """Whether a folder need not be watched."""
        ...

    def lost(self) -> None:
        """Events were lost, or a drive went."""
        ...

    def cannot_watch(self, folder: str, error: OSError) -> None:
        """The system's limit is reached."""
        ...


def make_observer(told: Told) -> BaseObserver:
    """A running observer. Raises OSError when the system has no more to give."""
    logging.getLogger("watchdog").addHandler(logging.NullHandler())  # it would write to stderr
    observer = _linux_observer(told)
    if observer is None:
        observer = Observer()
    observer.start()
    return observer


def _linux_observer(told: Told) -> BaseObserver | None:
    """An observer on inotify; None on other systems."""
    if sys.platform != "linux":
        return None
    try:
        from watchdog.observers.api import BaseObserver
        from watchdog.observers.inotify import InotifyEmitter, InotifyObserver
        from watchdog.observers.inotify_c import InotifyFD
    except UnsupportedLibcError:
        return None

    class TellingInotify(InotifyFD):
        def _add_callback(self, path: bytes, mask: Any, callback: Any, id_: Any) -> Any:
            folder = os.fsdecode(path)
            if told.leaves_out(folder) or not os.access(folder, os.R_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
            try:
                watch = self._get_or_create_watch(path, mask)
            except OSError as error:
                if error.errno in LIMITS:
                    told.cannot_watch(folder, error)
                raise
            watch.callbacks[id_] = callback
            return watch.wd

        def handle_event(self, event: Any) -> None:
            super().handle_event(event)
            if event.is_queue_overflow or event.mask & _UNMOUNTED:
                told.lost()

    class TellingObserver(InotifyObserver):
        def __init__(self) -> None:
            self._inotify_fd = TellingInotify()
            self._inotify_fd.start()
            BaseObserver.__init__(self, InotifyEmitter, inotify_fd=self._inotify_fd)

    return TellingObserver()


def forget_moved_out(observer: BaseObserver, folder: str) -> None:
    """Stop watching a folder that was moved to where nobody watches, and all below it."""
    raw = os.fsencode(folder)
    for emitter in observer.emitters.copy():
        group = getattr(emitter, "_inotify", None)
        if group is None or raw not in group._active_callbacks_by_path:
            continue
        with group._lock:
            below = raw + os.fsencode(os.sep)
            group._remove_callbacks(
                [
                    number
                    for number, path in group._active_callbacks_by_watch.items()
                    if path == raw or path.startswith(below)
                ]
            )
