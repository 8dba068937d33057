"""An immutable segment: codes, graph, spans and words of a set of chunks, in one checked file.

Codes may be absent, words too, and embeddings in 8 bits may be there, as the level
of the index had it. Layout: the magic, the length of a JSON header, the header with its
CRC-32, then the parts one after another. The header names each part with its place,
length and CRC-32.
A file is written under a temporary name, synced, and renamed; it never
changes afterwards. Documents that were deleted since are left out by the
catalogue, which knows the live ones.
"""

from __future__ import annotations

import mmap
import os
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.atomic import sync_folder
from core.index.bits import CodecError, pack_buckets, unpack_buckets, unpack_varints
from core.index.codes import CodeArray, Floats, Rotation
from core.index.graph import Edges, Graph, open_graph, pack_edges, unpack_edges
from core.index.levels import Kept
from core.index.spans import DocumentSpans, pack_spans, unpack_document, unpack_spans
from core.index.stored import Stored, pack_ids, unpack_ids
from core.index.words import WordIndex, pack_words

MAGIC = b"SATCHEL-SEGMENT\n"
UNSEALED = 3  # the last format whose header had no checksum
TOGETHER = 6  # the first format whose documents' spans are packed together
WORDS_OPTIONAL = 7  # the first format in which the words may be absent
FORMAT = 7  # since 5 codes may be absent, and embeddings there
OLDEST_FORMAT = 3
SUFFIX, TEMPORARY = ".segment", ".tmp"
HEAD_BYTES = 4096  # in which the header ends
PIECE_BYTES = 1_048_576  # read at once

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
    codes' rotation. `kept` says of which chunks the embedding is there, `stored` of
    how many. `faithful` is the mean cosine of an embedding with what its code stands
    for, `scale` what the estimates should be multiplied by; 0 where that was not measured.
    """

    format: int
    model: str
    chunks: int
    documents: int
    code_bytes: int
    rotation: str
    parts: dict[str, Part]
    kept: Kept = ""
    stored: int = 0
    faithful: float = 0.0
    scale: float = 0.0


class Holding(NamedTuple):
    """What a segment has of its passages: the rotation of its codes, None for none; embeddings
    that are kept; whether there is a word index.
    """

    rotation: str | None
    kept: Kept
    words: bool = True


class Body(NamedTuple):
    """What is derived from embeddings: codes (n, b), b may be 0; edges over n; embeddings kept."""

    codes: CodeArray
    edges: Edges
    kept: Kept = ""
    stored: Stored | None = None
    faithful: float = 0.0
    scale: float = 0.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of a segment by part; `total` is the file's."""

    codes: int
    graph: int
    spans: int
    words: int
    embeddings: int
    total: int

    @property
    def parts(self) -> int:
        """Bytes of all named parts, without headers."""
        return self.codes + self.graph + self.spans + self.words + self.embeddings


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
    body: Body,
    documents: Sequence[tuple[int, bytes]],
    words: bytes | None,
    check: Callable[[int], None] = lambda _bytes: None,
) -> Sizes:
    """Write a segment of n chunks: what is derived from their embeddings, per document its
    number of chunks and packed spans, in the order of the chunks, and their word index,
    None for none.

    `check` is called with the bytes of the file before anything is written, and may raise.
    Raises OSError when the disk does not allow it; nothing is left behind then.
    """
    counts = np.array([chunks for chunks, _ in documents], dtype=np.int64)
    chunks, code_bytes = body.codes.shape
    if int(counts.sum()) != chunks:
        raise ValueError("the documents do not add up to the codes")
    bodies = {
        "graph": pack_edges(body.edges, chunks),
        "table": pack_buckets(counts),
    }
    if words is not None:
        bodies["words"] = words
    bodies["spans"] = pack_spans(documents)
    if code_bytes:
        bodies = {"codes": body.codes.tobytes(), **bodies}
    stored = body.stored
    if stored is not None:
        bodies["stored"] = pack_ids(stored.ids)
        bodies["embeddings8"] = stored.rows.tobytes()
    parts: dict[str, Part] = {}
    offset = 0
    for name, data in bodies.items():
        parts[name] = Part(offset, len(data), zlib.crc32(data))
        offset += len(data)
    header = msgspec.json.encode(
        Header(
            FORMAT,
            model,
            chunks,
            len(documents),
            code_bytes,
            rotation if code_bytes else "",
            parts,
            body.kept,
            0 if stored is None else len(stored),
            round(body.faithful, 4),
            round(body.scale, 4),
        )
    )
    header = seal(header)
    blob = [MAGIC, len(header).to_bytes(4, "little"), header, *bodies.values()]
    total = sum(len(piece) for piece in blob)
    check(total)
    temporary = path.with_suffix(TEMPORARY)
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
    return _sizes(parts, total)


def _sizes(parts: dict[str, Part], total: int) -> Sizes:
    def length(*names: str) -> int:
        return sum(parts[name].length for name in names if name in parts)

    return Sizes(
        codes=length("codes"),
        graph=length("graph"),
        spans=length("spans", "table"),
        words=length("words"),
        embeddings=length("stored", "embeddings8"),
        total=total,
    )


class Segment:
    """An open segment, mapped into memory and checked."""

    def __init__(self, path: Path, careful: bool = False) -> None:
        """Open and check a segment file. Raises SegmentError, or NewerSegmentError.

        With `careful` all of it is read, so that nothing in it is out of the disk's reach.
        """
        self.path = path
        self._read_through(0, sys.maxsize if careful else HEAD_BYTES)
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
        codes = self._part("codes") if self.header.code_bytes else b""
        self._codes: CodeArray = np.frombuffer(codes, dtype=np.uint8).reshape(
            self.header.chunks, self.header.code_bytes
        )
        self.chunk_counts, self._ends_before = self._read_table()
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
            if version < OLDEST_FORMAT:
                raise SegmentError(f"{self.path.name} was written by an older version of Satchel")
            header = msgspec.json.decode(plain, type=Header)
        except (msgspec.DecodeError, UnicodeDecodeError, CodecError) as error:
            raise SegmentError(f"{self.path.name} has a damaged header") from error
        wanted = {"graph", "table", "spans"}
        wanted |= {"words"} if header.format < WORDS_OPTIONAL or "words" in header.parts else set()
        wanted |= {"codes"} if header.code_bytes else set()
        wanted |= {"stored", "embeddings8"} if header.kept else set()
        if wanted != set(header.parts):
            raise SegmentError(f"{self.path.name} has not the parts that it names")
        codes = header.parts["codes"].length if "codes" in wanted else 0
        rows = header.parts["embeddings8"].length if header.kept else 0
        if codes != header.chunks * header.code_bytes or rows % max(1, header.stored):
            raise SegmentError(f"{self.path.name} has a damaged header")
        end = max(part.offset + part.length for part in header.parts.values())
        if body + end != len(self._view):
            raise SegmentError(f"{self.path.name} is cut off, or longer than it was")
        return header, body

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

    def _read_through(self, start: int, length: int) -> None:
        """Read some of it as files are read. Raises SegmentError when the disk does not give it.

        To touch what is mapped and cannot be read ends the process. What was read is in the
        system's cache and can be touched.
        """
        piece = memoryview(bytearray(min(PIECE_BYTES, length)))
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(start)
                while length > 0 and (count := file.readinto(piece[: min(PIECE_BYTES, length)])):
                    length -= count
        except FileNotFoundError:
            return  # given up while it is searched, or told by who opens it
        except OSError as error:
            reason = error.strerror or error
            raise SegmentError(f"{self.path.name} cannot be read: {reason}") from error

    def _part(self, name: str) -> memoryview:
        self.check_whole()
        part = self.header.parts[name]
        start = self._body + part.offset
        self._read_through(start, part.length)
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
        return _sizes(self.header.parts, len(self._view))

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
