"""Opening SQLite the way every store here needs it, with its errors in our words."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from core.errors import NoRoomError, UserError

PAGE_BYTES = 2048
_LOG_PAGES = 128  # of the log; with more it is folded into the database
SHARED_BYTES = 32_768  # the index of the log, which every connection needs
LOG_BYTES = 450_000  # what the log takes with that and some small transactions


class StoreDamagedError(Exception):
    """A database is not readable as one. The catalogue can be rebuilt; history is kept aside."""

    def __init__(self, what: str, path: Path | None = None) -> None:
        super().__init__(what)
        self.path = path


def open_database(path: Path, read_only: bool = False) -> apsw.Connection:
    """A connection in WAL mode. Raises UserError or StoreDamagedError."""
    flags = apsw.SQLITE_OPEN_READONLY if read_only else (
        apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    )  # fmt: skip
    with errors(path):
        db = apsw.Connection(str(path), flags=flags)
        db.set_busy_timeout(5000)
        if not read_only:
            db.pragma("page_size", PAGE_BYTES)
            db.pragma("journal_mode", "wal")
            db.pragma("synchronous", "normal")
            db.pragma("secure_delete", True)
            db.pragma("foreign_keys", True)
            db.pragma("wal_autocheckpoint", _LOG_PAGES)
            db.pragma("journal_size_limit", _LOG_PAGES * PAGE_BYTES)
            path.chmod(0o600)
        db.pragma("schema_version")
        return db


def sizes(path: Path) -> tuple[int, int]:
    """Bytes of a database and of its log; 0 for what is not there."""
    found = []
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            found.append(file.stat().st_size)
        except OSError:
            found.append(0)
    return found[0], found[1]


@contextmanager
def errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the disk or the file into ours."""
    try:
        yield
    except apsw.Error as error:
        # On a full disk SQLite may roll back by itself; the rollback that follows fails then.
        first: BaseException = error
        while isinstance(first.__context__, apsw.Error):
            first = first.__context__
        ours = _ours(path, first)
        if ours is None:
            raise
        raise ours from error


def _full(path: Path) -> bool:
    """Whether the disk has no room for what SQLite keeps beside a database to open it."""
    try:
        return shutil.disk_usage(path.parent).free < SHARED_BYTES
    except OSError:
        return False


def _ours(path: Path, error: BaseException) -> UserError | StoreDamagedError | None:
    if isinstance(error, apsw.FullError) or (isinstance(error, apsw.IOError) and _full(path)):
        return NoRoomError(
            f"The disk is full: {path} cannot grow.",
            "Free some space and run it again; what was indexed before is kept.",
        )
    if isinstance(error, apsw.BusyError):
        return UserError(
            f"{path.name} is in use by a long search.", "Try again in a moment; nothing is lost."
        )
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return StoreDamagedError(f"{path.name} is damaged: {error}", path)
    foreign = (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError, apsw.IOError)
    if isinstance(error, foreign):
        return UserError(
            f"{path} cannot be used: {error}.",
            "Check the disk and who may write there, then try again.",
        )
    return None
