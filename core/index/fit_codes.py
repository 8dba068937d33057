"""Fitting the codes of `core.index.codes` to a sample of embeddings.

Coordinates are dealt to the bytes so that each byte has about as much to tell,
then points and rotation are improved in turns: the points for the rotation,
the rotation for the points (Ge et al., "Optimized Product Quantization").
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.index.codes import OWN_WIDTH, POINTS, WIDTH, Rotation, nearest

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]
Ints = NDArray[np.int64]

FIRST_ROUNDS = 8  # of the points alone
TURNS = 6  # of points and rotation
ROWS = 2_048  # embeddings looked at together
LAST_ROUNDS = 3  # of the points again


def own_width(dimensions: int, code_bytes: int) -> int:
    """How many coordinates a byte of a home's own codes stands for."""
    return max(WIDTH, min(OWN_WIDTH, dimensions // code_bytes))


def fit_rotation(
    embeddings: Floats | Halves, code_bytes: int, seed: int = 0, width: int = WIDTH
) -> Rotation:
    """Fit a rotation to a sample of embeddings (n, d); n should be some thousands.

    Each byte stands for `width` coordinates.
    Axes along the mean are ruled out: passages hardly differ there, but queries
    are long in that direction and would multiply the codes' error. Raises
    ValueError when there are fewer embeddings, or dimensions, than bits.
    """
    bits = code_bytes * width
    if len(embeddings) < bits or embeddings.shape[1] < bits:
        raise ValueError(f"embeddings of shape {embeddings.shape} cannot fit {bits} axes")
    mean = embeddings.mean(axis=0, dtype=np.float32)
    along = mean / max(float(np.linalg.norm(mean)), 1e-9)
    spread, vectors = np.linalg.eigh(_without(_covariance(embeddings, mean), along))
    order = deal(spread[::-1][:bits], code_bytes, width)
    basis = vectors[:, ::-1][:, :bits][:, order].astype(np.float32)
    placed = np.concatenate([part @ basis for part in _centred(embeddings, mean)])
    rng = np.random.default_rng(seed)
    books = np.stack([_first_points(part, rng) for part in _parts(placed, code_bytes)])
    turn = np.eye(bits, dtype=np.float32)
    for _ in range(TURNS):
        turned = placed @ turn
        decoded = np.empty_like(turned)
        for byte, part in enumerate(_parts(turned, code_bytes)):
            names = nearest(part, books[byte])
            books[byte] = _centres(part, names, books[byte])
            decoded[:, byte * width : (byte + 1) * width] = books[byte][names]
        left, _, right = np.linalg.svd(placed.T @ decoded)
        turn = (left @ right).astype(np.float32)
    for _ in range(LAST_ROUNDS):
        for byte, part in enumerate(_parts(placed @ turn, code_bytes)):
            books[byte] = _centres(part, nearest(part, books[byte]), books[byte])
    return Rotation(mean, basis @ turn, books)


def _centred(embeddings: Floats | Halves, mean: Floats) -> Iterator[Floats]:
    """The steps from the mean, some rows at a time: all at once take a lot of memory."""
    for at in range(0, len(embeddings), ROWS):
        yield embeddings[at : at + ROWS].astype(np.float32) - mean


def _covariance(embeddings: Floats | Halves, mean: Floats) -> NDArray[np.float64]:
    total = np.zeros((len(mean), len(mean)))
    for part in _centred(embeddings, mean):
        total += part.T @ part
    return total


def _without(covariance: NDArray[np.float64], along: Floats) -> NDArray[np.float64]:
    """The covariance of what is left when everything along one axis is taken away."""
    rest: NDArray[np.float64] = np.eye(len(along)) - np.outer(along, along)
    return rest @ covariance @ rest


def deal(spread: NDArray[np.float64], code_bytes: int, width: int = WIDTH) -> Ints:
    """The order of coordinates that gives each byte about the same product of spreads.

    `spread` (width * code_bytes,) is how much each coordinate varies, falling; each
    coordinate goes to the byte that has least so far and still has room.
    """
    sizes = np.log(np.maximum(spread, 1e-9) / max(float(spread[-1]), 1e-9) + 1e-6)
    members: list[list[int]] = [[] for _ in range(code_bytes)]
    sums = np.zeros(code_bytes)
    for coordinate, size in enumerate(sizes):
        byte = int(np.argmin(sums))
        members[byte].append(coordinate)
        sums[byte] += size
        if len(members[byte]) == width:
            sums[byte] = np.inf
    return np.array([one for group in members for one in group], dtype=np.int64)


def _parts(placed: Floats, code_bytes: int) -> list[Floats]:
    """The coordinates of each byte, as contiguous arrays (n, width)."""
    return [np.ascontiguousarray(p) for p in np.split(placed, code_bytes, axis=1)]


def _first_points(part: Floats, rng: np.random.Generator) -> Floats:
    """Points (256, width) for one byte's coordinates, by k-means (Lloyd, 1982)."""
    points: Floats = part[rng.choice(len(part), POINTS, replace=len(part) < POINTS)].copy()
    for _ in range(FIRST_ROUNDS):
        points = _centres(part, nearest(part, points), points)
    return points


def _centres(part: Floats, names: Ints, before: Floats) -> Floats:
    """The middle of what each point names; one that names nothing stays where it was."""
    counts = np.bincount(names, minlength=POINTS)
    used = np.flatnonzero(counts)
    starts = np.cumsum(counts[used]) - counts[used]
    sums = np.add.reduceat(part[np.argsort(names, kind="stable")], starts, axis=0)
    after = before.copy()
    after[used] = sums / counts[used, None]
    return after
