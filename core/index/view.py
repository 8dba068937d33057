"""What a search sees: the open segments and the live documents in them, at one moment.

A view never changes; publishing makes a new one. Chunks have a position,
counted through all segments, and a number, given once for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.index.codes import Rotation, scan
from core.index.segment import Segment
from core.index.spans import DocumentSpans
from core.index.word_search import WordSearch
from core.store.rows import DocumentTable

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Place:
    """A chunk: the `index`-th of a document, which is number `place` of segment `segment`."""

    document: int
    segment: int
    place: int
    index: int


class View:
    """Live chunks of some segments."""

    def __init__(
        self,
        segments: Sequence[tuple[int, Segment]],
        rows: DocumentTable,
        rotations: Mapping[str, Rotation],
        words_only: Collection[int] = (),
    ):
        """`segments` with their ids, the live documents of the catalogue, the
        rotations of the segments' codes by their names, and the segments, by id, whose
        codes are of another embedding model.
        """
        self.segments = tuple(segments)
        self._made_of = rows, rotations, words_only
        self._segments = [segment for _, segment in segments]
        self._rotations = [
            None if number in words_only else rotations[segment.header.rotation]
            for number, segment in segments
        ]
        sizes = [segment.chunks for segment in self._segments]
        self._offsets: Ints = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        self.chunks = int(self._offsets[-1])
        self._fill(rows, {segment_id: at for at, (segment_id, _) in enumerate(segments)})

    @property
    def trusted(self) -> bool:
        """Whether all codes are of rotations fitted to this home's own passages."""
        return all(rotation is None or rotation.own for rotation in self._rotations)

    @cached_property
    def meant(self) -> Flags:
        """The live chunks that can be found by meaning; words alone find the others."""
        known = [rotation is not None for rotation in self._rotations]
        if all(known):
            return self.live
        sizes = [segment.chunks for segment in self._segments]
        return self.live & np.repeat(np.array(known, dtype=np.bool_), sizes)

    def _fill(self, rows: DocumentTable, number: dict[int, int]) -> None:
        starts = np.full(len(rows.id), -1, dtype=np.int64)
        for segment_id, at in number.items():
            mine = rows.segment == segment_id
            counts = self._segments[at].chunk_counts
            starts[mine] = (self._offsets[at] + np.cumsum(counts) - counts)[rows.place[mine]]
        order = np.argsort(starts, kind="stable")
        known = rows.select(order[np.count_nonzero(starts < 0) :])
        self._starts: Ints = np.sort(starts[starts >= 0])
        self._counts: Ints = known.chunks
        self._documents: Ints = known.id
        self._places: Ints = known.place
        self._firsts: Ints = known.id
        self._by_first: Ints = np.argsort(self._firsts)
        edges = np.zeros(self.chunks + 1, dtype=np.int64)
        np.add.at(edges, self._starts, 1)
        np.add.at(edges, self._starts + self._counts, -1)
        self.live: Flags = np.cumsum(edges[:-1]) > 0

    def without(self, numbers: Collection[int]) -> View:
        """The view that there would be if these segments, by id, were not there."""
        kept = [(number, segment) for number, segment in self.segments if number not in numbers]
        return View(kept, *self._made_of)

    @cached_property
    def words(self) -> WordSearch:
        """Word search over the live chunks. Raises SegmentError."""
        return WordSearch([segment.words for segment in self._segments], self.live)

    def estimates(self, query: Floats) -> Floats:
        """The codes' estimate of every chunk's cosine with the query, by position.

        Of those that are not `meant` it says nothing.
        """
        tables = {one.name: one.tables(query) for one in self._rotations if one is not None}
        parts = [
            np.full(segment.chunks, -1, dtype=np.float32)
            if rotation is None
            else scan(*tables[rotation.name], segment.codes, segment.lengths(rotation))
            for segment, rotation in zip(self._segments, self._rotations, strict=True)
        ]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)

    def decoded(self, positions: Ints) -> Floats:
        """What the codes of these chunks (at least one, all `meant`) stand for (n, d), as steps
        from the mean.
        """
        owners = np.searchsorted(self._offsets, positions, side="right") - 1
        parts: list[tuple[Flags, Floats]] = []
        for owner in np.unique(owners):
            mine = owners == owner
            codes = self._segments[owner].codes[positions[mine] - self._offsets[owner]]
            rotation = self._rotations[owner]
            assert rotation is not None
            parts.append((mine, rotation.decode(codes)))
        found = np.empty((len(positions), parts[0][1].shape[1]), dtype=np.float32)
        for mine, steps in parts:
            found[mine] = steps
        return found

    def neighbours(self, position: int) -> Ints:
        """Positions of the live chunks that share an edge with this one."""
        owner = int(np.searchsorted(self._offsets, position, side="right")) - 1
        offset = self._offsets[owner]
        near = self._segments[owner].graph.neighbours(position - int(offset)) + offset
        alive: Ints = near[self.live[near]]
        return alive

    def place(self, position: int) -> Place:
        """The document that a live chunk belongs to. Raises KeyError for a deleted one."""
        at = int(np.searchsorted(self._starts, position, side="right")) - 1
        if at < 0 or position >= self._starts[at] + self._counts[at]:
            raise KeyError(position)
        owner = int(np.searchsorted(self._offsets, position, side="right")) - 1
        return Place(
            int(self._documents[at]),
            owner,
            int(self._places[at]),
            position - int(self._starts[at]),
        )

    def spans(self, place: Place) -> DocumentSpans:
        """All spans of the document of a chunk. Raises SegmentError when damaged."""
        return self._segments[place.segment].spans(place.place)

    def positions(self, numbers: Ints) -> Ints:
        """Positions of the chunks with these numbers; those not in this view are left out."""
        if len(self._firsts) == 0:
            return np.empty(0, dtype=np.int64)
        firsts = self._firsts[self._by_first]
        at = np.searchsorted(firsts, numbers, side="right") - 1
        document = self._by_first[np.maximum(at, 0)]
        inside = numbers - self._firsts[document]
        fits = (at >= 0) & (inside < self._counts[document])
        found: Ints = (self._starts[document] + inside)[fits]
        return found

    def number(self, position: int) -> int:
        """The lasting number of the live chunk at a position."""
        at = int(np.searchsorted(self._starts, position, side="right")) - 1
        return int(self._firsts[at] + position - self._starts[at])

    def of_documents(self, documents: set[int]) -> Flags:
        """Which chunks belong to these documents."""
        flags = np.zeros(self.chunks, dtype=np.bool_)
        for at in np.flatnonzero(np.isin(self._documents, list(documents))):
            flags[self._starts[at] : self._starts[at] + self._counts[at]] = True
        return flags

    def owners(self, positions: Ints) -> Ints:
        """The document of each of these live chunks."""
        found: Ints = self._documents[np.searchsorted(self._starts, positions, side="right") - 1]
        return found

    def documents_at(self, positions: Ints) -> Ints:
        """The documents of some live chunks, each once, in ascending order."""
        found: Ints = np.unique(self.owners(positions))
        return found

    def chunks_of(self, document: int) -> Ints:
        """Positions of a document's chunks in order; empty when it is not in this view."""
        at = np.flatnonzero(self._documents == document)
        if len(at) == 0:
            return np.empty(0, dtype=np.int64)
        start = int(self._starts[at[0]])
        return np.arange(start, start + int(self._counts[at[0]]))
