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
Halves = NDArray[np.float16]
Ints = NDArray[np.int64]
Near = NDArray[np.int32]  # (n, k)
Edges = NDArray[np.int64]  # (e, 2), lower end first, sorted, unique

LINKS = 12  # hnswlib's M: neighbours a chunk while building
CONSTRUCTION_EF = 100
KEPT_LINKS = 2  # neighbours that each chunk may choose; a third finds nothing more
SMALL = 512  # below this, all pairs are compared instead
WALK_AXES = 128  # principal axes that neighbours are looked for along
AXES_SAMPLE = 4_000  # vectors that the axes are taken from
BLOCK = 4_096  # vectors whose products are computed together


@dataclass(frozen=True, slots=True)
class Graph:
    """Neighbours in rows: those of chunk i are `targets[starts[i]:starts[i + 1]]`."""

    starts: Ints
    targets: Ints

    def neighbours(self, chunk: int) -> Ints:
        """Ids of the chunks that share an edge with this one."""
        return self.targets[self.starts[chunk] : self.starts[chunk + 1]]


def build_edges(vectors: Floats | Halves, threads: int = 1) -> Edges:
    """Diversity-pruned undirected edges of unit vectors (n, d).

    Beside them it takes memory for `WALK_AXES` coordinates of each, three times over.
    """
    count = len(vectors)
    if count < 2:
        return np.empty((0, 2), dtype=np.int64)
    if count <= SMALL:
        return _prune(vectors, _near_by_scan(vectors[:].astype(np.float32)))
    return _prune(vectors, _nearest_first(vectors, _near_by_hnsw(_main_axes(vectors), threads)))


def _near_by_scan(vectors: Floats) -> Near:
    """The nearest others of each vector (n, k), nearest first, by comparing all pairs."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    width = min(2 * LINKS, len(vectors) - 1)
    return np.argsort(-scores, axis=1, kind="stable")[:, :width].astype(np.int32)


def _main_axes(vectors: Floats | Halves) -> Floats:
    """The vectors (n, d) along their `WALK_AXES` principal axes: near enough to find neighbours."""
    if vectors.shape[1] <= WALK_AXES:
        return vectors.astype(np.float32)
    sample = vectors[:: -(-len(vectors) // AXES_SAMPLE)].astype(np.float32)
    _, axes = np.linalg.eigh(sample.T @ sample)
    main = np.ascontiguousarray(axes[:, -WALK_AXES:]).astype(np.float32)
    found = np.empty((len(vectors), WALK_AXES), dtype=np.float32)
    for rows in _blocks(len(vectors)):
        found[rows] = vectors[rows].astype(np.float32) @ main
    return found


def _near_by_hnsw(vectors: Floats, threads: int) -> Near:
    """Neighbours in hnswlib's base layer (n, k), padded with -1."""
    index = hnswlib.Index(space="ip", dim=vectors.shape[1])
    index.init_index(
        max_elements=len(vectors), M=LINKS, ef_construction=CONSTRUCTION_EF, random_seed=7
    )
    index.add_items(vectors, np.arange(len(vectors)), num_threads=threads)
    del vectors
    state = index.__getstate__()[0]
    del index
    record = int(state["size_data_per_element"])
    level0 = np.frombuffer(state["data_level0"], dtype=np.uint8).reshape(-1, record)
    counts = level0[:, :2].copy().view(np.uint16).ravel()
    width = int(state["max_M0"])
    internal = level0[:, 4 : 4 + 4 * width].copy().view(np.int32)
    label_at = int(state["label_offset"])
    labels = level0[:, label_at : label_at + 8].copy().view(np.int64).ravel()
    ordered = np.empty(internal.shape, dtype=np.int32)
    for rows in _blocks(len(labels)):
        known = np.arange(width) < counts[rows, None]
        ordered[labels[rows]] = np.where(known, labels[internal[rows] % len(labels)], -1)
    return ordered


def _nearest_first(vectors: Floats | Halves, near: Near) -> Near:
    """The neighbours (n, k) of each vector, by their exact products."""
    for rows in _blocks(len(near)):
        part = near[rows]
        own = vectors[rows].astype(np.float32)
        scores = np.empty(part.shape, dtype=np.float32)
        for column in range(part.shape[1]):
            scores[:, column] = _products(own, vectors, part[:, column])
        scores[part < 0] = -np.inf
        near[rows] = np.take_along_axis(part, np.argsort(-scores, axis=1, kind="stable"), axis=1)
    return near


def _prune(vectors: Floats | Halves, near: Near) -> Edges:
    found = [_kept(vectors, near[rows], rows) for rows in _blocks(len(near))]
    return tidy(np.concatenate(found))


def _kept(vectors: Floats | Halves, near: Near, rows: slice) -> Edges:
    """The edges that some of the vectors choose among their neighbours, nearest first."""
    count = len(near)
    own = vectors[rows].astype(np.float32)
    kept = np.full((count, KEPT_LINKS), -1, dtype=np.int64)
    used = np.zeros(count, dtype=np.int64)
    for column in range(near.shape[1]):
        candidate = near[:, column]
        fits = (candidate >= 0) & (used < KEPT_LINKS)
        if not fits.any():
            break
        theirs = vectors[candidate].astype(np.float32)
        to_own = np.einsum("nd,nd->n", own, theirs)
        for slot in range(KEPT_LINKS):
            rival = kept[:, slot]
            fits &= (rival < 0) | (to_own > _products(theirs, vectors, rival))
        at = np.flatnonzero(fits)
        kept[at, used[at]] = candidate[at]
        used += fits
    source = np.repeat(np.arange(rows.start, rows.start + count), KEPT_LINKS)
    target = kept.ravel()
    real = target >= 0
    return np.stack([source[real], target[real]], axis=1)


def _products(one: Floats, vectors: Floats | Halves, others: Near | Ints) -> Floats:
    """The product of each row with one of the vectors, chosen by number."""
    found: Floats = np.einsum("nd,nd->n", one, vectors[others].astype(np.float32))
    return found


def _blocks(count: int) -> list[slice]:
    return [slice(at, min(at + BLOCK, count)) for at in range(0, count, BLOCK)]


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
