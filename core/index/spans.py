"""Chunk spans: under two bytes a chunk on disk, and the lengths of pages.

A document's spans are varints: for each chunk the gap since the end of the one
before and its length, then the number of pages and the length of each. In a file
those of many documents are packed together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.index.bits import (
    CodecError,
    pack_buckets,
    pack_varints,
    unpack_buckets,
    unpack_varints,
)

Ints = NDArray[np.int64]

_STREAMS = 4


@dataclass(frozen=True, slots=True)
class DocumentSpans:
    """Where a document's chunks lie in its extracted text, in characters."""

    spans: tuple[tuple[int, int], ...]
    page_chars: tuple[int, ...]


def pack_document(spans: Sequence[tuple[int, int]], page_chars: Sequence[int]) -> bytes:
    """The spans of one document; they must be in order and must not overlap."""
    values: list[int] = []
    previous = 0
    for start, end in spans:
        if start < previous or end < start:
            raise ValueError(f"span {start}-{end} overlaps the one before")
        values += [start - previous, end - start]
        previous = end
    values.append(len(page_chars))
    values += page_chars
    return pack_varints(np.array(values, dtype=np.int64))


def unpack_document(data: bytes | memoryview, chunks: int) -> DocumentSpans:
    """The spans that `pack_document` packed. Raises CodecError when they do not fit."""
    values = unpack_varints(data)
    if len(values) < 2 * chunks + 1 or len(values) != 2 * chunks + 1 + int(values[2 * chunks]):
        raise CodecError("the spans do not fit their document")
    edges = np.cumsum(values[: 2 * chunks])
    return DocumentSpans(
        tuple((int(start), int(end)) for start, end in edges.reshape(-1, 2)),
        tuple(int(length) for length in values[2 * chunks + 1 :]),
    )


def pack_spans(documents: Sequence[tuple[int, bytes]]) -> bytes:
    """The packed spans of many documents (chunks, spans), about half as long together.

    Gaps, lengths, numbers of pages and their lengths each stand by themselves, for each
    kind is of a size of its own.
    """
    chunks = np.array([count for count, _ in documents], dtype=np.int64)
    raw = b"".join(packed for _, packed in documents)
    values = unpack_varints(raw)
    ends = np.cumsum([len(packed) for _, packed in documents], dtype=np.int64)
    seen = np.concatenate(([0], np.cumsum(np.frombuffer(raw, dtype=np.uint8) < 0x80)))
    pages = np.diff(seen[ends], prepend=0) - 2 * chunks - 1
    spans, counts = _kinds(chunks, pages)
    edges, rest = values[spans], values[~spans & ~counts]
    if len(values) != len(spans) or (values[counts] != pages).any():
        raise ValueError("the spans do not fit their documents")
    streams = [pack_buckets(part) for part in (edges[::2], edges[1::2], pages, rest)]
    return pack_varints(np.array([len(one) for one in streams])) + b"".join(streams)


def unpack_spans(data: bytes | memoryview, chunks: Ints) -> tuple[bytes, Ints]:
    """The packed spans of documents with so many chunks each, one after another, and their ends.

    Raises CodecError when they do not fit.
    """
    view = memoryview(data)
    at = head = 0
    while head < _STREAMS:
        if at >= len(view):
            raise CodecError("the spans are cut off")
        head += view[at] < 0x80
        at += 1
    streams = []
    for length in unpack_varints(view[:at]).tolist():
        streams.append(unpack_buckets(view[at : at + length]))
        at += length
    gaps, lengths, pages, rest = streams
    total = int(chunks.sum())
    if (len(gaps), len(lengths), len(pages)) != (total, total, len(chunks)) or at != len(view):
        raise CodecError("the spans do not fit their documents")
    if len(rest) != int(pages.sum()):
        raise CodecError("the spans do not fit their documents")
    spans, counts = _kinds(chunks, pages)
    values = np.empty(len(spans), dtype=np.int64)
    values[spans] = np.stack([gaps, lengths], axis=1).ravel()
    values[counts] = pages
    values[~spans & ~counts] = rest
    raw = pack_varints(values)
    after = np.flatnonzero(np.frombuffer(raw, dtype=np.uint8) < 0x80) + 1
    return raw, after[np.cumsum(2 * chunks + 1 + pages) - 1]


def _kinds(chunks: Ints, pages: Ints) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of the values of documents one after another, which are spans, and which count pages."""
    per_document = 2 * chunks + 1 + pages
    starts = np.cumsum(per_document) - per_document
    place = np.arange(int(per_document.sum())) - np.repeat(starts, per_document)
    after = np.repeat(2 * chunks, per_document)
    return place < after, place == after
