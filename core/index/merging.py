"""Joining segments into one, or writing one anew at another level, without reading a file.

Decisions and arithmetic; `core.index.store` writes and publishes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.index.bits import CodecError
from core.index.codes import Rotation
from core.index.graph import Edges, build_edges, tidy
from core.index.levels import HUB_SHARE, Kept
from core.index.segment import Segment
from core.index.segment_format import Body, Holding, SegmentError
from core.index.stored import Stored, hubs_of, joined, store
from core.index.word_build import merge
from core.store.rows import DocumentTable

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]
Ints = NDArray[np.int64]

MERGE_RATIO = 3  # a segment joins a merge when the smaller ones together reach a third of it
MOST_JOINED = 50_000  # chunks of a merged segment: the work on it takes some 2.5 kB of memory each
DEAD_SHARE = 0.2  # a segment with more deleted chunks than this is written anew
ROWS = 4_096  # chunks whose vectors are handled together


def plan_merge(sizes: Sequence[tuple[int, int, int]], most: int = MOST_JOINED) -> list[int]:
    """Which segments to join now, by id: none, or one with many deletions, or several.

    `sizes` holds (id, chunks, live chunks); `most` live chunks are joined. Joining segments,
    smallest first, until the next is over `MERGE_RATIO` times as large keeps their number
    logarithmic and rewrites each chunk only a few times. A lone tiny one does not hold up the rest.
    """
    ordered = sorted(sizes, key=lambda item: (item[2], item[0]))
    for start in range(len(ordered)):
        group: list[int] = []
        together = 0
        for segment, _, live in ordered[start:]:
            if group and (live > MERGE_RATIO * together or together + live > most):
                break
            group.append(segment)
            together += live
        if len(group) > 1:
            return group
    for segment, chunks, live in ordered:
        if chunks - live > DEAD_SHARE * chunks:
            return [segment]
    return []


@dataclass(frozen=True, slots=True)
class Source:
    """A segment that takes part: the rotation of its codes, the new place of each chunk (-1 for
    those that go), and the embeddings of all its chunks, if they are at hand in memory.
    """

    segment: Segment
    rotation: Rotation | None
    places: Ints
    at_hand: Halves | None = None

    @property
    def has_vectors(self) -> bool:
        """Whether the embeddings are there, in memory or kept in 8 bits."""
        return self.at_hand is not None or self.segment.header.kept == "all"

    def vectors(self, old: Ints) -> Floats:
        """The embeddings of some chunks; `has_vectors` must be so."""
        if self.at_hand is not None:
            return self.at_hand[old].astype(np.float32)
        stored = self.segment.stored
        assert stored is not None
        return stored.vectors(old)

    @property
    def alive(self) -> tuple[Ints, Ints]:
        """The chunks that stay, by their old place and their new one."""
        old = np.flatnonzero(self.places >= 0)
        return old, self.places[old]

    @property
    def parts(self) -> Iterator[tuple[Ints, Ints]]:
        """The chunks that stay, some thousands at a time."""
        old, new = self.alive
        for at in range(0, len(old), ROWS):
            yield old[at : at + ROWS], new[at : at + ROWS]


def can_become(has: Holding, wish: Holding, vectors: bool) -> bool:
    """Whether a segment can be brought to a level without reading or embedding anything.

    `vectors` says that its embeddings are at hand.
    """
    codes = vectors or wish.rotation is None or has.rotation == wish.rotation
    kept = vectors or wish.kept in ("", has.kept)
    return codes and kept and (has.words or not wish.words)


def derive(vectors: Floats | Halves, rotation: Rotation | None, kept: Kept) -> Body:
    """What a segment of chunks with these embeddings (n, d) has."""
    edges = build_edges(vectors)
    codes = np.empty((len(vectors), 0), dtype=np.uint8)
    stored = choose_stored(vectors, edges, kept)
    if rotation is None:
        return Body(codes, edges, kept, stored)
    codes = rotation.encode(vectors)
    some = slice(None, None, 1 + len(vectors) // ROWS)
    sample = vectors[some].astype(np.float32)
    faithful, scale = rotation.faithful(sample, codes[some]), rotation.scale(sample, codes[some])
    return Body(codes, edges, kept, stored, faithful, scale)


def choose_stored(vectors: Floats | Halves, edges: Edges, kept: Kept) -> Stored | None:
    """The embeddings to keep of all these (n, d)."""
    if kept == "":
        return None
    count = len(vectors)
    ids = np.arange(count) if kept == "all" else hubs_of(edges, count, HUB_SHARE)
    return store(ids, vectors[ids])


def join(sources: Sequence[Source], total: int, rotation: Rotation | None, kept: Kept) -> Body:
    """What the segment of the `total` chunks that stay has, with codes of `rotation`."""
    if all(source.has_vectors for source in sources):
        return _from_vectors(sources, total, rotation, kept)
    codes, faithful, scale = _codes(sources, total, rotation)
    edges = _edges(sources, total, rotation, codes)
    stored = None
    if kept:
        stored = joined([_hubs(source).moved(source.places) for source in sources])
    return Body(codes, edges, kept, stored, faithful, scale)


def _from_vectors(
    sources: Sequence[Source], total: int, rotation: Rotation | None, kept: Kept
) -> Body:
    vectors = gather(sources, total)
    body = derive(vectors, rotation, kept)
    if kept == "all" and all(source.segment.header.kept == "all" for source in sources):
        return body._replace(stored=joined([_moved(source) for source in sources]))
    return body


def _hubs(source: Source) -> Stored:
    """The embeddings that a segment keeps, or should, where they are at hand."""
    if (stored := source.segment.stored) is not None:
        return stored
    ids = hubs_of(source.segment.edges, source.segment.chunks, HUB_SHARE)
    return store(ids, source.vectors(ids))


def _moved(source: Source) -> Stored:
    assert source.segment.stored is not None
    return source.segment.stored.moved(source.places)


def gather(sources: Sequence[Source], total: int) -> Halves:
    """The embeddings of the chunks that stay, in their new order."""
    found: Halves | None = None
    for source in sources:
        for old, new in source.parts:
            part = source.vectors(old)
            if found is None:
                found = np.empty((total, part.shape[1]), dtype=np.float16)
            found[new] = part
    assert found is not None
    return found


def _codes(
    sources: Sequence[Source], total: int, rotation: Rotation | None
) -> tuple[NDArray[np.uint8], float, float]:
    """The codes, how faithful they are and their scale; 0 for what is not known of all."""
    if rotation is None:
        return np.empty((total, 0), dtype=np.uint8), 0.0, 0.0
    codes = np.empty((total, rotation.code_bytes), dtype=np.uint8)
    measured = np.zeros((len(sources), 3))
    for number, source in enumerate(sources):
        old, new = source.alive
        if source.rotation is not None and source.rotation.name == rotation.name:
            codes[new] = source.segment.codes[old]
            header = source.segment.header
            measured[number] = len(new), header.faithful, header.scale
        else:
            for theirs, mine in source.parts:
                codes[mine] = rotation.encode(source.vectors(theirs))
            theirs, mine = old[:: 1 + len(old) // ROWS], new[:: 1 + len(old) // ROWS]
            vectors = source.vectors(theirs)
            faithful = rotation.faithful(vectors, codes[mine])
            measured[number] = len(new), faithful, rotation.scale(vectors, codes[mine])
    measured = measured[measured[:, 0] > 0]
    known = (measured[:, 1:] > 0).all(axis=0)
    faithful, scale = np.where(known, measured[:, 0] @ measured[:, 1:] / total, 0.0).tolist()
    return codes, faithful, scale


def _edges(
    sources: Sequence[Source], total: int, rotation: Rotation | None, codes: NDArray[np.uint8]
) -> Edges:
    """Edges inside a segment were found by exact scores and stay; those between come from what
    the codes stand for. Without any, segments are not linked.
    """
    owner = np.empty(total, dtype=np.int64)
    kept = []
    for number, source in enumerate(sources):
        owner[source.alive[1]] = number
        moved = source.places[source.segment.edges]
        kept.append(moved[(moved >= 0).all(axis=1)])
    if len(sources) > 1 and (steps := _steps(sources, total, rotation, codes)) is not None:
        found = build_edges(steps)
        kept.append(found[owner[found[:, 0]] != owner[found[:, 1]]])
    return tidy(np.concatenate(kept))


def _steps(
    sources: Sequence[Source], total: int, rotation: Rotation | None, codes: NDArray[np.uint8]
) -> Halves | None:
    """Unit vectors for all chunks, in one space, of what codes stand for; None without codes."""
    if rotation is None:
        names = {source.rotation.name if source.rotation else None for source in sources}
        rotation = sources[0].rotation
        if rotation is None or len(names) > 1:
            return None
        codes = np.empty((total, rotation.code_bytes), dtype=np.uint8)
        for source in sources:
            old, new = source.alive
            codes[new] = source.segment.codes[old]
    steps = np.empty((total, len(rotation.mean)), dtype=np.float16)
    for at in range(0, total, ROWS):
        part = rotation.decode(codes[at : at + ROWS])
        steps[at : at + ROWS] = part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-9)
    return steps


def places_of(segment: Segment, number: int, rows: DocumentTable) -> Ints:
    """For each chunk of a segment, by id `number`, its place when `rows` are all that stays."""
    starts = np.cumsum(rows.chunks) - rows.chunks
    mine = rows.segment == number
    new_starts = np.full(segment.header.documents, -1, dtype=np.int64)
    new_starts[rows.place[mine]] = starts[mine]
    counts = segment.chunk_counts
    inside = np.arange(segment.chunks) - np.repeat(np.cumsum(counts) - counts, counts)
    found = np.repeat(new_starts, counts)
    return np.where(found >= 0, found + inside, -1)


def join_words(segments: Sequence[Segment], places: Sequence[Ints]) -> bytes | None:
    """The word index of the chunks that stay; None when a segment has none.

    Raises SegmentError when one is damaged.
    """
    if not all(segment.has_words for segment in segments):
        return None
    if len(segments) == 1 and (places[0] == np.arange(segments[0].chunks)).all():
        return segments[0].packed_words
    try:
        return merge([segment.words for segment in segments], places)
    except CodecError as error:
        raise SegmentError(str(error)) from error
