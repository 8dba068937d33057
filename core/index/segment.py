"""An open segment: mapped into memory, its parts checked when they are first read.

What a segment file holds, and writing one, is in `core.index.segment_format`.
"""

from __future__ import annotations

import errno
import mmap
import sys
import zlib
from functools import cached_property
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.index.bits import CodecError, unpack_buckets, unpack_varints
from core.index.codes import CodeArray, Floats, Rotation
from core.index.graph import Edges, Graph, open_graph, unpack_edges
from core.index.segment_format import (
    HEAD_BYTES,
    TOGETHER,
    Holding,
    SegmentError,
    Sizes,
    read_header,
    sizes_of,
)
from core.index.spans import DocumentSpans, unpack_document, unpack_spans
from core.index.stored import Stored, unpack_ids
from core.index.words import WordIndex, pack_words

PIECE_BYTES = 1_048_576  # read at once
TOUCHED = ("codes", "table")  # when a segment is opened
PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)

Ints = NDArray[np.int64]


class Segment:
    """An open segment, mapped into memory and checked."""

    def __init__(self, path: Path, careful: bool = False) -> None:
        """Open and check a segment file. Raises SegmentError, or NewerSegmentError, or OSError
        where the system lacks what it takes to open any file.

        With `careful` all of it is read, so that nothing in it is out of the disk's reach.
        """
        self.path = path
        try:
            with path.open("rb", buffering=0) as file:
                _read_through(file, 0, sys.maxsize if careful else HEAD_BYTES)
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                self._view = memoryview(self._map)
                self.header, self._body = read_header(self._view, path.name)
                parts = self.header.parts
                for part in [parts[name] for name in TOUCHED if name in parts and not careful]:
                    _read_through(file, self._body + part.offset, part.length)
        except FileNotFoundError as error:
            raise SegmentError(f"{path.name} is not there") from error
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) in PASSING:
                raise  # it says nothing of the file
            reason = getattr(error, "strerror", None) or error
            raise SegmentError(f"{path.name} cannot be read: {reason}") from error
        codes = self._part("codes") if self.header.code_bytes else b""
        self._codes: CodeArray = np.frombuffer(codes, dtype=np.uint8).reshape(
            self.header.chunks, self.header.code_bytes
        )
        self.chunk_counts, self._ends_before = self._read_table()
        self._lengths: Floats | None = None

    def check_whole(self) -> None:
        """Raises SegmentError when the file was cut off, or grew, since it was opened.

        To touch what is mapped but no longer there ends the process.
        """
        try:
            whole = self._map.size() == len(self._view)
        except (OSError, ValueError):
            whole = False
        if not whole:
            raise SegmentError(f"{self.path.name} is cut off, or longer than it was")

    def _part(self, name: str) -> memoryview:
        self.check_whole()
        part = self.header.parts[name]
        start = self._body + part.offset
        data = self._view[start : start + part.length]
        if len(data) != part.length or zlib.crc32(data) != part.crc32:
            raise SegmentError(f"the {name} of {self.path.name} are damaged")
        return data

    def _read_table(self) -> tuple[Ints, Ints | None]:
        """How many chunks each document has; of formats before, where the spans of each end."""
        ends: Ints | None = None
        try:
            if self.header.format >= TOGETHER:
                counts = unpack_buckets(self._part("table"))
            else:
                counts, lengths = unpack_varints(self._part("table")).reshape(-1, 2).T
                ends = np.cumsum(lengths)
        except (CodecError, ValueError) as error:
            raise SegmentError(f"{self.path.name} has a damaged table") from error
        if len(counts) != self.header.documents or int(counts.sum()) != self.header.chunks:
            raise SegmentError(f"{self.path.name} has a damaged table")
        return counts, ends

    @property
    def chunks(self) -> int:
        """Number of chunks, deleted ones included."""
        return self.header.chunks

    @property
    def codes(self) -> CodeArray:
        """The codes (n, b) as they are mapped. Raises SegmentError when the file was cut off."""
        self.check_whole()
        return self._codes

    @property
    def holding(self) -> Holding:
        """What it has of its passages."""
        rotation = self.header.rotation if self.header.code_bytes else None
        return Holding(rotation, self.header.kept, self.has_words)

    @property
    def has_words(self) -> bool:
        """Whether there is a word index."""
        return "words" in self.header.parts

    @cached_property
    def stored(self) -> Stored | None:
        """The embeddings that are kept, if any are. Raises SegmentError when they are damaged."""
        if not self.header.kept:
            return None
        rows = np.frombuffer(self._part("embeddings8"), dtype=np.int8)
        try:
            ids = unpack_ids(self._part("stored"), self.chunks)
        except CodecError as error:
            raise SegmentError(f"{self.path.name}: {error}") from error
        if len(ids) != self.header.stored:
            raise SegmentError(f"{self.path.name} has the embeddings of other chunks")
        return Stored(ids, rows.reshape(len(ids), -1 if len(ids) else 1))

    def lengths(self, rotation: Rotation) -> Floats:
        """The lengths (n,) of what the codes stand for, by the rotation they were made with."""
        if self._lengths is None:
            self._lengths = rotation.lengths(self.codes)
        return self._lengths

    @cached_property
    def edges(self) -> Edges:
        """The graph's edges. Raises SegmentError when they are damaged."""
        try:
            return unpack_edges(self._part("graph"), self.header.chunks)
        except CodecError as error:
            raise SegmentError(f"{self.path.name}: {error}") from error

    @cached_property
    def graph(self) -> Graph:
        """The graph with neighbours in both directions."""
        return open_graph(self.edges, self.header.chunks)

    @cached_property
    def _spans(self) -> tuple[bytes | memoryview, Ints]:
        """The packed spans of all documents, and where those of each end."""
        if self._ends_before is not None:
            return self._part("spans"), self._ends_before
        try:
            return unpack_spans(self._part("spans"), self.chunk_counts)
        except CodecError as error:
            raise SegmentError(f"{self.path.name}: {error}") from error

    @cached_property
    def words(self) -> WordIndex:
        """The word index, which checks what it reads by itself; one of no words where there is
        none. Raises SegmentError.
        """
        if not self.has_words:
            return WordIndex(pack_words(np.zeros(self.chunks, dtype=np.uint8), []))
        self.check_whole()
        part = self.header.parts["words"]
        start = self._body + part.offset
        try:
            words = WordIndex(self._view[start : start + part.length])
        except CodecError as error:
            raise SegmentError(f"{self.path.name}: {error}") from error
        if words.chunks != self.chunks:
            raise SegmentError(f"{self.path.name} has the words of other chunks")
        return words

    @property
    def packed_words(self) -> bytes | None:
        """The word index as it is on disk, None for none. Raises SegmentError when damaged."""
        return bytes(self._part("words")) if self.has_words else None

    def packed_spans(self, document: int) -> bytes:
        """The packed spans of the segment's document with this number."""
        spans, ends = self._spans
        return bytes(spans[int(ends[document - 1]) if document else 0 : int(ends[document])])

    def spans(self, document: int) -> DocumentSpans:
        """Spans and page lengths of a document. Raises SegmentError when damaged."""
        try:
            return unpack_document(self.packed_spans(document), int(self.chunk_counts[document]))
        except CodecError as error:
            raise SegmentError(f"{self.path.name}: {error}") from error

    def sizes(self) -> Sizes:
        """Bytes by part."""
        return sizes_of(self.header.parts, len(self._view))

    def let_go(self) -> None:
        """Give back the memory of what was read; it is read again when needed. From any thread."""
        words = self.__dict__.get("words")  # without opening them
        if words is not None:
            words.let_go()
        if sys.platform != "win32":
            self._map.madvise(mmap.MADV_DONTNEED)

    def check(self) -> None:
        """Compare every part with its checksum. Raises SegmentError."""
        for name in self.header.parts:
            self._part(name)

    def verify(self) -> None:
        """Check every part and read all that is in it, which takes longer. Raises SegmentError."""
        self.check()
        for document in range(self.header.documents):
            self.spans(document)
        _ = self.edges, self.stored


def _read_through(file: FileIO, start: int, length: int) -> None:
    """Read some of a file as files are read. Raises OSError when the disk does not give it.

    To touch what is mapped and cannot be read ends the process. What was read is in the system's
    cache and can be touched.
    """
    piece = memoryview(bytearray(min(PIECE_BYTES, length)))
    file.seek(start)
    while length > 0 and (count := file.readinto(piece[: min(PIECE_BYTES, length)])):
        length -= count
