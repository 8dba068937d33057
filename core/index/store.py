"""The segments of a home on disk: opened, published, looked at.

`core.index.upkeep` merges them and brings them to another level. Only the
indexing thread uses a store; searches take `view`, which never changes.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from core.atomic import TEMPORARY
from core.errors import NoRoomError, UserError
from core.index.code_choice import CodeChoice
from core.index.codes import Rotation
from core.index.dial import Dial
from core.index.foreign import new_path
from core.index.levels import DEFAULT_LEVEL, Level, level_named
from core.index.merging import MOST_JOINED, derive
from core.index.room import budget_used_up, disk_full, is_full
from core.index.rotations import ENOUGH_CHUNKS
from core.index.segment import Segment
from core.index.segment_format import (
    FORMAT,
    SUFFIX,
    Body,
    NewerSegmentError,
    SegmentError,
    Sizes,
    write_segment,
)
from core.index.spans import pack_document
from core.index.terms import Tokenizer
from core.index.text_cache import TextCache
from core.index.view import View
from core.index.word_build import build
from core.store.catalogue import Catalogue
from core.store.rows import DocumentTable, NewDocument, SegmentRow

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]

KEPT_EMBEDDINGS = 40_000  # of segments written lately, so that their merge is exact (30 MB)
KEPT_SHARE = 0.8  # of the chunks that may be joined
ROTATION_BYTES = 150_000  # of the largest, while it is written
MARGIN_BYTES = 12  # a chunk, for graph and spans, generously


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document ready to be published: embeddings (n, d) and spans of its chunks."""

    document: NewDocument
    embeddings: Floats
    spans: tuple[tuple[int, int], ...]
    page_chars: tuple[int, ...]


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


class SegmentStore:
    """The segments of one home."""

    def __init__(
        self,
        folder: Path,
        catalogue: Catalogue,
        codes: CodeChoice,
        model: str | None,
        texts: TextCache,
        room: Callable[[], int],
        level: Level | None = None,
        no_room: Callable[[], NoRoomError] = budget_used_up,
        words: bool = True,
        careful: bool = False,
    ) -> None:
        """Open every published segment; with `careful` all of each is read.

        A damaged or missing one is dropped and its files wait to be read again;
        `repaired` says which. One of another embedding model serves for words until
        its files have been read again. Raises UserError, and drops nothing, when a
        newer version of Satchel wrote one. `room` gives
        the bytes that the disk budget still allows, `no_room` says so when they do not do. With
        `model` None any model's segments are taken, and nothing can be published. `words`
        says whether there are to be word indexes.
        """
        self.folder = self._folder = folder
        self.most_joined = MOST_JOINED  # chunks of one segment: memory allows no more
        self._catalogue = catalogue
        self.dial = Dial(level or level_named(DEFAULT_LEVEL), codes, words)
        rows = catalogue.segments()
        self._model = model if model is not None else (rows[0].model if rows else "")
        self._model_known = model is not None
        self._texts = texts
        self._room = room
        self.no_room = no_room
        self._segments: OrderedDict[int, Segment] = OrderedDict()
        self._foreign: set[int] = set()  # segments of another embedding model
        self._embeddings: OrderedDict[int, Halves] = OrderedDict()
        self._tokenizer = Tokenizer()
        self.repaired: list[str] = []
        self._open(careful)
        self.view = self._make_view()

    def _open(self, careful: bool) -> None:
        rows = self._catalogue.documents()
        damaged: list[tuple[SegmentRow, SegmentError]] = []
        for row in self._catalogue.segments():
            try:
                self._segments[row.id] = self._open_one(
                    row, rows.select(rows.segment == row.id), careful
                )
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
        for path in self.strays():
            with contextlib.suppress(OSError):  # the doctor names it
                path.unlink(missing_ok=True)

    def _open_one(self, row: SegmentRow, documents: DocumentTable, careful: bool) -> Segment:
        segment = Segment(self._folder / row.name, careful)
        if not is_as_published(segment, row, documents):
            raise SegmentError(f"{row.name} is not the one that was published")
        if row.model != self._model:
            self._foreign.add(row.id)
            if self._model_known:
                self._catalogue.read_again(row.id)
            return segment
        rotation = segment.holding.rotation
        if rotation is not None and not self._model_known:
            self.dial.assume(rotation)
        elif rotation is not None and not self.dial.knows(rotation):
            raise SegmentError("the rotation of its codes is gone")
        return segment

    def _make_view(self) -> View:
        rows, rotations = self._catalogue.documents(), self.dial.rotations
        return View(list(self._segments.items()), rows, rotations, frozenset(self._foreign))

    def refresh(self) -> None:
        """Make a new view after documents were deleted in the catalogue."""
        self.view = self._make_view()
        self._texts.keep_only(set(self._catalogue.documents().id.tolist()))

    def publish(self, prepared: Sequence[Prepared]) -> None:
        """Make documents searchable: one new segment, one transaction, one new view.

        Raises NoRoomError, and nothing has changed, when it does not fit; ask `fits` before.
        """
        full = [item for item in prepared if len(item.embeddings)]
        empty = [item.document for item in prepared if not len(item.embeddings)]
        documents = [item.document for item in full] + empty
        if not full:
            self._catalogue.publish(None, self._model, documents)
            return
        embeddings = np.concatenate([item.embeddings for item in full])
        self.dial.fit_first(embeddings)
        packed = [(len(item.spans), pack_document(item.spans, item.page_chars)) for item in full]
        path = new_path(self._folder)
        rotation = self.dial.codes
        body = derive(embeddings, rotation, self.dial.level.kept)
        texts = (text for item in full for text in item.document.chunk_texts)
        words = build(texts, self._tokenizer) if self.dial.words else None
        with self._publishing(path):
            self._write(path, rotation, body, packed, words)
            segment = Segment(path)
            number, ids = self._catalogue.publish(path.name, self._model, documents)
        assert number is not None
        for document, item in zip(ids, full, strict=False):
            if item.document.slow:
                self._texts.put(document, item.document.chunk_texts)
        self._segments[number] = segment
        self._remember(number, embeddings)
        self.view = self._make_view()

    @property
    def most_kept(self) -> int:
        """How many embeddings of segments written lately stay in memory."""
        return min(KEPT_EMBEDDINGS, int(KEPT_SHARE * self.most_joined))

    def _remember(self, number: int, embeddings: Floats) -> None:
        self._embeddings[number] = embeddings.astype(np.float16)
        while sum(map(len, self._embeddings.values())) > self.most_kept:
            self._embeddings.popitem(last=False)

    @property
    def wanted_sample(self) -> int:
        """How many chunks the next publication should have, if it can wait for them."""
        return ENOUGH_CHUNKS if self.dial.lacks_rotation else 0

    def fit_anew(self) -> bool:
        """Give up a small index whose rotation was fitted to little, as much more comes now.

        Its files wait to be read again. False, and nothing done, when that is not so.
        """
        if not self.dial.may_fit_anew(self.view.chunks):
            return False
        self.drop([number for number in self._segments if number not in self._foreign])
        self.dial.give_up_rotation()
        return True

    def fits(self, chunks: int, text_bytes: int, documents: int) -> bool:
        """Whether publishing this much stays inside the disk budget, by a generous estimate."""
        # Code, graph and spans; words; the rows of documents.
        need = self._kept_bytes(chunks) + 500 * documents
        need += text_bytes // 5 if self.dial.words else 0
        need += ROTATION_BYTES if self.dial.lacks_rotation else 0
        return need <= self._room()

    def _kept_bytes(self, chunks: int) -> int:
        """About what so many chunks take at the level wished for, without their words."""
        return self.dial.bytes_of(chunks) + MARGIN_BYTES * chunks

    @property
    def room_bytes(self) -> int:
        """Bytes that the disk budget still allows."""
        return self._room()

    def _check_room(self, needed_bytes: int) -> None:
        if needed_bytes > self._room():
            raise self.no_room()

    def _write(
        self,
        path: Path,
        rotation: Rotation | None,
        body: Body,
        packed: Sequence[tuple[int, bytes]],
        words: bytes | None,
    ) -> None:
        name = "" if rotation is None else rotation.name
        try:
            write_segment(path, self._model, name, body, packed, words, self._check_room)
        except OSError as error:
            if is_full(error):
                raise disk_full() from error
            raise UserError(
                f"The index cannot be written to {self._folder}: {error.strerror}.",
                "Free some disk space and run it again; what was indexed before is kept.",
            ) from error

    @contextlib.contextmanager
    def _publishing(self, path: Path) -> Iterator[None]:
        """A new segment's file goes again where it does not come into the catalogue after all."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(Exception):  # as where nothing can be read: it goes later
                if path.name not in {row.name for row in self._catalogue.segments()}:
                    remove_file(path)
            raise

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

    # --- looking ------------------------------------------------------------------------

    def sizes(self) -> Sizes:
        """Bytes of all segments by part."""
        each = [segment.sizes() for segment in self._segments.values()]
        return Sizes(
            codes=sum(s.codes for s in each),
            graph=sum(s.graph for s in each),
            spans=sum(s.spans for s in each),
            words=sum(s.words for s in each),
            embeddings=sum(s.embeddings for s in each),
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
        rows = self._catalogue.documents()
        published = {row.id: row for row in self._catalogue.segments()}
        for number, segment in self._segments.items():
            try:
                segment.verify() if deep else segment.check()
            except SegmentError as error:
                problems[number] = str(error)
                continue
            row = published.get(number)
            if not segment.path.is_file():  # what is mapped of it serves until the end
                problems[number] = f"{segment.path.name} is not there"
            elif row is None or not is_as_published(
                segment, row, rows.select(rows.segment == number)
            ):
                problems[number] = f"{segment.path.name} is not the one that was published"
        return problems

    def strays(self) -> list[Path]:
        """Files of segments that are not part of the index; what did not come from here is not
        meant.
        """
        published = {segment.path.name for segment in self._segments.values()}
        return [
            path
            for path in self._folder.iterdir()
            if path.suffix in (SUFFIX, TEMPORARY) and path.name not in published
        ]

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
