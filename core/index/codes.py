"""Codes: a few bytes a chunk that say which chunks deserve an exact look.

Embeddings are centred and rotated; each byte of a code then names the nearest
of 256 points for eight or twelve of the coordinates. A query is kept in full and scored
through one 256-entry table for each code byte, and the sum is divided by the
length of what the code stands for: embeddings have length one, and without
that the estimates of chunks near the middle of a topic are too low.

Sources: Jégou, Douze and Schmid, "Product Quantization", TPAMI 2011; Ge et
al., "Optimized Product Quantization", TPAMI 2014 (`core.index.fit_codes`).
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
CodeArray = NDArray[np.uint8]

WIDTH = 8  # coordinates that a byte stands for, in codes that ship
OWN_WIDTH = 12  # and in those fitted to a home, where there are as many
POINTS = 256
ENCODE_ROWS = 4096  # encoded together: 4 MB of scores at a time
SCAN_ROWS = 65536  # scanned together, so that the sums stay in the processor's cache
PAIRED_ROWS = 100_000  # codes from which on tables for two bytes at once are worth making
AXIS_LEVELS = 15  # whole numbers that an axis' entries are rounded to on disk,
BOOK_LEVELS = 63  # and those of a book: finer ones find nothing more
SCALE_LEAST = 500
SCALE_QUERIES = 32
SCALE_DEPTH = 50
FORMAT = 2


@dataclass(frozen=True, slots=True)
class Rotation:
    """How embeddings of one model become codes.

    `mean` has shape (d,), `axes` (d, width * code_bytes) with orthonormal columns,
    and `books` (code_bytes, 256, width) holds the points that each byte names. `name`
    tells apart the rotations that segments were written with. `own` says that it
    was fitted to the very home it is used in, so that its estimates can be trusted;
    `expected` is how faithful its codes were to passages of that home it was not fitted
    to, 0 where that was not measured.
    """

    mean: Floats
    axes: Floats
    books: Floats
    name: str = ""
    own: bool = False
    expected: float = 0.0

    @property
    def code_bytes(self) -> int:
        """Bytes a chunk."""
        return len(self.books)

    @property
    def width(self) -> int:
        """Coordinates that a byte stands for."""
        return int(self.books.shape[2])

    def encode(self, embeddings: Floats | NDArray[np.float16]) -> CodeArray:
        """Codes of shape (n, code_bytes) for embeddings of shape (n, d)."""
        codes = np.empty((len(embeddings), self.code_bytes), dtype=np.uint8)
        for at in range(0, len(embeddings), ENCODE_ROWS):
            rows = embeddings[at : at + ENCODE_ROWS] - self.mean
            placed = np.asarray(rows @ self.axes, dtype=np.float32)
            for byte in range(self.code_bytes):
                part = placed[:, byte * self.width : (byte + 1) * self.width]
                codes[at : at + ENCODE_ROWS, byte] = nearest(part, self.books[byte])
        return codes

    def decode(self, codes: CodeArray) -> Floats:
        """What the codes stand for (n, d), as steps from the mean."""
        placed = np.concatenate(
            [book[codes[:, byte]] for byte, book in enumerate(self.books)], axis=1
        )
        steps: Floats = placed @ self.axes.T
        return steps

    def lengths(self, codes: CodeArray) -> Floats:
        """The lengths (n,) of what the codes stand for, the mean included."""
        along = (self.mean @ self.axes).reshape(-1, self.width)
        tables = (self.books**2).sum(axis=2) + 2 * np.einsum("bd,bkd->bk", along, self.books)
        squares = _sums(tables.astype(np.float32), codes) + np.float32(self.mean @ self.mean)
        lengths: Floats = np.sqrt(np.maximum(squares, np.float32(1e-6)))
        return lengths

    def faithful(self, embeddings: Floats, codes: CodeArray) -> float:
        """The mean cosine of embeddings (n, d) with what their codes stand for."""
        if len(codes) == 0:
            return 0.0
        along = np.einsum("nd,nd->n", self.decode(codes) + self.mean, embeddings)
        return float((along / self.lengths(codes)).mean())

    def scale(self, embeddings: Floats, codes: CodeArray) -> float:
        """What the best estimates have to be multiplied by to be the cosines, on average.

        Some of the embeddings (n, d) serve as queries; 0 when they are too few to tell. Of
        codes that were fitted to other texts estimates are too low, by more than of others.
        """
        if len(codes) < SCALE_LEAST:
            return 0.0
        asked = np.linspace(0, len(codes) - 1, SCALE_QUERIES).astype(np.int64)
        lengths = self.lengths(codes)
        products = squares = 0.0
        for one in asked.tolist():
            estimates = scan(*self.tables(embeddings[one]), codes, lengths)
            estimates[one] = -1
            best = np.argpartition(-estimates, SCALE_DEPTH)[:SCALE_DEPTH]
            products += float(estimates[best] @ (embeddings[best] @ embeddings[one]))
            squares += float(estimates[best] @ estimates[best])
        return products / max(squares, 1e-9)

    def tables(self, query: Floats) -> tuple[Floats, float]:
        """Lookup tables (code_bytes, 256) and a constant for a query of shape (d,); see `scan`."""
        placed = (query @ self.axes).reshape(-1, self.width)
        tables = np.einsum("bd,bkd->bk", placed, self.books)
        return tables.astype(np.float32), float(query @ self.mean)

    def save(self, path: Path) -> None:
        """Write the rotation as a small npz file, its axes and books rounded."""
        axes, axis_step = _rounded(self.axes, AXIS_LEVELS, (0,))
        books, book_step = _rounded(self.books, BOOK_LEVELS, (1, 2))
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            format=np.uint8(FORMAT),
            mean=self.mean.astype(np.float16),
            axes=axes,
            axis_step=axis_step,
            books=books,
            book_step=book_step,
            expected=np.float32(self.expected),
        )
        path.write_bytes(buffer.getvalue())


def load_rotation(path: Path) -> Rotation:
    """The rotation that `Rotation.save` wrote, named by its bytes.

    Raises OSError, KeyError or ValueError.
    """
    content = path.read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as data:
        if "format" not in data or int(data["format"]) != FORMAT:
            raise ValueError("it is of another version")
        axes = data["axes"].astype(np.float32) * data["axis_step"].astype(np.float32)
        books = data["books"].astype(np.float32) * data["book_step"].astype(np.float32)
        mean = data["mean"].astype(np.float32)
        expected = float(data["expected"]) if "expected" in data else 0.0
    fits = axes.ndim == 2 and books.ndim == 3 and books.shape[1] == POINTS
    if not fits or books.shape[0] * books.shape[2] != axes.shape[1] or not books.size:
        raise ValueError("its parts do not fit together")
    name = hashlib.blake2b(content, digest_size=8).hexdigest()
    return Rotation(mean, orthonormal(axes), books, name, expected=expected)


def orthonormal(axes: Floats) -> Floats:
    """The orthonormal columns nearest to columns that are almost so."""
    turned, mixed = np.linalg.qr(axes)
    return (turned * np.where(np.diag(mixed) < 0, -1, 1)).astype(np.float32)


def _rounded(
    values: Floats, levels: int, over: tuple[int, ...]
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers and the step between them, one step for each part not in `over`."""
    step = np.abs(values).max(axis=over, keepdims=True) / (levels // 2)
    step = np.maximum(step, np.float32(1e-12)).astype(np.float32)
    return np.rint(values / step).astype(np.int8), step


def sign_books(scales: Floats) -> Floats:
    """Books (b, 256, 8) for codes of plain signs; `scales` (8 b,) are the sizes they stand for."""
    patterns = np.unpackbits(np.arange(POINTS, dtype=np.uint8)[:, None], axis=1)
    signs = patterns.astype(np.float32) * 2 - 1
    books: Floats = signs[None] * scales.reshape(-1, 1, WIDTH).astype(np.float32)
    return books


def nearest(points: Floats, book: Floats) -> NDArray[np.int64]:
    """For each point (n, w) the entry of a book (k, w) that is nearest to it."""
    halves = (book**2).sum(axis=1) / 2
    found = np.empty(len(points), dtype=np.int64)
    for at in range(0, len(points), ENCODE_ROWS):
        scores = points[at : at + ENCODE_ROWS] @ book.T
        scores -= halves
        np.argmax(scores, axis=1, out=found[at : at + ENCODE_ROWS])
    return found


def scan(tables: Floats, constant: float, codes: CodeArray, lengths: Floats) -> Floats:
    """Estimated cosines (n,) of all codes (n, code_bytes) that have these `lengths` (n,)."""
    scores = _sums(tables, codes)
    scores += np.float32(constant)
    scores /= lengths
    return scores


def _sums(tables: Floats, codes: CodeArray) -> Floats:
    """For each code the sum of the entries that its bytes name."""
    names: NDArray[np.uint8] | NDArray[np.uint16] = codes
    if len(codes) >= PAIRED_ROWS and len(tables) % 2 == 0 and codes.flags.c_contiguous:
        # Half the look-ups, a third less time.
        tables = (tables[1::2, :, None] + tables[::2, None, :]).reshape(-1, POINTS * POINTS)
        names = codes.view("<u2")
    sums = np.zeros(len(codes), dtype=np.float32)
    found = np.empty(min(SCAN_ROWS, len(codes)), dtype=np.float32)
    for at in range(0, len(codes), SCAN_ROWS):
        part = names[at : at + SCAN_ROWS]
        total = sums[at : at + SCAN_ROWS]
        for place, table in enumerate(tables):
            # "clip" spares a check for each name; none is out of range.
            np.take(table, part[:, place], out=found[: len(part)], mode="clip")
            total += found[: len(part)]
    return sums
