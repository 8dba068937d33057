"""The rows of the catalogue as frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.messages import About

Ints = NDArray[np.int64]


class FileState(IntEnum):
    """What became of a file. The numbers are stored."""

    WAITING = 0
    INDEXED = 1
    FAILED = 2
    SKIPPED = 3
    NEEDS_OCR = 4
    VANISHED = 5  # not where it was, but perhaps only moved: kept until the new files are hashed


@dataclass(frozen=True, slots=True)
class FolderRow:
    """A watched folder, and what its last good survey found.

    `device` is the number of the file system the folder was on; `mounts` are the
    folders in it, relative to it, where other file systems were mounted (""
    stands for itself). `offline_since_s` counts in seconds since 1970.
    """

    id: int
    path: str
    offline: bool
    offline_since_s: int | None
    device: int | None
    mounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DirRow:
    """A folder inside a watched one that holds files, or that is left out as a whole.

    `left_out` counts by rule the files directly in it that no rule lets in, or
    all below it when it is left out.
    """

    id: int
    offline: bool
    offline_since_s: int | None
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FileRow:
    """A known file, for comparing with the disk."""

    id: int
    size_bytes: int
    mtime_ns: int
    state: FileState


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of a file. `crashes` counts how often in a row its reader did not survive it."""

    state: FileState
    reason: str | None
    crashes: int
    offline: bool


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file that holds a document, as it was when it was indexed."""

    path: str
    size_bytes: int
    mtime_ns: int
    offline: bool


@dataclass(frozen=True, slots=True, eq=False)
class DocumentTable:
    """The distinct contents that have chunks, as columns (n,): a home may have a million of them.

    A document's id is the number of its first chunk, given once for ever; `place`
    is its number inside its segment.
    """

    id: Ints
    segment: Ints
    place: Ints
    chunks: Ints

    def __len__(self) -> int:
        return len(self.id)

    def select(self, rows: NDArray[Any]) -> DocumentTable:
        """The documents at some rows, by a mask or in the order of some indices."""
        return DocumentTable(
            self.id[rows],
            self.segment[rows],
            self.place[rows],
            self.chunks[rows],
        )


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to be published: its chunks' texts go to the lexical index only."""

    hash: bytes
    chunk_texts: Sequence[str]
    text_bytes: int
    about: About
    slow: bool
    sketch: bytes
    file_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Loss:
    """A damaged part of the index that was dropped, and how many files wait to be read again."""

    what: str
    files: int


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A published segment."""

    id: int
    name: str
    chunks: int
    model: str
