"""Families: documents that are versions of each other, by the likeness of their sketches.

A family is what hangs together when every two documents with sketches at least
`ALIKE` alike are joined. It is named by the number of one of its documents,
which is never given to another. A document without relatives has
no family. Every function here belongs inside a transaction of its caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from core.text.sketch import SKETCH_BYTES, likeness

ALIKE = 0.6
_ROWS = 20_000  # sketches compared at a time

Sketches = NDArray[np.uint8]


def join_families(db: apsw.Connection, documents: Sequence[int]) -> None:
    """Put new documents into the families that they belong to; families that meet become one."""
    new = [row for row in (_sketch_of(db, number) for number in documents) if row is not None]
    if not new:
        return
    links: dict[int, set[int]] = {number: set() for number, _ in new}
    rows = db.execute("SELECT id, sketch FROM document WHERE length(sketch)=?", (SKETCH_BYTES,))
    while part := list(islice(rows, _ROWS)):
        ids = [number for number, _ in part]
        sketches = _matrix(part)
        for number, sketch in new:
            near = np.flatnonzero(likeness(sketch, sketches) >= ALIKE)
            links[number].update(ids[at] for at in near)
    for number, related in links.items():
        related.discard(number)
        if related:
            _unite(db, [number, *sorted(related)])


def mend_families(db: apsw.Connection, families: Iterable[int]) -> None:
    """Part families again that only hung together by a document which is gone."""
    for family in sorted(set(families)):
        rows = db.execute("SELECT id, sketch FROM document WHERE family=?", (family,)).fetchall()
        left = np.array([number for number, _ in rows], dtype=np.int64)
        sketches = _matrix(rows)
        parts: list[NDArray[np.int64]] = []
        while len(left):
            inside = _hanging_together(sketches)
            parts.append(left[inside])
            left, sketches = left[~inside], sketches[~inside]
        if len(parts) > 1 or any(len(part) < 2 for part in parts):
            for part in parts:
                _name(db, part.tolist())


def _sketch_of(db: apsw.Connection, document: int) -> tuple[int, bytes] | None:
    row = db.execute(
        "SELECT sketch FROM document WHERE id=? AND length(sketch)=?", (document, SKETCH_BYTES)
    ).fetchone()
    return None if row is None else (document, row[0])


def _matrix(rows: Sequence[tuple[Any, ...]]) -> Sketches:
    """The sketches of some rows (id, sketch), one below the other."""
    joined = b"".join(sketch for _, sketch in rows)
    return np.frombuffer(joined, dtype=np.uint8).reshape(-1, SKETCH_BYTES)


def _unite(db: apsw.Connection, documents: Sequence[int]) -> None:
    """One family of these documents and of all that are in a family with one of them."""
    marks = ",".join("?" * len(documents))
    families = [
        row[0]
        for row in db.execute(
            f"SELECT DISTINCT family FROM document WHERE id IN ({marks}) AND family IS NOT NULL",
            documents,
        )
    ]
    if not families:
        _name(db, documents)
        return
    name = min(families)
    db.executemany(
        "UPDATE document SET family=? WHERE family=?",
        [(name, other) for other in families if other != name],
    )
    db.executemany(
        "UPDATE document SET family=? WHERE id=?", [(name, document) for document in documents]
    )


def _name(db: apsw.Connection, documents: Sequence[int]) -> None:
    """Make these documents, and no others, a family; a single one has none."""
    name = None
    if len(documents) > 1:
        name = documents[0]
    db.executemany(
        "UPDATE document SET family=? WHERE id=?", [(name, document) for document in documents]
    )


def _hanging_together(sketches: Sketches) -> NDArray[np.bool_]:
    """Which documents the first one is joined with, over any number of steps."""
    inside = np.zeros(len(sketches), dtype=np.bool_)
    inside[0] = True
    waiting = [0]
    while waiting and not inside.all():
        outside = np.flatnonzero(~inside)
        near = outside[likeness(sketches[waiting.pop()].tobytes(), sketches[outside]) >= ALIKE]
        inside[near] = True
        waiting.extend(near.tolist())
    return inside
