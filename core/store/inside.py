"""Which files are in a folder: a list in the folder's row in place of an index.

An entry of an index costs thirteen bytes. The files of a folder are numbered one after
another mostly, so runs of numbers are listed, and for each file two bytes that tell its
name from nearly all others. What changes something belongs inside a transaction of its
caller.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator

import apsw
import numpy as np
from numpy.typing import NDArray

from core.index.bits import CodecError, pack_varints, unpack_varints
from core.store.database import StoreDamagedError

Ints = NDArray[np.int64]
Tags = NDArray[np.uint16]

_LITTLE = np.dtype("<u2")


class Inside:
    """The files directly in one folder; `save` writes down what was changed."""

    def __init__(self, db: apsw.Connection, directory: int) -> None:
        self._db = db
        self._directory = directory
        packed = db.execute("SELECT inside FROM dir WHERE id=?", (directory,)).get
        self._ids, self._tags = unpack_inside(packed or b"")
        self._new: dict[bytes, int] = {}

    def find(self, name: bytes) -> int | None:
        """The file with this name."""
        if name in self._new:
            return self._new[name]
        return _named(self._db, self._ids, self._tags, name)

    def add(self, file: int, name: bytes) -> None:
        """Take in a file that has a row and is not listed."""
        self._new[name] = file

    def drop(self, files: Collection[int]) -> None:
        """Take out files."""
        left = ~np.isin(self._ids, np.fromiter(files, dtype=np.int64))
        self._ids, self._tags = self._ids[left], self._tags[left]

    def save(self) -> None:
        """Write the list down."""
        ids = np.concatenate([self._ids, np.array([*self._new.values()], dtype=np.int64)])
        tags = np.concatenate([self._tags, np.array([*map(_tag, self._new)], dtype=_LITTLE)])
        order = np.argsort(ids)
        self._ids, self._tags, self._new = ids[order], tags[order], {}
        packed = pack_inside(self._ids, self._tags)
        self._db.execute("UPDATE dir SET inside=? WHERE id=?", (packed, self._directory))


def find_file(db: apsw.Connection, folder: int, where: bytes, name: bytes) -> int | None:
    """The file with a name in a folder, given by its path in the watched one."""
    row = db.execute("SELECT inside FROM dir WHERE folder=? AND path=?", (folder, where)).fetchone()
    return None if row is None else _named(db, *unpack_inside(row[0]), name)


def runs(packed: bytes) -> Iterator[tuple[int, int]]:
    """The numbers of the files that are listed, as runs: the first of each and the last."""
    ids, _ = unpack_inside(packed)
    for run in np.split(ids, np.flatnonzero(np.diff(ids) > 1) + 1) if len(ids) else ():
        yield int(run[0]), int(run[-1])


def pack_inside(ids: Ints, tags: Tags) -> bytes:
    """Ascending numbers of files and their tags: runs as gap and length, then the tags."""
    if len(ids) == 0:
        return b""
    first = np.concatenate(([True], np.diff(ids) > 1))
    starts = ids[first]
    lengths = np.diff(np.append(np.flatnonzero(first), len(ids)))
    ends = starts + lengths
    gaps = starts - np.concatenate(([0], ends[:-1]))
    packed = pack_varints(np.stack([gaps, lengths], axis=1).ravel())
    return pack_varints(np.array([len(packed)])) + packed + tags.astype(_LITTLE).tobytes()


def unpack_inside(packed: bytes) -> tuple[Ints, Tags]:
    """What `pack_inside` packed. Raises StoreDamagedError."""
    if not packed:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=_LITTLE)
    try:
        head = next(at for at, byte in enumerate(packed) if byte < 0x80) + 1
        split = head + int(unpack_varints(packed[:head])[0])
        gaps, lengths = unpack_varints(packed[head:split]).reshape(-1, 2).T
        tags = np.frombuffer(packed, dtype=_LITTLE, offset=split)
    except (StopIteration, CodecError, ValueError) as error:
        raise StoreDamagedError("the list of a folder's files is damaged") from error
    if int(lengths.sum()) != len(tags):
        raise StoreDamagedError("the list of a folder's files is damaged")
    starts = np.cumsum(gaps) + np.cumsum(lengths) - lengths
    within = np.arange(len(tags)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(starts, lengths) + within, tags


def _tag(name: bytes) -> int:
    return zlib.crc32(name) & 0xFFFF


def _named(db: apsw.Connection, ids: Ints, tags: Tags, name: bytes) -> int | None:
    for number in ids[tags == _tag(name)].tolist():
        if db.execute("SELECT name=? FROM file WHERE id=?", (name, number)).get:
            return int(number)
    return None
