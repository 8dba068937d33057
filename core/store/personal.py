"""The database of what is the person's own: conversations, kept answers, memories, tags.

Each of these has a class of its own over one connection, which serves one thread at a time.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from core.atomic import sync_folder
from core.store.database import errors, open_database, sizes
from core.store.migrations import HISTORY, migrate
from core.store.salvage import set_aside, take_rows

COPY_SERVES_S = 7 * 86_400.0  # how long a copy from before a change of schema stays


class PersonalDb:
    """The connection, its lock, and how deleted rows leave the file for good."""

    def __init__(
        self,
        path: Path,
        room: Callable[[], int] = lambda: sys.maxsize,
        prepare: Callable[[apsw.Connection], None] = lambda _db: None,
    ) -> None:
        """Open it and bring its schema up to date. Raises UserError or StoreDamagedError.

        `room` gives the bytes that it may grow by for a while. Each connection is told what it
        needs by `prepare`.
        """
        self.path = path
        self.room = room
        self.lock = threading.RLock()
        self._prepare = prepare
        self.db = self._open()

    def _open(self) -> apsw.Connection:
        self.db = open_database(self.path)
        self.db.pragma("synchronous", "full")  # what was answered outlives a power cut
        with errors(self.path):
            self._let_go_of_copy()
            self._back_up()
            migrate(self.db, HISTORY, "history")
        self._prepare(self.db)
        return self.db

    def _back_up(self) -> None:
        """Before an older schema is changed: a whole copy beside it, the only one. One that was
        broken off is begun anew; where there is no room none is made, for the change is one
        transaction.
        """
        old = int(self.db.pragma("user_version"))
        if not 0 < old < len(HISTORY) or sum(sizes(self.path)) > self.room():
            return
        for copy in self._copies():
            copy.unlink(missing_ok=True)
        begun = self.path.with_name(f"{self.path.stem}-before-{len(HISTORY)}.tmp")
        begun.touch(0o600)
        self.db.execute("VACUUM INTO ?", (str(begun),))
        with begun.open("rb") as file:
            os.fsync(file.fileno())
        begun.replace(begun.with_suffix(".db"))
        sync_folder(begun.parent)

    def problems(self) -> list[str]:
        """What SQLite finds wrong with the file, in words."""
        with self.lock:
            try:
                rows = [str(row[0]) for row in self.db.execute("PRAGMA integrity_check(10)")]
            except apsw.Error as error:
                rows = [str(error)]
        return [row for row in rows if row != "ok"]

    def mend(self) -> tuple[Path, int]:
        """Go on in a new file with every row that can be read of a damaged one, which stays: where
        that is then, and how many rows. Raises UserError, OSError or StoreDamagedError.
        """
        with self.lock:
            self.db.close()
            try:
                aside = set_aside(self.path)
            finally:
                self.db = self._open()
            return aside, self.take_from(aside)

    def take_from(self, source: Path) -> int:
        """Take over every row that can be read of another file like this one; how many."""
        with self.lock, errors(self.path):
            return take_rows(source, self.db)

    def _let_go_of_copy(self) -> None:
        """A copy has served when the new schema was used for a week, and goes where room is
        wanted.
        """
        for copy in self._copies():
            age_s = time.time() - copy.stat().st_mtime
            if age_s > COPY_SERVES_S or self.room() <= 0:
                copy.unlink(missing_ok=True)

    def _copies(self) -> list[Path]:
        return list(self.path.parent.glob(f"{self.path.stem}-before-*"))

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

    def drop_damaged(self) -> None:
        """Remove the damaged files that were kept aside; only where the person gives up all."""
        for copy in self.path.parent.glob(f"{self.path.stem}-damaged-*"):
            copy.unlink(missing_ok=True)

    def scrub(self) -> None:
        """Leave nothing of deleted rows in the file, its log or a copy; SQLite has made them
        zeros.
        """
        for copy in self._copies():
            copy.unlink(missing_ok=True)
        with self.reading() as db:
            if sizes(self.path)[0] <= self.room():
                db.execute("VACUUM")
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
