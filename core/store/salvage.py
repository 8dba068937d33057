"""Taking what can still be read of a damaged database of the person's own into a whole one.

The damaged file stays beside it, under a name that says so, and is never changed.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import apsw

from core.store.database import PAGE_BYTES
from core.store.migrations import HISTORY, migrate

_BESIDE = ("-wal", "-shm")
_HEADER_BYTES = 100
_CHANGES, _PAGES, _VALID_FOR = slice(24, 28), slice(28, 32), slice(92, 96)

# What the person sees of a conversation whose own row could not be read: its first question.
_MEND = """
INSERT OR IGNORE INTO conversation(id, title, started_at, changed_at)
    SELECT conversation, substr(question, 1, 80), min(asked_at), max(asked_at) FROM turn
    WHERE conversation NOT IN (SELECT id FROM conversation) GROUP BY conversation;
UPDATE turn SET parent=(
    SELECT max(before.id) FROM turn AS before
    WHERE before.conversation=turn.conversation AND before.id<turn.id
) WHERE parent IS NOT NULL AND parent NOT IN (SELECT id FROM turn);
UPDATE conversation SET tip=NULL WHERE tip NOT IN (SELECT id FROM turn);
DELETE FROM citation WHERE turn NOT IN (SELECT id FROM turn);
DELETE FROM source WHERE turn NOT IN (SELECT id FROM turn);
DELETE FROM kept_answer WHERE turn NOT IN (SELECT id FROM turn);
DELETE FROM turn_vector WHERE turn NOT IN (SELECT id FROM turn);
DELETE FROM pin WHERE conversation NOT IN (SELECT id FROM conversation);
DELETE FROM tag WHERE file NOT IN (SELECT id FROM tagged_file);
"""


def set_aside(path: Path) -> Path:
    """Move a damaged file and what SQLite has beside it out of the way; where it is then.

    Raises OSError.
    """
    stamp = int(time.time())
    while (aside := path.with_name(f"{path.stem}-damaged-{stamp}{path.suffix}")).exists():
        stamp += 1
    path.rename(aside)
    log = path.with_name(path.name + "-wal")
    if log.exists():  # it may hold the newest rows
        log.rename(aside.with_name(aside.name + "-wal"))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    return aside


def take_rows(source: Path, db: apsw.Connection) -> int:
    """Copy every row of `source` that can be read into a store of the newest schema; how many.

    Rows that are there already stay as they are.
    """
    taken = 0
    work = source.with_name(f"{source.stem}-read.tmp")
    try:
        found = _opened(source, work)
        if found is None:
            return 0
        try:
            db.pragma("foreign_keys", False)
            with db:
                for table in _tables(db):
                    taken += _take_table(found, db, table)
                db.execute(_MEND)
        finally:
            db.pragma("foreign_keys", True)
            found.close()
    finally:
        for suffix in ("", *_BESIDE):
            work.with_name(work.name + suffix).unlink(missing_ok=True)
    return taken


def count_turns(source: Path) -> int:
    """How many turns of conversations a copy holds; 0 where that cannot be told."""
    try:
        db = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return int(db.execute("SELECT count(*) FROM turn").get)
        finally:
            db.close()
    except apsw.Error:
        return 0


def _opened(source: Path, work: Path) -> apsw.Connection | None:
    """A copy of a damaged store at the newest schema, as far as that goes; None if not at all."""
    try:
        for suffix in ("", "-wal"):
            beside = source.with_name(source.name + suffix)
            if beside.exists():
                target = work.with_name(work.name + suffix)
                target.touch(0o600)
                target.write_bytes(beside.read_bytes())
    except OSError:
        return None
    db = _connected(work) or (_connected(work) if _with_new_header(work) else None)
    if db is None:
        return None
    with contextlib.suppress(apsw.Error):
        migrate(db, HISTORY, "history")  # else what is of the schema before is taken as it is
    return db


def _connected(path: Path) -> apsw.Connection | None:
    db = apsw.Connection(str(path))
    try:
        db.pragma("schema_version")
    except apsw.Error:
        db.close()
        return None
    return db


def _with_new_header(path: Path) -> bool:
    """Write a header over a damaged one, as of a database of our pages; whether there is a file.

    Of its 100 bytes only the number of pages is this file's own; see sqlite.org/fileformat.html.
    """
    model = apsw.Connection("")
    model.pragma("page_size", PAGE_BYTES)
    model.execute("CREATE TABLE one(x)")
    model.pragma("user_version", len(HISTORY))
    header = bytearray(model.serialize("main")[:_HEADER_BYTES])
    model.close()
    pages = path.stat().st_size // PAGE_BYTES if path.exists() else 0
    header[_PAGES] = pages.to_bytes(4, "big")
    header[_VALID_FOR] = header[_CHANGES]
    if pages:
        with path.open("r+b") as file:
            file.write(header)
    return pages > 0


def _tables(db: apsw.Connection) -> list[str]:
    rows = db.execute(
        "SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite_%'"
    )
    return [str(name) for (name,) in rows]


def _columns(db: apsw.Connection, table: str) -> list[tuple[str, int]]:
    """The columns of a table, and the place of each in its primary key, 0 for none."""
    return [(str(row[1]), int(row[5])) for row in db.execute(f"PRAGMA table_info({table})")]


def _take_table(found: apsw.Connection, db: apsw.Connection, table: str) -> int:
    try:
        there = {name for name, _ in _columns(found, table)}
    except apsw.Error:
        return 0
    columns = _columns(db, table)
    shared = [name for name, _ in columns if name in there]
    if not shared:
        return 0
    keys = [name for name, place in sorted(columns, key=lambda one: one[1]) if place]
    names, marks = ",".join(shared), ",".join("?" * len(shared))
    order = ",".join(keys) if keys else "rowid"
    seen: set[tuple[apsw.SQLiteValue, ...]] = set()
    taken = 0
    # What lies behind a page that cannot be read is reached from the other end.
    for direction in ("ASC", "DESC"):
        by = ",".join(f"{key} {direction}" for key in order.split(","))
        try:
            for row in found.execute(f"SELECT {order},{names} FROM {table} ORDER BY {by}"):
                key, values = row[: order.count(",") + 1], row[order.count(",") + 1 :]
                if key in seen:
                    break  # both ends have met
                seen.add(key)
                taken += _take_row(db, f"INSERT OR IGNORE INTO {table}({names}) VALUES({marks})",
                                   values)  # fmt: skip
        except apsw.Error:
            continue
        break
    return taken


def _take_row(db: apsw.Connection, statement: str, values: tuple[apsw.SQLiteValue, ...]) -> int:
    try:
        db.execute(statement, values)
    except (apsw.ConstraintError, apsw.MismatchError):
        return 0  # not a row that Satchel can have written
    return int(db.changes())
