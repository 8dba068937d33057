"""Binary codes: a few bytes a chunk that say which chunks deserve an exact look.

Embeddings are centred, rotated so that the signs of the coordinates carry as
much as they can (principal components, then iterative quantization), and cut
to their signs. A query is kept in full and scored against the codes through
one 256-entry table for each code byte.

Sources: Gong and Lazebnik, "Iterative Quantization", CVPR 2011; asymmetric
scoring as in Jégou et al., "Product Quantization", TPAMI 2011.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
CodeArray = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Rotation:
    """How embeddings of one model become codes.

    `mean` has shape (d,), `axes` (d, bits) with orthonormal columns, and
    `scales` (bits,) is the mean absolute coordinate on each axis, so that
    `mean + axes @ (sign * scales)` approximates an embedding.
    """

    mean: Floats
    axes: Floats
    scales: Floats

    @property
    def code_bytes(self) -> int:
        """Bytes a chunk."""
        return int(self.axes.shape[1]) // 8

    def encode(self, embeddings: Floats) -> CodeArray:
        """Codes of shape (n, code_bytes) for embeddings of shape (n, d)."""
        return np.packbits((embeddings - self.mean) @ self.axes > 0, axis=1)

    def decode(self, codes: CodeArray) -> Floats:
        """The coordinates (n, bits) that the codes stand for, in the rotated space."""
        signs = np.unpackbits(codes, axis=1).astype(np.float32)
        signs *= 2
        signs -= 1
        return signs * self.scales

    def tables(self, query: Floats) -> tuple[Floats, float]:
        """Lookup tables (code_bytes, 256) and a constant for a query of shape (d,).

        The estimated cosine of a chunk is the constant plus, for each of its
        code bytes, the entry of that byte's table.
        """
        weights = (query @ self.axes) * self.scales
        patterns = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
        signs = patterns.astype(np.float32) * 2 - 1
        return (weights.reshape(-1, 8) @ signs.T).astype(np.float32), float(query @ self.mean)

    def save(self, path: Path) -> None:
        """Write the rotation as a small npz file: axes in 8 bits, the rest in 32."""
        step = np.abs(self.axes).max(axis=0) / 127
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            mean=self.mean,
            scales=self.scales,
            step=step.astype(np.float32),
            axes=np.rint(self.axes / step).astype(np.int8),
        )
        path.write_bytes(buffer.getvalue())


def load_rotation(path: Path) -> Rotation:
    """The rotation that `Rotation.save` wrote. Raises OSError or ValueError."""
    with np.load(path, allow_pickle=False) as data:
        axes = data["axes"].astype(np.float32) * data["step"]
        return Rotation(data["mean"], axes.astype(np.float32), data["scales"])


def scan(tables: Floats, constant: float, codes: CodeArray) -> Floats:
    """Estimated cosines (n,) of all codes (n, code_bytes)."""
    scores = np.full(len(codes), constant, dtype=np.float32)
    for column, table in enumerate(tables):
        scores += table[codes[:, column]]
    return scores


def fit_rotation(embeddings: Floats, code_bytes: int, rounds: int = 30, seed: int = 0) -> Rotation:
    """Fit a rotation on a sample of embeddings (n, d); n should be some thousands.

    Raises ValueError when there are fewer embeddings than bits.
    """
    bits = code_bytes * 8
    if len(embeddings) < bits:
        raise ValueError(f"{len(embeddings)} embeddings cannot fit {bits} bits")
    mean = embeddings.mean(axis=0)
    centred = embeddings - mean
    _, vectors = np.linalg.eigh(centred.T @ centred)
    basis = vectors[:, ::-1][:, :bits]
    projected = centred @ basis
    turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((bits, bits)))
    for _ in range(rounds):
        signs = np.where(projected @ turn > 0, 1.0, -1.0)
        left, _, right = np.linalg.svd(signs.T @ projected)
        turn = (left @ right).T
    axes = (basis @ turn).astype(np.float32)
    scales = np.abs(centred @ axes).mean(axis=0)
    return Rotation(mean.astype(np.float32), axes, scales.astype(np.float32))
