"""What the index needs from whoever reads files: chunks once, passages again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.errors import FileError
from core.messages import Chunks, Extracted, PassageText
from core.store.rows import FileRef


@dataclass(frozen=True, slots=True)
class Wanted:
    """Spans (characters of the extracted text) to be read back from one file.

    `document` and the spans of all its chunks are for whoever keeps its text.
    """

    file: FileRef
    spans: tuple[tuple[int, int], ...]
    page_chars: tuple[int, ...]
    document: int | None = None
    chunk_spans: tuple[tuple[int, int], ...] = ()


class Reader(Protocol):
    """Reads files in a process of its own, within limits of time and memory."""

    def extract(self, file: FileRef) -> Iterator[Chunks | Extracted]:
        """The chunks of a file in order, then Extracted. Raises FileError."""
        ...

    def read(self, wanted: Sequence[Wanted]) -> list[tuple[PassageText, ...] | FileError]:
        """The passages of each request, or why its file does not give them."""
        ...
