"""Chunk spans packed per file: about three bytes a chunk, and the lengths of pages.

A document's spans are varints: for each chunk the gap since the end of the one
before and its length, then the number of pages and the length of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.index.bits import CodecError, pack_varints, unpack_varints

Ints = NDArray[np.int64]


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
