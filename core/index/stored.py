"""Embeddings kept in 8 bits a coordinate: those of some chunks of a segment, or of all.

An embedding has length one, so its direction is all there is to keep: a row
uses as many of 127 steps as its largest coordinate needs, and stands for
itself divided by its length. No scale is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.index.bits import CodecError, pack_varints, unpack_varints
from core.index.graph import Edges

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]
Ints = NDArray[np.int64]
Rows = NDArray[np.int8]

STEPS = 127
SCORED_ROWS = 4096  # made into floats together: 6 MB of 384 coordinates


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Embeddings (m, d) in 8 bits, of the chunks `ids` (m,), which ascend."""

    ids: Ints
    rows: Rows

    def __len__(self) -> int:
        return len(self.ids)

    def scores(self, query: Floats) -> Floats:
        """Cosines (m,) with a query of length one, within about 0.001."""
        found = np.empty(len(self.rows), dtype=np.float32)
        for at in range(0, len(self.rows), SCORED_ROWS):
            part = self.rows[at : at + SCORED_ROWS].astype(np.float32)
            lengths = np.sqrt(np.einsum("md,md->m", part, part))
            found[at : at + SCORED_ROWS] = (part @ query) / np.maximum(lengths, 1)
        return found

    def vectors(self, which: Ints) -> Floats:
        """The unit vectors of some rows, by their place among the rows."""
        part = self.rows[which].astype(np.float32)
        lengths = np.linalg.norm(part, axis=1, keepdims=True)
        unit: Floats = part / np.maximum(lengths, 1)
        return unit

    def moved(self, places: Ints) -> Stored:
        """The same rows for chunks that got new places (n,), in their order; -1 for those gone."""
        new = places[self.ids]
        alive = np.flatnonzero(new >= 0)
        order = alive[np.argsort(new[alive], kind="stable")]
        return Stored(new[order], self.rows[order])


def store(ids: Ints, vectors: Floats | Halves) -> Stored:
    """Unit vectors (m, d) of the chunks `ids` in 8 bits."""
    rows = np.empty(vectors.shape, dtype=np.int8)
    for at in range(0, len(rows), SCORED_ROWS):
        part = vectors[at : at + SCORED_ROWS].astype(np.float32)
        largest = np.abs(part).max(axis=1, keepdims=True, initial=1e-9)
        rows[at : at + SCORED_ROWS] = np.rint(part * (STEPS / largest))
    return Stored(ids, rows)


def joined(parts: list[Stored]) -> Stored:
    """The rows of several, one or more, whose ids differ, as one.

    Of a part without rows nobody knows how long they would be: those kept may all be deleted.
    """
    parts = [part for part in parts if len(part)] or parts[:1]
    ids = np.concatenate([part.ids for part in parts])
    order = np.argsort(ids, kind="stable")
    return Stored(ids[order], np.concatenate([part.rows for part in parts])[order])


def hubs_of(edges: Edges, count: int, share: float) -> Ints:
    """The share of `count` chunks, at least one, that have most edges."""
    degrees = np.bincount(edges.ravel(), minlength=count)
    wanted = min(count, max(1, round(share * count)))
    return np.sort(np.argsort(-degrees, kind="stable")[:wanted]).astype(np.int64)


def pack_ids(ids: Ints) -> bytes:
    """Ascending ids as bytes."""
    return pack_varints(np.diff(ids, prepend=-1) - 1)


def unpack_ids(data: bytes | memoryview, count: int) -> Ints:
    """The ids that `pack_ids` packed, below `count`. Raises CodecError."""
    ids: Ints = np.cumsum(unpack_varints(data) + 1) - 1
    if len(ids) and int(ids[-1]) >= count:
        raise CodecError("an embedding names a chunk that is not there")
    return ids
