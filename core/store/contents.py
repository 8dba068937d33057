"""Which document has a content: documents listed by a part of their content's hash.

An entry of an index costs eleven bytes, one in such a list two or three. What changes
something belongs inside a transaction of its caller.
"""

from __future__ import annotations

from collections.abc import Iterable

import apsw
import numpy as np
from numpy.typing import NDArray

from core.index.bits import CodecError, pack_varints, unpack_varints
from core.store.database import StoreDamagedError

BUCKETS = 512  # lists; of a million documents each has two thousand to look at

Ints = NDArray[np.int64]


def list_contents(db: apsw.Connection, documents: Iterable[tuple[int, bytes]]) -> None:
    """Let documents be found by the hash of their content."""
    for bucket, new in _by_bucket(documents).items():
        _write(db, bucket, np.union1d(_listed(db, bucket), new))


def unlist_contents(db: apsw.Connection, documents: Iterable[tuple[int, bytes]]) -> None:
    """Let documents not be found any more by this hash."""
    for bucket, gone in _by_bucket(documents).items():
        _write(db, bucket, np.setdiff1d(_listed(db, bucket), gone))


def with_content(db: apsw.Connection, digest: bytes) -> int | None:
    """The document that is listed with this hash."""
    for number in _listed(db, _bucket(digest)).tolist():
        if db.execute("SELECT hash=? FROM document WHERE id=?", (digest, number)).get:
            return int(number)
    return None


def _bucket(digest: bytes) -> int:
    return int.from_bytes(digest[:2], "big") % BUCKETS


def _by_bucket(documents: Iterable[tuple[int, bytes]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for number, digest in documents:
        found.setdefault(_bucket(digest), []).append(number)
    return found


def _listed(db: apsw.Connection, bucket: int) -> Ints:
    packed = db.execute("SELECT documents FROM content WHERE bucket=?", (bucket,)).get
    try:
        return np.cumsum(unpack_varints(packed or b""))
    except CodecError as error:
        raise StoreDamagedError("the list of contents is damaged") from error


def _write(db: apsw.Connection, bucket: int, numbers: Ints) -> None:
    if len(numbers) == 0:
        db.execute("DELETE FROM content WHERE bucket=?", (bucket,))
        return
    packed = pack_varints(np.diff(numbers, prepend=0))
    db.execute("INSERT OR REPLACE INTO content VALUES(?,?)", (bucket, packed))
