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

import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from core.atomic import TEMPORARY, sync_folder
from core.index.bits import CodecError, pack_buckets
from core.index.codes import CodeArray
from core.index.graph import Edges, pack_edges
from core.index.levels import Kept
from core.index.spans import pack_spans
from core.index.stored import Stored, pack_ids

MAGIC = b"SATCHEL-SEGMENT\n"
UNSEALED = 3  # the last format whose header had no checksum
TOGETHER = 6  # the first format whose documents' spans are packed together
WORDS_OPTIONAL = 7  # the first format in which the words may be absent
FORMAT = 7  # since 5 codes may be absent, and embeddings there
OLDEST_FORMAT = 3
SUFFIX = ".segment"
HEAD_BYTES = 4096  # in which the header ends


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


def read_header(view: memoryview, name: str) -> tuple[Header, int]:
    """The header of a mapped segment, and where its parts begin. `name` is for what is said.

    Raises SegmentError or NewerSegmentError.
    """
    start = len(MAGIC) + 4
    if bytes(view[: len(MAGIC)]) != MAGIC or len(view) < start:
        raise SegmentError(f"{name} is not a segment")
    body = start + int.from_bytes(view[len(MAGIC) : start], "little")
    try:
        sealed, plain = unseal(view[start:body])
        version = msgspec.json.decode(plain, type=Version).format
        if sealed and version > FORMAT:
            raise NewerSegmentError(f"{name} is of format {version}")
        if not sealed and version > UNSEALED:
            raise SegmentError(f"{name} has a damaged header")
        if version < OLDEST_FORMAT:
            raise SegmentError(f"{name} was written by an older version of Satchel")
        header = msgspec.json.decode(plain, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError, CodecError) as error:
        raise SegmentError(f"{name} has a damaged header") from error
    wanted = {"graph", "table", "spans"}
    wanted |= {"words"} if header.format < WORDS_OPTIONAL or "words" in header.parts else set()
    wanted |= {"codes"} if header.code_bytes else set()
    wanted |= {"stored", "embeddings8"} if header.kept else set()
    if wanted != set(header.parts):
        raise SegmentError(f"{name} has not the parts that it names")
    codes = header.parts["codes"].length if "codes" in wanted else 0
    rows = header.parts["embeddings8"].length if header.kept else 0
    if codes != header.chunks * header.code_bytes or rows % max(1, header.stored):
        raise SegmentError(f"{name} has a damaged header")
    end = max(part.offset + part.length for part in header.parts.values())
    if body + end != len(view):
        raise SegmentError(f"{name} is cut off, or longer than it was")
    return header, body


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
    return sizes_of(parts, total)


def sizes_of(parts: dict[str, Part], total: int) -> Sizes:
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
