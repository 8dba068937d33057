"""The word index of a segment: which chunks hold which terms, and about how often.

Layout, little-endian: a CRC-32 of the head, the format, the number of chunks,
of terms and of bytes of the directory; the length of each chunk in 4 bits; the
directory; the blocks (see core.index.word_blocks). The directory has for each
block its sizes, its CRC-32 and its first term, so that nothing else is read at
opening.
"""

from __future__ import annotations

import struct
import threading
import zlib
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from core.index.bits import CodecError, pack_varints, unpack_varints
from core.index.postings import MOST_UNIVERSE, Ints, Small
from core.index.word_blocks import (
    BLOCK_TERMS,
    Block,
    Bytes,
    Run,
    in_blocks,
    pack_block,
    read_groups,
    runs_of,
    unpack_block,
)

FORMAT = 2
_TERMS_OF_BEFORE = {1: 1024}  # of a block, in formats before
LEVELS = 16
LEVEL_RATIO = 1.5  # from one level of lengths to the next

_HEAD = struct.Struct("<5I")
_KEPT_BLOCKS = 24  # unpacked dictionaries that are kept, about 160 KB each


@dataclass(frozen=True, slots=True)
class Postings:
    """Chunks in ascending order, and the class of the count in each (an index of `COUNTS`)."""

    chunks: Small
    classes: Bytes


@dataclass(frozen=True, slots=True)
class Found:
    """A term in an index: the `place`-th of a block. `holders` is its number of chunks."""

    name: str
    index: WordIndex
    block: int
    place: int
    holders: int


def level_of(lengths: Ints) -> Bytes:
    """The level that stands for a chunk's length in terms."""
    exact = np.log(lengths + 1.0) / np.log(LEVEL_RATIO)
    levels: Bytes = np.minimum(np.rint(exact), LEVELS - 1).astype(np.uint8)
    return levels


def length_of_levels() -> NDArray[np.float64]:
    """The length in terms that each level stands for."""
    return np.power(LEVEL_RATIO, np.arange(LEVELS, dtype=np.float64)) - 0.5


class WordIndex:
    """An open word index. Reads what it is asked for from the bytes it was given.

    All methods raise CodecError when they come upon altered bytes.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        """Check the head, the lengths and the directory; read no dictionary."""
        self._data = memoryview(data)
        if len(self._data) < _HEAD.size:
            raise CodecError("the word index is cut off")
        crc, version, self.chunks, terms, size = _HEAD.unpack_from(self._data)
        body = _HEAD.size + (self.chunks + 1) // 2 + size
        known = version == FORMAT or version in _TERMS_OF_BEFORE
        if not known or body > len(self._data) or self.chunks > MOST_UNIVERSE:
            raise CodecError("the word index is cut off or of another format")
        if zlib.crc32(self._data[4:body]) != crc:
            raise CodecError("the head of the word index is damaged")
        self._levels = self._data[_HEAD.size : body - size]
        blocks = -(-terms // _TERMS_OF_BEFORE.get(version, BLOCK_TERMS))
        self._read_directory(blocks, self._data[body - size : body], body)
        self._blocks: OrderedDict[int, Block] = OrderedDict()
        self._lock = threading.Lock()

    def _read_directory(self, blocks: int, directory: memoryview, body: int) -> None:
        try:
            split = 4 + int.from_bytes(directory[:4], "little")
            table = unpack_varints(directory[4:split]).reshape(blocks, 4)
        except ValueError as error:
            raise CodecError("the directory of the word index is damaged") from error
        sizes = np.minimum(table, len(self._data) + 1)
        ends = body + np.cumsum(sizes[:, 0] + sizes[:, 1])
        names = [0, *np.cumsum(sizes[:, 3]).tolist()]
        if split + names[-1] != len(directory) or [body, *ends.tolist()][-1] != len(self._data):
            raise CodecError("the directory of the word index is damaged")
        self._table = table
        self._starts = ends - table[:, 0] - table[:, 1]
        first = bytes(directory[split:])
        self._firsts = [first[a:b] for a, b in pairwise(names)]

    @cached_property
    def levels(self) -> Bytes:
        """The level of each chunk's length."""
        packed = np.frombuffer(self._levels, dtype=np.uint8)
        levels: Bytes = np.stack([packed & 15, packed >> 4], axis=1).ravel()[: self.chunks]
        return levels

    # --- the dictionary -----------------------------------------------------------------

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return len(self._firsts)

    def find(self, term: str) -> Found | None:
        """The term, if any chunk holds it."""
        wanted = term.encode()
        number = bisect_right(self._firsts, wanted) - 1
        if number < 0:
            return None
        block = self.block(number)
        place = bisect_left(block.terms, wanted)
        if place == len(block.terms) or block.terms[place] != wanted:
            return None
        return Found(term, self, number, place, int(block.holders[place]))

    def beginning(self, start: str, most_blocks: int) -> Iterator[Found]:
        """The terms that begin like this, from at most so many blocks."""
        wanted = start.encode()
        first = max(0, bisect_left(self._firsts, wanted) - 1)
        for number in range(first, min(self.blocks, first + most_blocks)):
            block = self.block(number)
            for place in range(bisect_left(block.terms, wanted), len(block.terms)):
                term = block.terms[place]
                if not term.startswith(wanted):
                    return
                holders = int(block.holders[place])
                yield Found(term.decode(), self, number, place, holders)

    def block(self, number: int) -> Block:
        """A block of the dictionary; those read last are kept."""
        with self._lock:
            kept = self._blocks.get(number)
            if kept is not None:
                self._blocks.move_to_end(number)
                return kept
        block = self.read_block(number)
        with self._lock:
            self._blocks[number] = block
            if len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        return block

    def let_go(self) -> None:
        """Forget the blocks that were kept; they are read again when needed."""
        with self._lock:
            self._blocks.clear()

    def read_block(self, number: int) -> Block:
        """A block of the dictionary, read anew."""
        dictionary, postings, crc, _ = self._table[number].tolist()
        start = int(self._starts[number])
        data = self._data[start : start + dictionary + postings]
        if zlib.crc32(data) != crc:
            raise CodecError("a block of the word index is damaged")
        return unpack_block(data[:dictionary], data[dictionary:], self.chunks)

    # --- postings -----------------------------------------------------------------------

    def runs(self, most_postings: int) -> Iterator[Run]:
        """Everything in order, a few terms at a time, or one with more postings than that."""
        for number in range(self.blocks):
            yield from runs_of(self.read_block(number), most_postings)


def read_postings(found: Sequence[Found]) -> list[Postings]:
    """The postings of these terms, which may be of several indexes, read in one go."""
    blocks = [one.index.block(one.block) for one in found]
    numbers = [block.group_of(one.place) for one, block in zip(found, blocks, strict=True)]
    keys = [(id(block), number) for block, number in zip(blocks, numbers, strict=True)]
    groups = {
        key: block.group(number) for key, block, number in zip(keys, blocks, numbers, strict=True)
    }
    chunks, classes = read_groups(list(groups.values()))
    sizes = (int(group.holders.sum()) for group in groups.values())
    starts = dict(zip(groups, accumulate(sizes, initial=0), strict=False))
    result = []
    for one, block, number, key in zip(found, blocks, numbers, keys, strict=True):
        start = starts[key] + int(block.holders[block.groups[number] : one.place].sum())
        end = start + one.holders
        result.append(Postings(chunks[start:end], classes[start:end]))
    return result


def pack_words(levels: Bytes, runs: Iterable[Run]) -> bytes:
    """A word index of chunks with these levels of length; the terms of `runs` ascend."""
    bodies: list[bytes] = []
    table: list[int] = []
    firsts: list[bytes] = []
    terms = 0
    for run in in_blocks(runs):
        dictionary, body = pack_block(run, len(levels))
        bodies += [dictionary, body]
        crc = zlib.crc32(body, zlib.crc32(dictionary))
        table += [len(dictionary), len(body), crc, len(run.terms[0])]
        firsts.append(run.terms[0])
        terms += len(run.terms)
    rows = pack_varints(np.array(table, dtype=np.int64))
    directory = len(rows).to_bytes(4, "little") + rows + b"".join(firsts)
    even = np.zeros(len(levels) + len(levels) % 2, dtype=np.uint8)
    even[: len(levels)] = levels
    head = _HEAD.pack(0, FORMAT, len(levels), terms, len(directory))[4:]
    head += (even[0::2] | even[1::2] << 4).tobytes() + directory
    return b"".join([zlib.crc32(head).to_bytes(4, "little"), head, *bodies])
