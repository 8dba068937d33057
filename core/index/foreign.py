"""Segments of another embedding model: they serve for words until their files are read again.

Their codes say nothing to a query of the present model. They are never joined
with others, only written anew without what is deleted.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.index.bits import CodecError
from core.index.segment import Segment
from core.index.segment_format import SUFFIX, Body, SegmentError, write_segment
from core.index.view import View
from core.index.word_build import merge
from core.store.adopt import adopt, out_of_reach
from core.store.catalogue import Catalogue
from core.store.rows import DocumentTable

Ints = NDArray[np.int64]


def write_part(
    segment: Segment,
    rows: DocumentTable,
    path: Path,
    check: Callable[[int], None] = lambda _bytes: None,
) -> None:
    """Write some documents of a segment, in order of their places, as a segment of their own.

    Nothing is computed anew. `check` is that of `write_segment`. Raises
    SegmentError when the segment is damaged, and OSError.
    """
    counts = segment.chunk_counts
    starts = np.cumsum(counts) - counts
    old = np.concatenate(
        [np.arange(starts[place], starts[place] + counts[place]) for place in rows.place.tolist()]
    )
    new_places = np.full(segment.chunks, -1, dtype=np.int64)
    new_places[old] = np.arange(len(old))
    edges = new_places[segment.edges]
    edges = edges[(edges >= 0).all(axis=1)]
    documents = [(int(counts[place]), segment.packed_spans(place)) for place in rows.place.tolist()]
    try:
        words = merge([segment.words], [new_places]) if segment.has_words else None
    except CodecError as error:
        raise SegmentError(f"{segment.path.name}: {error}") from error
    header = segment.header
    body = Body(segment.codes[old], edges)
    write_segment(path, header.model, header.rotation, body, documents, words, check)


def carry_out_of_reach(old: Catalogue, view: View, new: Catalogue, folder: Path) -> int:
    """Take what only files out of reach hold over into another index; how many documents.

    `folder` is where its segments are. What was taken over before is left alone.
    Raises SegmentError and OSError.
    """
    rows = old.documents()
    away = out_of_reach(old, new, rows.id.tolist())
    for number, segment in view.segments:
        inside = rows.select((rows.segment == number) & np.isin(rows.id, list(away)))
        if len(inside):
            path = new_path(folder)
            write_part(segment, inside, path)
            adopt(old, new, path.name, segment.header.model, inside.id.tolist(), away)
    return len(away)


def new_path(folder: Path) -> Path:
    """A name for a new segment."""
    return folder / f"{uuid.uuid4().hex[:16]}{SUFFIX}"
