"""What a search sees: the open segments and the live documents in them, at one moment.

A view never changes; publishing makes a new one. Chunks have a position,
counted through all segments, and a number, given once for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.index.codes import Rotation, scan
from core.index.levels import GRAPH_EFFORT
from core.index.segment import Segment
from core.index.segment_format import Holding
from core.index.spans import DocumentSpans
from core.index.word_search import WordSearch
from core.store.rows import DocumentTable

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

ENTRIES = 16  # chunks of each segment without codes that a search may begin with
SHIPPED_SCALE = 1.2  # of estimates by codes that ship, where it was not measured: 32 bytes, SciFact
BLIND_ESTIMATE = 0.1  # about the cosine of a question with any passage


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
        codes are of another embedding model. Segments may be of different levels.
        """
        self.segments = tuple(segments)
        self._made_of = rows, rotations, words_only
        self._segments = [segment for _, segment in segments]
        self._rotations = [
            None if name is None or number in words_only else rotations[name]
            for number, segment in segments
            for name in [segment.holding.rotation]
        ]
        self._foreign = [number in words_only for number, _ in segments]
        sizes = [segment.chunks for segment in self._segments]
        self._offsets: Ints = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        self.chunks = int(self._offsets[-1])
        self._fill(rows, {segment_id: at for at, (segment_id, _) in enumerate(segments)})

    @cached_property
    def trusted(self) -> bool:
        """Whether all estimates are by rotations fitted to this home's own passages."""
        return not self.blind.any() and all(one is None or one.own for one in self._rotations)

    @cached_property
    def blind(self) -> Flags:
        """Which chunks have neither a code nor an embedding that is kept."""
        return self._chunks_where(
            one is None and segment.header.kept != "all" and not foreign
            for one, segment, foreign in zip(
                self._rotations, self._segments, self._foreign, strict=True
            )
        )

    def _chunks_where(self, segments: Iterable[bool]) -> Flags:
        """The chunks of those segments for which it is so."""
        return np.repeat(np.array([*segments], dtype=np.bool_), np.diff(self._offsets))

    @cached_property
    def meant(self) -> Flags:
        """The live chunks that can be found by meaning; words alone find the others."""
        return self.live & ~self._chunks_where(self._foreign) if any(self._foreign) else self.live

    @property
    def meant_chunks(self) -> int:
        """How many can be found by meaning."""
        return int(self.meant.sum()) if any(self._foreign) else self.live_chunks

    @cached_property
    def live_chunks(self) -> int:
        """How many chunks there are, without the deleted ones."""
        return int(self._counts.sum())

    def live_at(self, holding: Holding) -> int:
        """How many live chunks are in segments that have this of their embeddings."""
        there = self._chunks_where(segment.holding == holding for segment in self._segments)
        return int((there & self.meant).sum())

    @property
    def effort(self) -> float:
        """How many times as many recomputes a search should have as one that has codes."""
        return 1 + (GRAPH_EFFORT - 1) * float(self.blind.mean()) if self.chunks else 1.0

    @cached_property
    def entries(self) -> Ints:
        """Live chunks, spread over the segments without codes and well linked, to begin with."""
        found: list[int] = []
        for owner, offset in enumerate(self._offsets[:-1].tolist()):
            segment = self._segments[owner]
            if segment.chunks == 0 or not self.blind[offset]:
                continue
            links = np.diff(segment.graph.starts)
            links[~self.live[offset : offset + segment.chunks]] = -1
            blocks = np.array_split(np.arange(segment.chunks), min(ENTRIES, segment.chunks))
            best = np.array([block[np.argmax(links[block])] for block in blocks])
            found += (offset + best[links[best] >= 0]).tolist()
        return np.array(found, dtype=np.int64)

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

    def hiding(self, documents: Collection[int]) -> View:
        """The view that there would be if these documents were deleted."""
        rows, rotations, words_only = self._made_of
        shown = rows.select(~np.isin(rows.id, list(documents)))
        return View(self.segments, shown, rotations, words_only)

    def check_whole(self) -> None:
        """Raises SegmentError when the file of a segment was cut off while it was mapped."""
        for segment in self._segments:
            segment.check_whole()

    def let_go(self) -> None:
        """Give back the memory of what was read of the segments; it is read again when needed."""
        for segment in self._segments:
            segment.let_go()

    @cached_property
    def words(self) -> WordSearch:
        """Word search over the live chunks. Raises SegmentError."""
        return WordSearch([segment.words for segment in self._segments], self.live)

    @cached_property
    def wordless(self) -> Flags:
        """The live chunks that words do not find, for there is no word index of them."""
        return self.live & self._chunks_where(not one.has_words for one in self._segments)

    def estimates(self, query: Floats) -> Floats:
        """The codes' estimate of every chunk's cosine with the query, by position.

        Codes that were not fitted to this home give estimates that are too low; beside
        others they are raised by what was measured when they were made.
        """
        tables = {one.name: one.tables(query) for one in self._rotations if one is not None}
        found = np.empty(self.chunks, dtype=np.float32)
        for owner, (segment, rotation) in enumerate(
            zip(self._segments, self._rotations, strict=True)
        ):
            mine = slice(int(self._offsets[owner]), int(self._offsets[owner + 1]))
            if rotation is None:
                found[mine] = BLIND_ESTIMATE
            else:
                lengths = segment.lengths(rotation)
                found[mine] = scan(*tables[rotation.name], segment.codes, lengths)
                found[mine] *= self._weights[owner]
        return found

    @cached_property
    def _weights(self) -> list[float]:
        """What the estimates of each segment are multiplied by; 1 where all are of one kind."""
        present = zip(self._segments, self._foreign, strict=True)
        kinds = {
            segment.holding._replace(words=True) for segment, foreign in present if not foreign
        }
        if len(kinds) < 2:
            return [1.0] * len(self._segments)
        return [
            1.0 if rotation is None or rotation.own else segment.header.scale or SHIPPED_SCALE
            for segment, rotation in zip(self._segments, self._rotations, strict=True)
        ]

    def known(self, query: Floats) -> Floats | None:
        """Cosines by position where the embedding is kept, NaN elsewhere; None if nowhere."""
        keeping = [
            (segment, offset)
            for segment, offset, foreign in zip(
                self._segments, self._offsets[:-1], self._foreign, strict=True
            )
            if segment.header.kept and not foreign
        ]
        if not keeping:
            return None
        found = np.full(self.chunks, np.nan, dtype=np.float32)
        for segment, offset in keeping:
            if segment.stored is not None:
                found[offset + segment.stored.ids] = segment.stored.scores(query)
        return found

    def decoded(self, positions: Ints) -> Floats:
        """What the codes of these chunks (at least one) stand for (n, d), as steps from
        the mean; zeros for chunks without codes.
        """
        owners = np.searchsorted(self._offsets, positions, side="right") - 1
        found = np.zeros((len(positions), self._dimensions), dtype=np.float32)
        for owner in np.unique(owners):
            rotation = self._rotations[owner]
            if rotation is not None:
                mine = owners == owner
                codes = self._segments[owner].codes[positions[mine] - self._offsets[owner]]
                found[mine] = rotation.decode(codes)
        return found

    @cached_property
    def _dimensions(self) -> int:
        return next((len(one.mean) for one in self._rotations if one is not None), 1)

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
