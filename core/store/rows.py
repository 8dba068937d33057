"""The rows of the catalogue as frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from core.messages import About


class FileState(IntEnum):
    """What became of a file. The numbers are stored."""

    WAITING = 0
    INDEXED = 1
    FAILED = 2
    SKIPPED = 3
    NEEDS_OCR = 4


@dataclass(frozen=True, slots=True)
class FolderRow:
    """A watched folder. `skipped` counts excluded files by rule."""

    id: int
    path: str
    offline: bool
    skipped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FileRow:
    """A known file, for comparing with the disk."""

    id: int
    size_bytes: int
    mtime_ns: int
    state: FileState


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file that holds a document, as it was when it was indexed."""

    path: str
    size_bytes: int
    mtime_ns: int
    offline: bool


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A distinct content. `place` is its number inside its segment."""

    id: int
    segment: int
    place: int
    first_chunk: int
    chunks: int


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to be published: its chunks' texts go to the lexical index only."""

    hash: bytes
    chunk_texts: Sequence[str]
    text_bytes: int
    kind: str
    about: About
    slow: bool
    sketch: bytes
    file_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A published segment."""

    id: int
    name: str
    chunks: int
    model: str
