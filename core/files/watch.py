"""File events as hints: something changed below a watched folder, so a scan is due."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

QUIET_S = 0.7
LONGEST_DELAY_S = 3.0
RECONCILE_S = 600.0


def due_in_s(first_s: float | None, last_s: float | None, now_s: float) -> float | None:
    """Seconds until a scan is due, given when the first and last unhandled events came.

    A scan waits for a quiet moment, but not for longer than `LONGEST_DELAY_S`.
    None means that there is nothing to do.
    """
    if first_s is None or last_s is None:
        return None
    return max(0.0, min(last_s + QUIET_S, first_s + LONGEST_DELAY_S) - now_s)


class Watcher(FileSystemEventHandler):
    """Listens for changes below some folders. `limited` says why it must rely on scans alone."""

    def __init__(self, roots: Sequence[str]) -> None:
        self._changed = threading.Condition()
        self._first: float | None = None
        self._last: float | None = None
        self._observer = Observer()
        self.limited: str | None = None
        try:
            for root in roots:
                self._observer.schedule(self, root, recursive=True)
            self._observer.start()
        except OSError as error:
            self.limited = (
                f"Changes are found by scanning every {RECONCILE_S / 60:.0f} minutes: the system "
                f"cannot watch so many folders ({error.strerror or error})."
            )

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Note that something happened; reading a file is no change."""
        if event.event_type in ("opened", "closed_no_write"):
            return
        with self._changed:
            now = time.monotonic()
            self._first = self._first if self._first is not None else now
            self._last = now
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Wait until a scan is due; False when `timeout_s` passed without."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                now = time.monotonic()
                due = due_in_s(self._first, self._last, now)
                if due == 0.0:
                    self._first = self._last = None
                    return True
                if now >= deadline:
                    return False
                self._changed.wait(min(deadline - now, due if due is not None else deadline - now))

    def close(self) -> None:
        """Stop listening."""
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join(timeout=5)
