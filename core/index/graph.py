"""The proximity graph: a few undirected edges a chunk, built by hnswlib, kept in about 5 bytes.

hnswlib finds the neighbours while the embeddings are in hand. Its base layer
is taken out, each chunk keeps only neighbours that are nearer to it than to
each other (the pruning rule of Malkov and Yashunin, "HNSW", TPAMI 2018), and
each edge is stored once, at its lower end, as the gap to the previous one.
"""

from __future__ import annotations

from dataclasses import dataclass

import hnswlib
import numpy as np
from numpy.typing import NDArray

from core.index.bits import CodecError, pack_buckets, unpack_buckets

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Edges = NDArray[np.int64]  # (e, 2), lower end first, sorted, unique

LINKS = 12  # hnswlib's M: neighbours a chunk while building
CONSTRUCTION_EF = 100
KEPT_LINKS = 2  # neighbours that each chunk may choose; a third finds nothing more
SMALL = 512  # below this, all pairs are compared instead


@dataclass(frozen=True, slots=True)
class Graph:
    """Neighbours in rows: those of chunk i are `targets[starts[i]:starts[i + 1]]`."""

    starts: Ints
    targets: Ints

    def neighbours(self, chunk: int) -> Ints:
        """Ids of the chunks that share an edge with this one."""
        return self.targets[self.starts[chunk] : self.starts[chunk + 1]]


def build_edges(vectors: Floats, threads: int = 1) -> Edges:
    """Diversity-pruned undirected edges of unit vectors (n, d)."""
    count = len(vectors)
    if count < 2:
        return np.empty((0, 2), dtype=np.int64)
    near = _near_by_scan(vectors) if count <= SMALL else _near_by_hnsw(vectors, threads)
    return _prune(vectors, near)


def _near_by_scan(vectors: Floats) -> Ints:
    """The nearest others of each vector (n, k), nearest first, by comparing all pairs."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    width = min(2 * LINKS, len(vectors) - 1)
    return np.argsort(-scores, axis=1, kind="stable")[:, :width].astype(np.int64)


def _near_by_hnsw(vectors: Floats, threads: int) -> Ints:
    """Neighbours in hnswlib's base layer (n, k), nearest first, padded with -1."""
    index = hnswlib.Index(space="ip", dim=vectors.shape[1])
    index.init_index(
        max_elements=len(vectors), M=LINKS, ef_construction=CONSTRUCTION_EF, random_seed=7
    )
    index.add_items(vectors, np.arange(len(vectors)), num_threads=threads)
    state = index.__getstate__()[0]
    record = int(state["size_data_per_element"])
    level0 = np.frombuffer(state["data_level0"], dtype=np.uint8).reshape(-1, record)
    counts = level0[:, :2].copy().view(np.uint16).ravel().astype(np.int64)
    width = int(state["max_M0"])
    internal = level0[:, 4 : 4 + 4 * width].copy().view(np.uint32).astype(np.int64)
    label_at = int(state["label_offset"])
    labels = level0[:, label_at : label_at + 8].copy().view(np.uint64).ravel().astype(np.int64)
    near = np.where(np.arange(width) < counts[:, None], labels[internal % len(labels)], -1)
    ordered = np.empty_like(near)
    ordered[labels] = near
    return _nearest_first(vectors, ordered)


def _nearest_first(vectors: Floats, near: Ints) -> Ints:
    scores = np.empty(near.shape, dtype=np.float32)
    for column in range(near.shape[1]):
        scores[:, column] = np.einsum("nd,nd->n", vectors, vectors[near[:, column]])
    scores[near < 0] = -np.inf
    return np.take_along_axis(near, np.argsort(-scores, axis=1, kind="stable"), axis=1)


def _prune(vectors: Floats, near: Ints) -> Edges:
    count = len(vectors)
    own = np.arange(count)
    kept = np.full((count, KEPT_LINKS), -1, dtype=np.int64)
    used = np.zeros(count, dtype=np.int64)
    for column in range(near.shape[1]):
        candidate = near[:, column]
        to_own = np.einsum("nd,nd->n", vectors, vectors[candidate])
        fits = (candidate >= 0) & (used < KEPT_LINKS)
        for slot in range(KEPT_LINKS):
            rival = kept[:, slot]
            to_rival = np.einsum("nd,nd->n", vectors[candidate], vectors[rival])
            fits &= (rival < 0) | (to_own > to_rival)
        kept[own[fits], used[fits]] = candidate[fits]
        used += fits
    source = np.repeat(own, KEPT_LINKS)
    target = kept.ravel()
    real = target >= 0
    return tidy(np.stack([source[real], target[real]], axis=1))


def tidy(edges: Edges) -> Edges:
    """The same undirected edges, lower end first, sorted, each once, no loops."""
    ordered = np.sort(edges.reshape(-1, 2), axis=1)
    ordered = ordered[ordered[:, 0] != ordered[:, 1]]
    return np.unique(ordered, axis=0).astype(np.int64)


def pack_edges(edges: Edges, count: int) -> bytes:
    """The edges of a graph over `count` chunks as bytes; `edges` as `tidy` gives them."""
    degrees = np.bincount(edges[:, 0], minlength=count).astype(np.int64)
    previous = np.concatenate(([0], edges[:-1, 1]))
    first = np.concatenate(([True], edges[1:, 0] != edges[:-1, 0]))[: len(edges)]
    base = np.where(first, edges[:, 0], previous[: len(edges)])
    packed_degrees = pack_buckets(degrees)
    return (
        len(packed_degrees).to_bytes(4, "little")
        + packed_degrees
        + pack_buckets(edges[:, 1] - base - 1)
    )


def unpack_edges(data: bytes | memoryview, count: int) -> Edges:
    """The edges that `pack_edges` packed. Raises CodecError when cut off or altered."""
    view = memoryview(data)
    if len(view) < 4:
        raise CodecError("the graph is cut off")
    split = 4 + int.from_bytes(view[:4], "little")
    degrees = unpack_buckets(view[4:split])
    gaps = unpack_buckets(view[split:]) + 1
    if len(degrees) != count or int(degrees.sum()) != len(gaps):
        raise CodecError("the graph does not fit its chunks")
    lower = np.repeat(np.arange(count, dtype=np.int64), degrees)
    running = np.cumsum(gaps)
    starts = np.cumsum(degrees) - degrees
    before = np.concatenate(([0], running))[starts]
    upper = lower + running - np.repeat(before, degrees)
    if len(upper) and int(upper.max()) >= count:
        raise CodecError("the graph names a chunk that is not there")
    return np.stack([lower, upper], axis=1)


def open_graph(edges: Edges, count: int) -> Graph:
    """Rows of neighbours in both directions; `edges` as `tidy` gives them."""
    # The lower neighbours of a chunk first: then each row ascends by a stable sort alone.
    source = np.concatenate([edges[:, 1], edges[:, 0]])
    target = np.concatenate([edges[:, 0], edges[:, 1]])
    starts = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=count), out=starts[1:])
    return Graph(starts, target[np.argsort(source, kind="stable")])
