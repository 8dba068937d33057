"""The index on disk as one thing: its open segments, publishing new ones, merging old ones.

Only the indexing thread uses it; searches take `view`, which never changes.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.index.bits import CodecError
from core.index.codes import Rotation
from core.index.foreign import new_path, write_part
from core.index.graph import Edges, build_edges, tidy
from core.index.rotations import ENOUGH_CHUNKS
from core.index.segment import (
    FORMAT,
    NewerSegmentError,
    Segment,
    SegmentError,
    Sizes,
    write_segment,
)
from core.index.spans import pack_document
from core.index.terms import Tokenizer
from core.index.text_cache import TextCache
from core.index.view import View
from core.index.word_build import build, merge
from core.memory import return_memory
from core.store.catalogue import Catalogue
from core.store.rows import DocumentTable, NewDocument, SegmentRow

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]
Ints = NDArray[np.int64]

MERGE_RATIO = 3  # a segment joins a merge when the smaller ones together reach a third of it
MOST_JOINED = 50_000  # chunks of a merged segment: the work on it takes some 2.5 kB of memory each
DEAD_SHARE = 0.2  # a segment with more deleted chunks than this is written anew
OWN_CHUNKS = 6_000  # at hand for a rotation of the home's own; fewer say too little
OWN_SAMPLE = 20_000  # of them are used at most
KEPT_EMBEDDINGS = 40_000  # of segments written lately, so that their merge is exact (30 MB)
ROWS = 4_096  # chunks whose vectors are handled together


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document ready to be published: embeddings (n, d) and spans of its chunks."""

    document: NewDocument
    embeddings: Floats
    spans: tuple[tuple[int, int], ...]
    page_chars: tuple[int, ...]


def plan_merge(sizes: Sequence[tuple[int, int, int]]) -> list[int]:
    """Which segments to join now, by id: none, or one with many deletions, or several.

    `sizes` holds (id, chunks, live chunks). Joining segments, smallest first, until
    the next is over `MERGE_RATIO` times as large keeps their number logarithmic
    and rewrites each chunk only a few times. A lone tiny one does not hold up the rest.
    """
    ordered = sorted(sizes, key=lambda item: (item[2], item[0]))
    for start in range(len(ordered)):
        group: list[int] = []
        together = 0
        for segment, _, live in ordered[start:]:
            if group and (live > MERGE_RATIO * together or together + live > MOST_JOINED):
                break
            group.append(segment)
            together += live
        if len(group) > 1:
            return group
    for segment, chunks, live in ordered:
        if chunks - live > DEAD_SHARE * chunks:
            return [segment]
    return []


def is_as_published(segment: Segment, row: SegmentRow, documents: DocumentTable) -> bool:
    """Whether a segment file is the one that the catalogue means, with its live documents."""
    if segment.chunks != row.chunks or segment.header.model != row.model:
        return False
    if len(documents) and int(documents.place.max()) >= segment.header.documents:
        return False
    return bool((segment.chunk_counts[documents.place] == documents.chunks).all())


def remove_file(path: Path) -> None:
    """Remove a segment's file. A search may still read it: on Windows the next start does it."""
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        if os.name != "nt":
            raise


class IndexStore:
    """The segments of one home."""

    def __init__(
        self,
        folder: Path,
        catalogue: Catalogue,
        rotation: Rotation,
        model: str | None,
        texts: TextCache,
        room: Callable[[], int],
        fit: Callable[[Floats], Rotation] | None = None,
        has_rotation: bool = True,
        older: Sequence[Rotation] = (),
        own: Callable[[Halves], Rotation] | None = None,
    ) -> None:
        """Open every published segment.

        A damaged or missing one is dropped and its files wait to be read again;
        `repaired` says which. One of another embedding model serves for words until
        its files have been read again. Raises UserError, and drops nothing, when a
        newer version of Satchel wrote one. `room` gives
        the bytes that the disk budget still allows. With `model` None any model's
        segments are taken, and nothing can be published. Without a rotation the first
        embeddings published give one by way of `fit`; with `fit` it may be fitted anew.
        `older` are rotations that segments may have been written with before; with `own`
        the home gets a rotation of its own once there are embeddings enough.
        """
        self.folder = self._folder = folder
        self._catalogue = catalogue
        self.rotation = rotation
        self._fit = fit
        self._has_rotation = has_rotation
        self._own = own
        self._rotations = {one.name: one for one in (*older, rotation)}
        rows = catalogue.segments()
        self._model = model if model is not None else (rows[0].model if rows else "")
        self._model_known = model is not None
        self._texts = texts
        self._room = room
        self._segments: OrderedDict[int, Segment] = OrderedDict()
        self._foreign: set[int] = set()  # segments of another embedding model
        self._embeddings: OrderedDict[int, Halves] = OrderedDict()
        self._tokenizer = Tokenizer()
        self.repaired: list[str] = []
        self._open()
        self.view = self._make_view()

    def _open(self) -> None:
        rows = self._catalogue.documents()
        damaged: list[tuple[SegmentRow, SegmentError]] = []
        for row in self._catalogue.segments():
            try:
                self._segments[row.id] = self._open_one(row, rows.select(rows.segment == row.id))
            except SegmentError as error:
                damaged.append((row, error))
            except NewerSegmentError as error:
                raise UserError(
                    f"Part of the index was written by a newer version of Satchel ({error}; this "
                    f"one reads formats up to {FORMAT}).",
                    "Update Satchel, or choose another home with --home; nothing was changed.",
                ) from error
        for row, what in damaged:
            files = self._catalogue.forget_segment(row.id, str(what))
            self.repaired.append(f"{what}; its {files} files are read again")
        published = {segment.path.name for segment in self._segments.values()}
        for path in self._folder.iterdir():
            if path.name not in published:
                path.unlink(missing_ok=True)

    def _open_one(self, row: SegmentRow, documents: DocumentTable) -> Segment:
        segment = Segment(self._folder / row.name)
        if not is_as_published(segment, row, documents):
            raise SegmentError(f"{row.name} is not the one that was published")
        if row.model != self._model:
            self._foreign.add(row.id)
            if self._model_known:
                self._catalogue.read_again(row.id)
            return segment
        if not self._has_rotation:
            raise SegmentError("the rotation of its codes is gone")
        if not self._model_known:
            self._rotations.setdefault(segment.header.rotation, self.rotation)
        elif segment.header.rotation not in self._rotations:
            raise SegmentError("the rotation of its codes is gone")
        return segment

    def _make_view(self) -> View:
        rows = self._catalogue.documents()
        return View(list(self._segments.items()), rows, self._rotations, frozenset(self._foreign))

    def refresh(self) -> None:
        """Make a new view after documents were deleted in the catalogue."""
        self.view = self._make_view()
        self._texts.keep_only(set(self._catalogue.documents().id.tolist()))

    def publish(self, prepared: Sequence[Prepared]) -> None:
        """Make documents searchable: one new segment, one transaction, one new view.

        Raises UserError when the disk is full; ask `fits` about the disk budget before.
        """
        full = [item for item in prepared if len(item.embeddings)]
        empty = [item.document for item in prepared if not len(item.embeddings)]
        documents = [item.document for item in full] + empty
        if not full:
            self._catalogue.publish(None, self._model, documents)
            return
        embeddings = np.concatenate([item.embeddings for item in full])
        if self._fit is not None and not self._has_rotation:
            self._turn_to(self._fit(embeddings))
            self._has_rotation = True
            if len(embeddings) >= ENOUGH_CHUNKS:
                self._fit = None
        packed = [(len(item.spans), pack_document(item.spans, item.page_chars)) for item in full]
        path = new_path(self._folder)
        edges = build_edges(embeddings)
        texts = (text for item in full for text in item.document.chunk_texts)
        words = build(texts, self._tokenizer)
        self._write(path, self.rotation, self.rotation.encode(embeddings), edges, packed, words)
        number, ids = self._catalogue.publish(path.name, self._model, documents)
        assert number is not None
        for document, item in zip(ids, full, strict=False):
            if item.document.slow:
                self._texts.put(document, item.document.chunk_texts)
        self._segments[number] = Segment(path)
        self._embeddings[number] = embeddings.astype(np.float16)
        while sum(map(len, self._embeddings.values())) > KEPT_EMBEDDINGS:
            self._embeddings.popitem(last=False)
        self.view = self._make_view()

    def _turn_to(self, rotation: Rotation) -> None:
        # A view that a search still uses keeps the old mapping.
        self._rotations = {**self._rotations, rotation.name: rotation}
        self.rotation = rotation

    def _adopt_own(self) -> None:
        """Give the home a rotation of its own if that is due and enough embeddings are at hand."""
        at_hand = sum(map(len, self._embeddings.values()))
        if self._own is None or at_hand < OWN_CHUNKS:
            return
        step = max(1, -(-at_hand // OWN_SAMPLE))
        sample = np.concatenate([part[::step] for part in self._embeddings.values()])
        self._turn_to(self._own(sample))
        self._own = self._fit = None
        return_memory()

    @property
    def wanted_sample(self) -> int:
        """How many chunks the next publication should have, if it can wait for them."""
        return 0 if self._has_rotation else ENOUGH_CHUNKS

    def fit_anew(self) -> bool:
        """Give up a small index whose rotation was fitted to little, as much more comes now.

        Its files wait to be read again. False, and nothing done, when that is not so.
        """
        if self._fit is None or not self._has_rotation or self.view.chunks >= ENOUGH_CHUNKS:
            return False
        self.drop([number for number in self._segments if number not in self._foreign])
        self._has_rotation = False
        return True

    def fits(self, chunks: int, text_bytes: int, documents: int) -> bool:
        """Whether publishing this much stays inside the disk budget, by a generous estimate."""
        # Code, graph and spans; words; the rows of files, which pass through the log.
        need = chunks * (self.rotation.code_bytes + 12) + text_bytes // 5 + 1000 * documents
        return need <= self._room()

    @property
    def room_bytes(self) -> int:
        """Bytes that the disk budget still allows."""
        return self._room()

    @staticmethod
    def budget_error() -> UserError:
        """What to say when new content does not fit."""
        return UserError(
            "The disk budget is used up; new content waits.",
            "Give Satchel more with `satchel budget --disk SIZE`, or watch fewer folders.",
        )

    def _write(
        self,
        path: Path,
        rotation: Rotation,
        codes: NDArray[np.uint8],
        edges: Edges,
        packed: Sequence[tuple[int, bytes]],
        words: bytes,
    ) -> None:
        try:
            write_segment(path, self._model, rotation.name, codes, edges, packed, words)
        except OSError as error:
            raise UserError(
                f"The index cannot be written to {self._folder}: {error.strerror}.",
                "Free some disk space and run it again; what was indexed before is kept.",
            ) from error

    # --- merging ------------------------------------------------------------------------

    def merge_once(self) -> bool:
        """Join some segments if that is due; whether anything was done. Embeds nothing.

        Segments of an older rotation take part while their embeddings are at hand,
        and get new codes then; later they stay as they are.
        """
        self._adopt_own()
        rows = self._catalogue.documents()
        live = {number: int(rows.chunks[rows.segment == number].sum()) for number in self._segments}
        every = [(number, one.chunks, live[number]) for number, one in self._segments.items()]
        if self._shrink_foreign([size for size in every if size[0] in self._foreign], rows):
            return True
        sizes = [size for size in every if size[0] not in self._foreign]
        group = plan_merge([size for size in sizes if self._can_turn(size[0])])
        group = group or [size[0] for size in sizes if self._should_turn(size[0])]
        for size in sizes:
            if not group and not self._can_turn(size[0]):
                group = plan_merge([size])
        needed = sum(self._segments[number].sizes().total for number in group)
        if not group or needed > self._room():
            return False
        self._merge(group, rows.select(np.isin(rows.segment, group)))
        return True

    def _shrink_foreign(self, sizes: Sequence[tuple[int, int, int]], rows: DocumentTable) -> bool:
        """Write a segment of another model anew if much of it is deleted; whether that was due."""
        for number, chunks, live in sizes:
            room = live == 0 or self._segments[number].sizes().total <= self._room()
            if chunks - live > DEAD_SHARE * chunks and room:
                self._rewrite_foreign(number, rows.select(rows.segment == number))
                return True
        return False

    def _rewrite_foreign(self, number: int, rows: DocumentTable) -> None:
        segment = self._segments[number]
        if len(rows) == 0:
            self._catalogue.replace_segments([number], None, "", [])
            self._foreign.discard(number)
            self._swap([number], None, None)
            return
        path = new_path(self._folder)
        write_part(segment, rows, path)
        model = segment.header.model
        self._catalogue.replace_segments([number], path.name, model, rows.id.tolist())
        new = self._catalogue.segments()[-1].id
        self._foreign ^= {number, new}
        self._swap([number], new, Segment(path))

    def _merge(self, group: Sequence[int], rows: DocumentTable) -> None:
        rows = rows.select(np.argsort(rows.id))
        old_to_new = {number: self._renumbered(number, rows) for number in group}
        total = int(rows.chunks.sum())
        if total == 0:
            self._catalogue.replace_segments(group, None, self._model, [])
            self._swap(group, None, None)
            return
        rotation = self.rotation
        if not all(map(self._can_turn, group)):
            [alone] = group
            rotation = self._rotations[self._segments[alone].header.rotation]
        codes, vectors, exact = self._gather(group, old_to_new, total, rotation)
        edges = build_edges(vectors)
        if not exact:
            edges = self._with_old_edges(group, old_to_new, edges)
        packed = [
            (chunks, self._segments[segment].packed_spans(place))
            for chunks, segment, place in zip(
                rows.chunks.tolist(), rows.segment.tolist(), rows.place.tolist(), strict=True
            )
        ]
        path = new_path(self._folder)
        words = self._joined_words(group, old_to_new)
        self._write(path, rotation, codes, edges, packed, words)
        self._catalogue.replace_segments(group, path.name, self._model, rows.id.tolist())
        number = self._catalogue.segments()[-1].id
        self._swap(group, number, Segment(path))
        if exact and total <= KEPT_EMBEDDINGS:
            self._embeddings[number] = vectors

    def _merge_one(self, number: int, rows: DocumentTable) -> None:
        self._merge([number], rows)

    def _can_turn(self, number: int) -> bool:
        """Whether a segment has, or can get, codes of the present rotation."""
        same = self._segments[number].header.rotation == self.rotation.name
        return same or self._should_turn(number)

    def _should_turn(self, number: int) -> bool:
        same = self._segments[number].header.rotation == self.rotation.name
        return not same and number in self._embeddings

    def _renumbered(self, number: int, rows: DocumentTable) -> Ints:
        """For each chunk of a segment its place after the merge; -1 for deleted ones."""
        segment = self._segments[number]
        starts = np.cumsum(rows.chunks) - rows.chunks
        mine = rows.segment == number
        new_starts = np.full(segment.header.documents, -1, dtype=np.int64)
        new_starts[rows.place[mine]] = starts[mine]
        counts = segment.chunk_counts
        inside = np.arange(segment.chunks) - np.repeat(np.cumsum(counts) - counts, counts)
        found = np.repeat(new_starts, counts)
        return np.where(found >= 0, found + inside, -1)

    def _gather(
        self,
        group: Sequence[int],
        old_to_new: dict[int, Ints],
        total: int,
        rotation: Rotation,
    ) -> tuple[NDArray[np.uint8], Halves, bool]:
        """Codes and vectors of the live chunks in their new order; whether all are exact.

        Embeddings still in memory serve as vectors; without them the decoded
        codes do, brought to the same space and length.
        """
        exact = all(number in self._embeddings for number in group)
        codes = np.empty((total, rotation.code_bytes), dtype=np.uint8)
        dimensions = len(rotation.mean)
        vectors = np.empty((total, dimensions), dtype=np.float16)
        for number in group:
            old = np.flatnonzero(old_to_new[number] >= 0)
            new = old_to_new[number][old]
            before = self._rotations[self._segments[number].header.rotation]
            for at in range(0, len(old), ROWS):
                theirs, mine = old[at : at + ROWS], new[at : at + ROWS]
                code, vector = self._recoded(number, theirs, before, rotation)
                codes[mine] = code
                if not exact:
                    vector = rotation.decode(code)
                    vector /= np.maximum(np.linalg.norm(vector, axis=1, keepdims=True), 1e-9)
                vectors[mine] = vector
        return codes, vectors, exact

    def _recoded(
        self, number: int, rows: Ints, before: Rotation, rotation: Rotation
    ) -> tuple[NDArray[np.uint8], Floats]:
        """Codes and vectors of some chunks of a segment, for a rotation it can turn to."""
        codes = self._segments[number].codes[rows]
        if number in self._embeddings:
            vectors = self._embeddings[number][rows].astype(np.float32)
        else:
            vectors = before.decode(codes)
        return (codes if before is rotation else rotation.encode(vectors)), vectors

    def _joined_words(self, group: Sequence[int], old_to_new: dict[int, Ints]) -> bytes:
        try:
            return merge(
                [self._segments[number].words for number in group],
                [old_to_new[number] for number in group],
            )
        except CodecError as error:
            raise SegmentError(str(error)) from error

    def _with_old_edges(
        self, group: Sequence[int], old_to_new: dict[int, Ints], found: Edges
    ) -> Edges:
        """Edges inside a segment were found by exact scores and stay; those between are new."""
        owner = np.empty(sum(int((m >= 0).sum()) for m in old_to_new.values()), dtype=np.int64)
        kept = []
        for number in group:
            mapping = old_to_new[number]
            owner[mapping[mapping >= 0]] = number
            moved = mapping[self._segments[number].edges]
            kept.append(moved[(moved >= 0).all(axis=1)])
        between = found[owner[found[:, 0]] != owner[found[:, 1]]]
        return tidy(np.concatenate([*kept, between]))

    def _swap(self, group: Sequence[int], number: int | None, segment: Segment | None) -> None:
        gone = [self._segments.pop(old) for old in group]
        for old in group:
            self._embeddings.pop(old, None)
        if number is not None and segment is not None:
            self._segments[number] = segment
        self.view = self._make_view()
        for old_segment in gone:
            remove_file(old_segment.path)

    def release_embeddings(self) -> None:
        """Let go of the embeddings kept for merging, and of the words met."""
        self._embeddings.clear()
        self._tokenizer = Tokenizer()

    def rewrite_without(self, segments: set[int]) -> None:
        """Write segments anew without their deleted documents, so that no trace of them stays."""
        rows = self._catalogue.documents()
        for number in segments & set(self._segments):
            rewrite = self._rewrite_foreign if number in self._foreign else self._merge_one
            try:
                rewrite(number, rows.select(rows.segment == number))
            except SegmentError as error:  # no trace may stay in what cannot be written anew
                self.drop([number], {number: str(error)})

    # --- looking ------------------------------------------------------------------------

    def sizes(self) -> Sizes:
        """Bytes of all segments by part."""
        each = [segment.sizes() for segment in self._segments.values()]
        return Sizes(
            codes=sum(s.codes for s in each),
            graph=sum(s.graph for s in each),
            spans=sum(s.spans for s in each),
            words=sum(s.words for s in each),
            total=sum(s.total for s in each),
        )

    def __contains__(self, segment: int) -> bool:
        return segment in self._segments

    @property
    def segment_count(self) -> int:
        """How many segments there are."""
        return len(self._segments)

    def verify(self, deep: bool = True) -> dict[int, str]:
        """What is wrong with which segments, in words; empty when all is well.

        Without `deep` only checksums are compared, which is a hundred times quicker.
        """
        problems: dict[int, str] = {}
        for number, segment in self._segments.items():
            try:
                segment.verify() if deep else segment.check()
            except SegmentError as error:
                problems[number] = str(error)
        return problems

    def drop(
        self, segments: Iterable[int], damage: Mapping[int, str] = MappingProxyType({})
    ) -> int:
        """Give up segments; their files wait to be read again. How many files.

        `damage` says what is wrong with those that are damaged.
        """
        files = 0
        for number in segments:
            files += self._catalogue.forget_segment(number, damage.get(number))
            self._embeddings.pop(number, None)
            self._foreign.discard(number)
            remove_file(self._segments.pop(number).path)
        self.view = self._make_view()
        return files
