"""The database of what is the person's own: conversations, kept answers, memories, tags.

Each of these has a class of its own over one connection, which serves one thread at a time.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from core.store.database import errors, open_database, sizes
from core.store.migrations import HISTORY, migrate


class PersonalDb:
    """The connection, its lock, and how deleted rows leave the file for good."""

    def __init__(self, path: Path, room: Callable[[], int] = lambda: sys.maxsize) -> None:
        """Open it and bring its schema up to date. Raises UserError or StoreDamagedError.

        `room` gives the bytes that it may grow by for a while.
        """
        self.path = path
        self.room = room
        self.lock = threading.RLock()
        self.db = open_database(path)
        self.db.pragma("synchronous", "full")  # what was answered outlives a power cut
        with errors(path):
            migrate(self.db, HISTORY, "history")

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """The connection, for this thread alone."""
        with self.lock, errors(self.path):
            yield self.db

    @contextmanager
    def changing(self) -> Iterator[apsw.Connection]:
        """The connection, for this thread alone, inside a transaction."""
        with self.lock, errors(self.path), self.db:
            yield self.db

    def scrub(self) -> None:
        """Leave nothing of deleted rows in the file or its log; SQLite has made them zeros."""
        with self.reading() as db:
            if sizes(self.path)[0] <= self.room():
                db.execute("VACUUM")
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
