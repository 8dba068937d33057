"""Sorted lists of numbers in few bits: interpolative coding, vectorized level by level.

A list is a subset of `range(universe)`. Its middle number is written first,
then the middles of the two halves, and so on; each takes only as many bits as
there are places left for it between its neighbours (Moffat and Stuiver,
"Binary Interpolative Coding", 2000). Runs and clusters cost next to nothing,
and no parameter is stored. Lists are joined to groups: of all lists of a group
the middles come first, then the quarters, so that numpy reads a level of many
lists at once. Whatever the bytes are, what is read back is a list of that kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.index.bits import CodecError

Ints = NDArray[np.int64]
Small = NDArray[np.int32]
Flags = NDArray[np.bool_]

MOST_UNIVERSE = 1 << 24  # a code must fit a window of 32 bits, wherever in a byte it starts
_MOST_AT_ONCE = 1 << 18
_LONG = 256  # numbers of one list and level from which on slices are faster than indexing


def pack_lists(groups: Ints, universes: Ints, counts: Ints, values: Ints) -> tuple[bytes, Ints]:
    """The lists as bytes, and how many bytes each group takes.

    List i is the next `counts[i]` of `values`: ascending, from `range(universes[i])`.
    `groups` tells the group of each list: 0, 1, 2 and so on, none left out.
    """
    number = int(groups[-1]) + 1 if len(groups) else 0
    if len(values) == 0:
        return b"", np.zeros(number, dtype=np.int64)
    if len(values) > _MOST_AT_ONCE and number > 1:
        # Groups do not depend on each other; in two halves they take half the memory.
        lists = int(np.searchsorted(groups, number // 2))
        numbers = int(counts[:lists].sum())
        first, sizes = pack_lists(
            groups[:lists], universes[:lists], counts[:lists], values[:numbers]
        )
        second, more_sizes = pack_lists(
            groups[lists:] - number // 2, universes[lists:], counts[lists:], values[numbers:]
        )
        return first + second, np.concatenate([sizes, more_sizes])
    if int(universes.max()) > MOST_UNIVERSE:
        raise ValueError("the numbers are too large for this code")
    layout = _Layout(groups, universes, counts)
    room = layout.room()
    room[layout.places()] = values
    cursors = np.zeros(number, dtype=np.int64)
    written: list[tuple[Small, Small, Ints, Ints]] = []
    for level in layout.levels():
        low, places = level.bounds(room)
        width, short = _widths(places)
        code = _turned(level.take(room) - low, places, -((places - short) >> 1))
        longer = code >= short
        code += np.where(longer, short, 0)
        at, cursors = _advance(cursors, level.owners, width)
        written.append((code >> longer, width, at, level.owners))
        bits = np.ones(int(longer.sum()), dtype=np.int32)
        at, cursors = _advance(cursors, level.owners[longer], bits)
        written.append((code[longer] & 1, bits, at, level.owners[longer]))
    return _written(written, (cursors + 7) >> 3)


def _written(written: Sequence[tuple[Small, Small, Ints, Ints]], sizes: Ints) -> tuple[bytes, Ints]:
    """Codes of so many bits each, at these places of their groups, as bytes."""
    code, width, at, owner = (np.concatenate(part) for part in zip(*written, strict=True))
    ends = at + width + 8 * (np.cumsum(sizes) - sizes)[owner]
    bits = np.zeros(8 * int(sizes.sum()), dtype=np.uint8)
    place = 0
    while len(code):
        more = width > place
        code, width, ends = code[more], width[more], ends[more]
        bits[ends - 1 - place] = (code >> place) & 1
        place += 1
    return np.packbits(bits).tobytes(), sizes


def unpack_lists(
    data: bytes | memoryview, sizes: Ints, groups: Ints, universes: Ints, counts: Ints
) -> Small:
    """The lists that `pack_lists` packed, one after another; `sizes` are the groups' bytes.

    Each list ascends and stays in its universe even if the bytes were altered.
    Raises CodecError when they are too few.
    """
    if len(counts) == 0 or not counts.any():
        return np.empty(0, dtype=np.int32)
    if (counts > universes).any() or int(universes.max()) > MOST_UNIVERSE:
        raise CodecError("a list is longer than it can be")
    if int(sizes.sum()) != len(data):
        raise CodecError("the lists are cut off")
    raw = np.zeros(len(data) + 4, dtype=np.uint32)
    raw[: len(data)] = np.frombuffer(data, dtype=np.uint8)
    windows = raw[:-3] << 24 | raw[1:-2] << 16 | raw[2:-1] << 8 | raw[3:]
    layout = _Layout(groups, universes, counts)
    room = layout.room()
    ends = 8 * np.cumsum(sizes)
    cursors = ends - 8 * sizes
    for level in layout.levels():
        low, places = level.bounds(room)
        width, short = _widths(places)
        at, cursors = _advance(cursors, level.owners, width)
        if (cursors > ends).any():
            raise CodecError("the lists are cut off")
        # Two shifts to the right, as no bits at all would be one by 32.
        found = windows[at >> 3] << (at & 7).astype(np.uint32)
        code = (found >> 1 >> (31 - width).astype(np.uint32)).astype(np.int32)
        longer = np.flatnonzero(code >= short)
        at, cursors = _advance(cursors, level.owners[longer], None)
        if (cursors > ends).any():
            raise CodecError("the lists are cut off")
        bit = windows[at >> 3] >> (31 - (at & 7)).astype(np.uint32) & 1
        code[longer] += code[longer] - short[longer] + bit.astype(np.int32)
        level.put(room, low + _turned(code, places, (places - short) >> 1))
    return room[layout.places()]


def _widths(places: Small) -> tuple[Small, Small]:
    """Truncated binary: the bits of a code, and how many codes do without one bit more.

    The numbers of places are from 1 to 2**24, which float32 holds exactly.
    """
    width = (places.astype(np.float32).view(np.int32) >> 23) - 127
    return width, (2 << width) - places


def _turned(values: Small, places: Small, by: Small) -> Small:
    """Values moved round their range, so that the short codes are those of its middle."""
    turned: Small = values + by
    turned += np.where(turned < 0, places, 0)
    turned -= np.where(turned >= places, places, 0)
    return turned


def _advance(cursors: Ints, owners: Ints, widths: Small | None) -> tuple[Ints, Ints]:
    """Where each code starts that follows the cursor of its group, and the cursors after them.

    `owners` ascends. Without `widths` each code is one bit.
    """
    if widths is None:
        before = np.arange(len(owners) + 1)
    else:
        before = np.zeros(len(owners) + 1, dtype=np.int64)
        np.cumsum(widths, out=before[1:])
    if len(cursors) == 1:
        return before[:-1] + cursors[0], cursors + before[-1]
    edges = before[np.searchsorted(owners, np.arange(len(cursors) + 1))]
    return before[:-1] + (cursors - edges[:-1])[owners], cursors + edges[1:] - edges[:-1]


class _Layout:
    """Room for lists of known lengths, each between the bounds that stand in for neighbours."""

    def __init__(self, groups: Ints, universes: Ints, counts: Ints) -> None:
        self._groups = groups
        self._universes = universes
        self._counts = counts
        # Each list lies in a perfect tree; places past its end hold numbers past its universe.
        exponents = np.frexp(counts.astype(np.float64))[1].astype(np.int64)
        self._top = np.where(counts > 0, 1 << exponents, 1)
        self._starts = np.cumsum(self._top + 1) - (self._top + 1)

    def room(self) -> Small:
        """The numbers of all lists with their bounds, of which only the bounds are known."""
        past = (self._universes - self._starts - self._counts - 1).astype(np.int32)
        room = np.arange(int((self._top + 1).sum()), dtype=np.int32)
        room += np.repeat(past, self._top + 1)
        room[self._starts] = -1
        return room

    def places(self) -> Ints:
        """Where in the room the numbers of the lists are."""
        first = self._starts + 1 - (np.cumsum(self._counts) - self._counts)
        places: Ints = np.arange(int(self._counts.sum())) + np.repeat(first, self._counts)
        return places

    def levels(self) -> Iterator[_Level]:
        """From the middles of the longest list to every second number."""
        step = int(self._top.max()) >> 1
        while step:
            nodes = (self._counts // step + 1) >> 1
            lists = np.flatnonzero(nodes)
            owners = np.repeat(self._groups[lists], nodes[lists])
            yield _Level(step, self._starts[lists], nodes[lists], owners)
            step >>= 1


class _Level:
    """The numbers at odd multiples of `step` in each list, whose neighbours are known."""

    def __init__(self, step: int, starts: Ints, nodes: Ints, owners: Ints) -> None:
        """`starts` and `nodes` of each list: where its room starts, its numbers of this level."""
        self.owners = owners  # the group of each number
        self._step = step
        self._parts: list[slice | Ints] = []
        self._edges = [0]
        long = np.flatnonzero(nodes >= _LONG).tolist()
        done = 0
        for at in [*long, len(nodes)]:
            if done < at:
                self._add(_lefts(step, starts[done:at], nodes[done:at]))
            if at < len(nodes):
                start = int(starts[at])
                self._add(slice(start, start + 2 * step * int(nodes[at]), 2 * step))
            done = at + 1

    def _add(self, part: slice | Ints) -> None:
        self._parts.append(part)
        length = len(range(part.stop)[part]) if isinstance(part, slice) else len(part)
        self._edges.append(self._edges[-1] + length)

    def bounds(self, room: Small) -> tuple[Small, Small]:
        """The lowest value each number can have, and how many values it can have."""
        left = self._at(room, 0)
        places: Small = self._at(room, 2 * self._step) - left - (2 * self._step - 1)
        return left + self._step, places

    def take(self, room: Small) -> Small:
        """The numbers."""
        return self._at(room, self._step)

    def put(self, room: Small, numbers: Small) -> None:
        """Set the numbers."""
        for part, (first, last) in zip(self._parts, pairwise(self._edges), strict=True):
            room[_moved(part, self._step)] = numbers[first:last]

    def _at(self, room: Small, offset: int) -> Small:
        found = [room[_moved(part, offset)] for part in self._parts]
        return found[0] if len(found) == 1 else np.concatenate(found)


def _lefts(step: int, starts: Ints, nodes: Ints) -> Ints:
    """The left neighbours of the numbers of a level."""
    first = starts - 2 * step * (np.cumsum(nodes) - nodes)
    lefts: Ints = np.arange(0, 2 * step * int(nodes.sum()), 2 * step) + np.repeat(first, nodes)
    return lefts


def _moved(part: slice | Ints, offset: int) -> slice | Ints:
    if isinstance(part, slice):
        return slice(part.start + offset, part.stop + offset, part.step)
    return part + offset
