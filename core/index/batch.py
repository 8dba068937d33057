"""Documents between reading and publishing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.index.store import Prepared
from core.messages import ChunkText, Extracted
from core.store.rows import FileRef, NewDocument

Floats = NDArray[np.float32]


@dataclass(slots=True)
class Reading:
    """A document on its way: read, perhaps embedded, not yet published."""

    file: FileRef
    digest: bytes
    file_ids: list[int]
    chunks: list[ChunkText]
    extracted: Extracted


@dataclass(slots=True)
class Batch:
    """Documents between reading and publishing. In a hurry they are published at once."""

    in_a_hurry: bool = False
    group: list[Reading] = field(default_factory=list)
    group_chunks: int = 0
    ready: list[tuple[Reading, Floats]] = field(default_factory=list)
    ready_chunks: int = 0
    _by_digest: dict[bytes, Reading] = field(default_factory=dict)

    def add(self, reading: Reading) -> None:
        """A document was read."""
        self.group.append(reading)
        self.group_chunks += max(1, len(reading.chunks))
        self._by_digest[reading.digest] = reading

    def take_group(self) -> list[Reading]:
        """The documents to be embedded now."""
        group, self.group, self.group_chunks = self.group, [], 0
        return group

    def finish(self, reading: Reading, embeddings: Floats) -> None:
        """A document is embedded and can be published."""
        self.ready.append((reading, embeddings))
        self.ready_chunks += len(reading.chunks)

    def take_ready(self) -> list[tuple[Reading, Floats]]:
        """The documents to be published now, with their embeddings."""
        ready, self.ready, self.ready_chunks = self.ready, [], 0
        self._by_digest = {reading.digest: reading for reading in self.group}
        self.in_a_hurry = False
        return ready

    def forget(self, file_ids: Collection[int]) -> None:
        """Files are not any more as they were read; what no other file holds is let go."""
        for reading in (*self.group, *(reading for reading, _ in self.ready)):
            reading.file_ids = [number for number in reading.file_ids if number not in file_ids]
        self.group = [reading for reading in self.group if reading.file_ids]
        self.ready = [entry for entry in self.ready if entry[0].file_ids]
        self.group_chunks = sum(max(1, len(reading.chunks)) for reading in self.group)
        self.ready_chunks = sum(len(reading.chunks) for reading, _ in self.ready)
        readings = (*self.group, *(reading for reading, _ in self.ready))
        self._by_digest = {reading.digest: reading for reading in readings}

    def size(self) -> tuple[int, int, int]:
        """Chunks, bytes of text and number of the documents on their way."""
        readings = [*self.group, *(reading for reading, _ in self.ready)]
        return (
            sum(len(reading.chunks) for reading in readings),
            sum(reading.extracted.text_bytes for reading in readings),
            len(readings),
        )

    def with_digest(self, digest: bytes) -> Reading | None:
        """The document on its way that has this content."""
        return self._by_digest.get(digest)


def prepared(reading: Reading, embeddings: Floats) -> Prepared:
    """A document as the store publishes it."""
    document = NewDocument(
        hash=reading.digest,
        chunk_texts=[chunk.text for chunk in reading.chunks],
        text_bytes=reading.extracted.text_bytes,
        about=reading.extracted.about,
        slow=reading.extracted.slow,
        sketch=bytes.fromhex(reading.extracted.sketch),
        file_ids=reading.file_ids,
    )
    spans = tuple((chunk.start, chunk.end) for chunk in reading.chunks)
    return Prepared(document, embeddings, spans, reading.extracted.page_chars)
