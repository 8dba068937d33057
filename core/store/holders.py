"""Which files hold which document: one is named in the document's row, others are copies.

Nearly every document is held by one file, so an index over all files would be
mostly waste. Every function here belongs inside a transaction of its caller.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import apsw

# The files of the documents ?1 (see `numbers`), to be joined with more tables.
HELD_FILES = (
    "(SELECT id AS number, file AS holder FROM document "
    "WHERE id IN (SELECT value FROM json_each(?1)) UNION ALL SELECT document, file FROM copy "
    "WHERE document IN (SELECT value FROM json_each(?1))) "
    "JOIN file ON file.id=holder AND file.document=number"
)


def hold(db: apsw.Connection, document: int, file: int) -> int | None:
    """Let a file hold a document; the other one that it held before, if any."""
    old = db.execute("SELECT document FROM file WHERE id=?", (file,)).get
    db.execute(
        "UPDATE file SET state=1, reason=NULL, crashes=0, document=? WHERE id=?", (document, file)
    )
    first = db.execute("SELECT file FROM document WHERE id=?", (document,)).get
    if first is None:
        db.execute("UPDATE document SET file=? WHERE id=?", (file, document))
    elif first != file:
        db.execute("INSERT OR IGNORE INTO copy VALUES(?,?)", (document, file))
    return None if old == document else old


def let_go(db: apsw.Connection, documents: Iterable[int]) -> list[int]:
    """After files were dropped or hold something else: the documents that no file holds any more.

    Those that copies still hold are put in order.
    """
    orphans: list[int] = []
    for document in documents:
        first = db.execute("SELECT file FROM document WHERE id=?", (document,)).get
        copies = [row[0] for row in db.execute("SELECT file FROM copy WHERE document=?",
                                               (document,))]  # fmt: skip
        holding = [file for file in (first, *copies) if _holds(db, file, document)]
        gone = [(document, file) for file in copies if file not in holding[1:]]
        db.executemany("DELETE FROM copy WHERE document=? AND file=?", gone)
        if not holding:
            orphans.append(document)
        elif holding[0] != first:
            db.execute("UPDATE document SET file=? WHERE id=?", (holding[0], document))
    return orphans


def _holds(db: apsw.Connection, file: int | None, document: int) -> bool:
    return bool(db.execute("SELECT document FROM file WHERE id=?", (file,)).get == document)


def numbers(values: Sequence[int]) -> tuple[str]:
    """The value for a `?1` in SQL that asks for `IN (SELECT value FROM json_each(?1))`."""
    return (json.dumps(list(values)),)
