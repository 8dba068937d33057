"""An immutable segment: codes, graph, spans and words of a set of chunks, in one checked file.

Layout: the magic, the length of a JSON header, the header with its CRC-32, then the
parts one after another. The header names each part with its place, length and CRC-32.
A file is written under a temporary name, synced, and renamed; it never
changes afterwards. Documents that were deleted since are left out by the
catalogue, which knows the live ones.
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.atomic import sync_folder
from core.index.bits import CodecError, pack_varints, unpack_varints
from core.index.codes import CodeArray, Floats, Rotation
from core.index.graph import Edges, Graph, open_graph, pack_edges, unpack_edges
from core.index.spans import DocumentSpans, unpack_document
from core.index.words import WordIndex

MAGIC = b"SATCHEL-SEGMENT\n"
UNSEALED = 3  # the last format whose header had no checksum
FORMAT = 4
OLDEST_FORMAT = 3

Ints = NDArray[np.int64]


class SegmentError(Exception):
    """A segment file is missing or damaged. Its content can be rebuilt."""


class NewerSegmentError(Exception):
    """A segment was written by a newer version of Satchel. It is well and must not be removed."""


class Part(msgspec.Struct, frozen=True):
    """Where one part lies after the header, in bytes, and its checksum."""

    offset: int
    length: int
    crc32: int


class Version(msgspec.Struct, frozen=True):
    """What every format's header has."""

    format: int


class Header(msgspec.Struct, frozen=True):
    """What a segment holds.

    `model` is the fingerprint of the embedding model, `rotation` the name of the
    codes' rotation.
    """

    format: int
    model: str
    chunks: int
    documents: int
    code_bytes: int
    rotation: str
    parts: dict[str, Part]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of a segment by part; `total` is the file's."""

    codes: int
    graph: int
    spans: int
    words: int
    total: int

    @property
    def parts(self) -> int:
        """Bytes of all named parts, without headers."""
        return self.codes + self.graph + self.spans + self.words


def seal(header: bytes) -> bytes:
    """A header with its checksum: the parts have theirs in it."""
    return header + b"\0" + zlib.crc32(header).to_bytes(4, "little")


def unseal(data: memoryview) -> tuple[bool, memoryview]:
    """Whether a header has a checksum, and the header. Raises CodecError when it does not fit."""
    if len(data) < 5 or data[-5] != 0:
        return False, data
    if zlib.crc32(data[:-5]) != int.from_bytes(data[-4:], "little"):
        raise CodecError("the header is damaged")
    return True, data[:-5]


def write_segment(
    path: Path,
    model: str,
    rotation: str,
    codes: CodeArray,
    edges: Edges,
    documents: Sequence[tuple[int, bytes]],
    words: bytes,
) -> Sizes:
    """Write a segment of n chunks: codes (n, b), edges over n, per document its
    number of chunks and packed spans, in the order of the chunks, and their word index.

    Raises OSError when the disk does not allow it; nothing is left behind then.
    """
    counts = np.array([chunks for chunks, _ in documents], dtype=np.int64)
    if int(counts.sum()) != len(codes):
        raise ValueError("the documents do not add up to the codes")
    lengths = np.array([len(spans) for _, spans in documents], dtype=np.int64)
    table = pack_varints(np.stack([counts, lengths], axis=1).ravel())
    bodies = {
        "codes": codes.tobytes(),
        "graph": pack_edges(edges, len(codes)),
        "table": table,
        "words": words,
        "spans": b"".join(spans for _, spans in documents),
    }
    parts: dict[str, Part] = {}
    offset = 0
    for name, body in bodies.items():
        parts[name] = Part(offset, len(body), zlib.crc32(body))
        offset += len(body)
    header = msgspec.json.encode(
        Header(FORMAT, model, len(codes), len(documents), codes.shape[1], rotation, parts)
    )
    header = seal(header)
    blob = [MAGIC, len(header).to_bytes(4, "little"), header, *bodies.values()]
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            file.writelines(blob)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return Sizes(
        codes=len(bodies["codes"]),
        graph=len(bodies["graph"]),
        spans=len(bodies["spans"]) + len(table),
        words=len(words),
        total=sum(len(piece) for piece in blob),
    )


class Segment:
    """An open segment, mapped into memory and checked."""

    def __init__(self, path: Path) -> None:
        """Open and check a segment file. Raises SegmentError, or NewerSegmentError."""
        self.path = path
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError as error:
            raise SegmentError(f"{path.name} is not there") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SegmentError(f"{path.name} cannot be opened: {reason}") from error
        self._view = memoryview(self._map)
        self.header, self._body = self._read_header()
        self.codes: CodeArray = np.frombuffer(self._part("codes"), dtype=np.uint8).reshape(
            self.header.chunks, self.header.code_bytes
        )
        self.chunk_counts, self._span_ends = self._read_table()
        self._lengths: Floats | None = None

    def _read_header(self) -> tuple[Header, int]:
        start = len(MAGIC) + 4
        if bytes(self._view[: len(MAGIC)]) != MAGIC or len(self._view) < start:
            raise SegmentError(f"{self.path.name} is not a segment")
        body = start + int.from_bytes(self._view[len(MAGIC) : start], "little")
        try:
            sealed, plain = unseal(self._view[start:body])
            version = msgspec.json.decode(plain, type=Version).format
            if sealed and version > FORMAT:
                raise NewerSegmentError(f"{self.path.name} is of format {version}")
            if not sealed and version > UNSEALED:
                raise SegmentError(f"{self.path.name} has a damaged header")
            header = msgspec.json.decode(plain, type=Header)
        except (msgspec.DecodeError, UnicodeDecodeError, CodecError) as error:
            raise SegmentError(f"{self.path.name} has a damaged header") from error
        if header.format < OLDEST_FORMAT:
            raise SegmentError(f"{self.path.name} was written by an older version of Satchel")
        if not {"codes", "graph", "table", "spans", "words"} <= set(header.parts):
            raise SegmentError(f"{self.path.name} lacks a part")
        if header.parts["codes"].length != header.chunks * header.code_bytes:
            raise SegmentError(f"{self.path.name} has a damaged header")
        end = max(part.offset + part.length for part in header.parts.values())
        if body + end != len(self._view):
            raise SegmentError(f"{self.path.name} is cut off, or longer than it was")
        return header, body

    def _part(self, name: str) -> memoryview:
        part = self.header.parts[name]
        start = self._body + part.offset
        data = self._view[start : start + part.length]
        if len(data) != part.length or zlib.crc32(data) != part.crc32:
            raise SegmentError(f"the {name} of {self.path.name} are damaged")
        return data

    def _read_table(self) -> tuple[Ints, Ints]:
        try:
            table = unpack_varints(self._part("table")).reshape(-1, 2)
        except (CodecError, ValueError) as error:
            raise SegmentError(f"{self.path.name} has a damaged table") from error
        if len(table) != self.header.documents or int(table[:, 0].sum()) != self.header.chunks:
            raise SegmentError(f"{self.path.name} has a damaged table")
        return table[:, 0], np.cumsum(table[:, 1])

    @property
    def chunks(self) -> int:
        """Number of chunks, deleted ones included."""
        return self.header.chunks

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
    def _spans(self) -> memoryview:
        return self._part("spans")

    @cached_property
    def words(self) -> WordIndex:
        """The word index, which checks what it reads by itself. Raises SegmentError."""
        part = self.header.parts["words"]
        start = self._body + part.offset
        try:
            words = WordIndex(self._view[start : start + part.length])
        except CodecError as error:
            raise SegmentError(f"{self.path.name}: {error}") from error
        if words.chunks != self.chunks:
            raise SegmentError(f"{self.path.name} has the words of other chunks")
        return words

    def packed_spans(self, document: int) -> bytes:
        """The packed spans of the segment's document with this number."""
        start = int(self._span_ends[document - 1]) if document else 0
        return bytes(self._spans[start : int(self._span_ends[document])])

    def spans(self, document: int) -> DocumentSpans:
        """Spans and page lengths of a document. Raises SegmentError when damaged."""
        try:
            return unpack_document(self.packed_spans(document), int(self.chunk_counts[document]))
        except CodecError as error:
            raise SegmentError(f"{self.path.name}: {error}") from error

    def sizes(self) -> Sizes:
        """Bytes by part."""
        parts = self.header.parts
        return Sizes(
            codes=parts["codes"].length,
            graph=parts["graph"].length,
            spans=parts["spans"].length + parts["table"].length,
            words=parts["words"].length,
            total=len(self._view),
        )

    def check(self) -> None:
        """Compare every part with its checksum. Raises SegmentError."""
        for name in self.header.parts:
            self._part(name)

    def verify(self) -> None:
        """Check every part and read all that is in it, which takes longer. Raises SegmentError."""
        self.check()
        for document in range(self.header.documents):
            self.spans(document)
        _ = self.edges
