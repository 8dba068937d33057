"""What documents say of themselves, many together in a compressed block.

A block holds documents with numbers from its own on, up to the next block's. Titles
in a home are much alike, so together they take a third. Every function that changes
something belongs inside a transaction of its caller.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping

import apsw
import msgspec
import numpy as np

from core.messages import UNTITLED, About
from core.store.database import StoreDamagedError

BLOCK = 512  # documents; a quarter as many together take a fifth more

Values = list[str | int | None]  # title, author, created, modified; without the missing end
_decoder = msgspec.json.Decoder(list[list[str | int | None]])


def add_abouts(db: apsw.Connection, new: Mapping[int, About]) -> None:
    """Keep what new documents say of themselves; their numbers are above all that are there."""
    told = {number: values for number, about in new.items() if (values := _values(about))}
    if not told:
        return
    row = db.execute("SELECT first, packed FROM about ORDER BY first DESC LIMIT 1").fetchone()
    first, block = (min(told), {}) if row is None else (row[0], _unpacked(*row))
    for number in sorted(told):
        if len(block) >= BLOCK:
            _write(db, first, block)
            first, block = number, {}
        block[number] = told[number]
    _write(db, first, block)


def abouts(db: apsw.Connection, documents: Iterable[int]) -> dict[int, About]:
    """What each of these documents says of itself. Raises StoreDamagedError."""
    blocks: dict[int, dict[int, Values]] = {}
    found: dict[int, About] = {}
    for number in documents:
        first = _block_of(db, number)
        if first is not None and first not in blocks:
            blocks[first] = _read(db, first)
        values = None if first is None else blocks[first].get(number)
        found[number] = UNTITLED if values is None else _about(values)
    return found


def dates_said(db: apsw.Connection) -> dict[int, int]:
    """When each document that says so was last changed, or else made. Raises StoreDamagedError."""
    found: dict[int, int] = {}
    for first, packed in db.execute("SELECT first, packed FROM about").fetchall():
        assert isinstance(first, int)
        assert isinstance(packed, bytes)
        for number, values in _unpacked(first, packed).items():
            date = next((value for value in values[:1:-1] if isinstance(value, int)), None)
            if date is not None:
                found[number] = date
    return found


def drop_abouts(db: apsw.Connection, documents: Iterable[int]) -> None:
    """Remove what documents that are gone said of themselves. Raises StoreDamagedError."""
    gone: dict[int, list[int]] = {}
    for number in documents:
        first = _block_of(db, number)
        if first is not None:
            gone.setdefault(first, []).append(number)
    for first, numbers in gone.items():
        block = _read(db, first)
        left = {number: values for number, values in block.items() if number not in set(numbers)}
        if len(left) < len(block):
            _write(db, first, left)


def _block_of(db: apsw.Connection, document: int) -> int | None:
    found = db.execute("SELECT max(first) FROM about WHERE first<=?", (document,)).get
    assert found is None or isinstance(found, int)
    return found


def _write(db: apsw.Connection, first: int, block: dict[int, Values]) -> None:
    if block:
        steps = np.diff(sorted(block), prepend=first).tolist()
        rows = [[step, *block[number]] for step, number in zip(steps, sorted(block), strict=True)]
        packed = zlib.compress(msgspec.json.encode(rows), 9)
        db.execute("INSERT OR REPLACE INTO about VALUES(?,?)", (first, packed))
    else:
        db.execute("DELETE FROM about WHERE first=?", (first,))


def _read(db: apsw.Connection, first: int) -> dict[int, Values]:
    packed = db.execute("SELECT packed FROM about WHERE first=?", (first,)).get
    assert isinstance(packed, bytes)
    return _unpacked(first, packed)


def _unpacked(first: int, packed: bytes) -> dict[int, Values]:
    block: dict[int, Values] = {}
    number = first
    try:
        for step, *values in _decoder.decode(zlib.decompress(packed)):
            number += int(step or 0)
            block[number] = values
    except (zlib.error, msgspec.DecodeError, ValueError) as error:
        raise StoreDamagedError("the titles in the catalogue are damaged") from error
    return block


def _values(about: About) -> Values:
    values: Values = [about.title, about.author, about.created_s, about.modified_s]
    while values and values[-1] is None:
        values.pop()
    return values


def _about(values: Values) -> About:
    return msgspec.convert(dict(zip(About.__struct_fields__, values, strict=False)), About)
