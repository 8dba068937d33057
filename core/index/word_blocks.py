"""Blocks of a word index: 2,048 terms in order, their dictionary and their postings.

The dictionary, compressed by LZMA, gives each term as the bytes it shares with
the one before and those it does not, then how many chunks hold each, then the
sizes of the groups. A group (see core.index.postings) holds the chunks of some
terms, then, of all these postings in a row, which count more than once, which
of those more than twice, and which of those more than four times.
"""

from __future__ import annotations

import lzma
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.index.bits import CodecError, pack_varints, unpack_varints
from core.index.postings import Ints, Small, pack_lists, unpack_lists

Bytes = NDArray[np.uint8]

BLOCK_TERMS = 2048
GROUP_POSTINGS = 512  # terms share a group up to this many; a commoner one stands alone
COUNTS = (1.0, 2.0, 3.4, 6.5)  # what the classes of counts stand for: 1, 2, 3 to 4, 5 or more
_CLASSES = 3  # above the lowest

_MOST_DICTIONARY_BYTES = 1 << 20
_ENTRY = re.compile(rb"([\x01-\x1f])([^\x00-\x1f]*)")
_MOST_SHARED = 30
_LZMA: tuple[dict[str, Any], ...] = (
    {"id": lzma.FILTER_LZMA1, "preset": 9, "dict_size": 1 << 16, "lc": 4, "lp": 0, "pb": 0},
)


@dataclass(frozen=True, slots=True)
class Run:
    """Some terms in order with their postings, one after another."""

    terms: list[bytes]
    holders: Ints  # of each term: how many chunks hold it
    chunks: Ints
    classes: Bytes

    def cut(self, terms: int) -> tuple[Run, Run]:
        """The first so many terms, and the others."""
        at = int(self.holders[:terms].sum())
        return (
            Run(self.terms[:terms], self.holders[:terms], self.chunks[:at], self.classes[:at]),
            Run(self.terms[terms:], self.holders[terms:], self.chunks[at:], self.classes[at:]),
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Some terms of a block, packed: of how many chunks, and the holders of each term.

    `repeated` tells how many postings count more than once, twice, four times.
    """

    universe: int
    holders: Ints
    repeated: Ints
    chunks: memoryview
    classes: memoryview


@dataclass(frozen=True, slots=True)
class Block:
    """A block with its dictionary unpacked. `groups` has the first term of each, and the end."""

    universe: int
    terms: list[bytes]
    holders: Ints
    groups: list[int]
    table: Ints  # (groups, 5): bytes of chunks and of classes, `repeated`
    starts: Ints  # (groups, 2): where these bytes start in the body
    body: memoryview

    def group_of(self, place: int) -> int:
        """The group of a term."""
        return bisect_right(self.groups, place) - 1

    def group(self, number: int) -> Group:
        """One of the groups."""
        chunks, classes = (
            self.body[start : start + size]
            for start, size in zip(
                self.starts[number].tolist(), self.table[number, :2].tolist(), strict=True
            )
        )
        inside = self.holders[self.groups[number] : self.groups[number + 1]]
        return Group(self.universe, inside, self.table[number, 2:], chunks, classes)


def read_groups(groups: Sequence[Group]) -> tuple[Small, Bytes]:
    """Chunks and classes of all terms of some groups, one after another.

    Raises CodecError when the bytes are too few.
    """
    if not groups:
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.uint8)
    holders = [group.holders for group in groups]
    terms = np.array([len(one) for one in holders])
    totals = np.array([int(one.sum()) for one in holders])
    repeated = np.array([group.repeated for group in groups], dtype=np.int64)
    # The lists of chunks are half of the groups to read, those of classes the other half.
    number = len(groups)
    lists = unpack_lists(
        b"".join([*(group.chunks for group in groups), *(group.classes for group in groups)]),
        np.array([len(g.chunks) for g in groups] + [len(g.classes) for g in groups]),
        np.repeat(np.arange(2 * number), np.concatenate([terms, np.full(number, _CLASSES)])),
        np.concatenate(
            [
                np.repeat(np.array([group.universe for group in groups]), terms),
                np.concatenate([totals[:, None], repeated[:, :-1]], axis=1).ravel(),
            ]
        ),
        np.concatenate([*holders, repeated.ravel()]),
    )
    postings = int(totals.sum())
    return lists[:postings], _classes(lists[postings:], totals, repeated)


def _classes(lists: Small, totals: Ints, repeated: Ints) -> Bytes:
    """The class of each posting, from the lists of those that count more."""
    kinds = np.repeat(np.tile(np.arange(_CLASSES), len(totals)), repeated.ravel())
    classes = np.zeros(int(totals.sum()), dtype=np.uint8)
    among = np.arange(len(classes))
    above = totals
    for kind in range(_CLASSES):
        starts = np.repeat(np.cumsum(above) - above, repeated[:, kind])
        among = among[starts + lists[kinds == kind]]
        classes[among] = kind + 1
        above = repeated[:, kind]
    return classes


def runs_of(block: Block, most_postings: int) -> Iterator[Run]:
    """A block's terms with their postings, a few at a time, or one with more than that."""
    first, filled = 0, 0
    sizes = [int(block.holders[a:b].sum()) for a, b in pairwise(block.groups)]
    for number, size in enumerate([*sizes, most_postings]):
        filled += size
        if filled > most_postings or number == len(sizes):
            if number > first:
                chunks, classes = read_groups([block.group(at) for at in range(first, number)])
                a, b = block.groups[first], block.groups[number]
                wide = chunks.astype(np.int64)
                yield Run(block.terms[a:b], block.holders[a:b], wide, classes)
            first, filled = number, size


def in_blocks(runs: Iterable[Run]) -> Iterator[Run]:
    """The same terms, as many at a time as a block has."""
    waiting: list[Run] = []
    count = 0
    for run in runs:
        waiting.append(run)
        count += len(run.terms)
        while count >= BLOCK_TERMS:
            full, rest = _joined(waiting).cut(BLOCK_TERMS)
            yield full
            waiting, count = [rest], count - BLOCK_TERMS
    if count:
        yield _joined(waiting)


def _joined(runs: Sequence[Run]) -> Run:
    return Run(
        [term for run in runs for term in run.terms],
        np.concatenate([run.holders for run in runs]),
        np.concatenate([run.chunks for run in runs]),
        np.concatenate([run.classes for run in runs]),
    )


def _group_starts(holders: Ints) -> list[int]:
    """The first term of each group, and the end."""
    ends = np.cumsum(holders).tolist()
    starts = [0]
    before = 0
    while starts[-1] < len(ends):
        last = bisect_right(ends, before + GROUP_POSTINGS)
        starts.append(max(last, starts[-1] + 1))
        before = ends[starts[-1] - 1]
    return starts


def pack_block(run: Run, universe: int) -> tuple[bytes, bytes]:
    """The dictionary and the body of a block of at least one term, of so many chunks."""
    starts = _group_starts(run.holders)
    number = len(starts) - 1
    groups = np.repeat(np.arange(number), np.diff(starts))
    universes = np.full(len(groups), universe, dtype=np.int64)
    chunks, chunk_sizes = pack_lists(groups, universes, run.holders, run.chunks)
    classes, class_sizes, repeated = _pack_classes(
        run.classes, np.repeat(groups, run.holders), number
    )
    table = np.concatenate([chunk_sizes[:, None], class_sizes[:, None], repeated], axis=1)
    plain = _front_coded(run.terms) + b"\0"
    plain += pack_varints(np.concatenate([run.holders, table.ravel()]))
    dictionary = lzma.compress(plain, format=lzma.FORMAT_RAW, filters=_LZMA)
    return dictionary, chunks + classes


def _pack_classes(classes: Bytes, groups: Ints, number: int) -> tuple[bytes, Ints, Ints]:
    """The classes of postings as lists, the bytes of each group, and the lengths of its lists."""
    above = [np.bincount(groups, minlength=number)]
    values: list[Ints] = []
    keys: list[Ints] = []
    for kind in range(_CLASSES):
        starts = np.cumsum(above[-1]) - above[-1]
        more = np.flatnonzero(classes > kind)
        values.append(more - starts[groups[more]])
        classes, groups = classes[more], groups[more]
        keys.append(groups * _CLASSES + kind)
        above.append(np.bincount(groups, minlength=number))
    order = np.argsort(np.concatenate(keys), kind="stable")
    repeated = np.stack(above[1:], axis=1)
    packed, sizes = pack_lists(
        np.repeat(np.arange(number), _CLASSES),
        np.stack(above[:-1], axis=1).ravel(),
        repeated.ravel(),
        np.concatenate(values)[order],
    )
    return packed, sizes, repeated


def _front_coded(terms: Sequence[bytes]) -> bytes:
    """Each term as a byte that says how much it shares with the one before, and its rest."""
    parts: list[bytes] = []
    previous = b""
    for term in terms:
        shared = 0
        for ours, theirs in zip(term[:_MOST_SHARED], previous, strict=False):
            if ours != theirs:
                break
            shared += 1
        parts += [(shared + 1).to_bytes(1, "little"), term[shared:]]
        previous = term
    return b"".join(parts)


def unpack_block(dictionary: memoryview, body: memoryview, universe: int) -> Block:
    """A block of so many chunks. Raises CodecError when the dictionary is damaged."""
    reader = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=_LZMA)
    try:
        plain = reader.decompress(dictionary, max_length=_MOST_DICTIONARY_BYTES)
    except (lzma.LZMAError, EOFError) as error:
        raise CodecError("a dictionary is damaged") from error
    split = max(0, plain.find(b"\0"))
    terms: list[bytes] = []
    term = b""
    for shared, rest in _ENTRY.findall(plain, 0, split):
        term = term[: shared[0] - 1] + rest
        terms.append(term)
    try:
        b" ".join(terms).decode()
    except UnicodeDecodeError as error:
        raise CodecError("a dictionary is damaged") from error
    numbers = unpack_varints(plain[split + 1 :])
    holders, rows = numbers[: len(terms)], numbers[len(terms) :]
    if not terms or len(holders) != len(terms) or (holders > universe).any():
        raise CodecError("a dictionary is damaged")
    groups = _group_starts(holders)
    ascending = terms == sorted(set(terms))
    if not ascending or len(rows) != (2 + _CLASSES) * (len(groups) - 1) or (rows >> 32).any():
        raise CodecError("a dictionary is damaged")
    table = rows.reshape(len(groups) - 1, 2 + _CLASSES)
    totals = np.add.reduceat(holders, groups[:-1])
    falling = np.concatenate([totals[:, None], table[:, 2:]], axis=1)
    ends = np.cumsum(table[:, :2].T.ravel())
    if int(ends[-1]) != len(body) or (falling[:, 1:] > falling[:, :-1]).any():
        raise CodecError("a dictionary is damaged")
    starts = ends.reshape(2, -1).T - table[:, :2]
    return Block(universe, terms, holders, groups, table, starts, body)
