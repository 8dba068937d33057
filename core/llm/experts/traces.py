"""How often each expert was used, and which followed which: numbers only, no text.

They tell a next session what is worth having at once, and what will come next. They are as
personal as what was asked, so they belong into the home, not to the model.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.atomic import write_atomic
from core.llm.experts.layout import Layout

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

_MAGIC = b"satchel experts 1\n"
_HEAD = struct.Struct("<32sIQ")  # fingerprint of the layout, checksum of what follows, tokens
_MOST = 2**63

# How much of a table's row one observation replaces: much of a row that has seen little, and
# never less than a little, so that what was long ago fades.
_MOST_SHARE = 0.25
_LEAST_SHARE = 0.02
_LONG_TOKENS = 1 << 20


class Traces:
    """What was seen of one model's routing.

    Layers that route are numbered from 0 as rows. `share` is how often an expert is among the
    chosen, over the last few hundred tokens; `after[row, i]` are the chances of each expert for
    the next token after expert i, and `onward[row, i]` those in the next row for the same token.
    """

    def __init__(self, layout: Layout) -> None:
        rows = len({unit.layer for unit in layout.units})
        experts = max(layout.experts, 1)
        even = layout.active / experts if layout.experts else 1.0
        self._fingerprint = layout.fingerprint()
        self.share: Floats = np.full((rows, experts), even, np.float32)
        self.after: Floats = np.full((rows, experts, experts), even, np.float32)
        self.onward: Floats = np.full((rows, experts, experts), even, np.float32)
        self.tokens = 0  # seen in all sessions
        self._passes = [0] * rows
        self._active = max(layout.active, 1)
        self._even = even
        self._row_before: Indices | None = None
        self._rows = rows

    def observe(self, row: int, chosen: Indices, before: Indices | None) -> None:
        """A row has chosen experts, for one token or more; `before` are those of the token before.

        The rows of one token, or of one batch, are to be observed in their order.
        """
        active = self._active
        earlier, self._row_before = self._row_before, chosen
        if row == 0 or earlier is None or len(earlier) != len(chosen):
            earlier = None  # the last row of a batch may want one token only
        if len(chosen) <= active:
            if before is not None:
                self._learn(self.after[row], row, before, chosen)
            if earlier is not None:
                self._learn(self.onward[row - 1], row, earlier, chosen)
            tokens = 1
        else:
            tokens = len(chosen) // active
            marks = self._marks(chosen, tokens)
            self._learn_many(self.after[row], row, marks[:-1], marks[1:])
            if earlier is not None:
                self._learn_many(self.onward[row - 1], row, self._marks(earlier, tokens), marks)
        self._passes[row] += tokens
        if row == self._rows - 1:
            self.tokens += tokens

    def _learn(self, chances: Floats, row: int, before: Indices, then: Indices) -> None:
        share = self._share_of_one(row)
        rows = chances[before]
        rows *= 1 - share
        rows[:, then] += share
        chances[before] = rows

    def _learn_many(self, chances: Floats, row: int, before: Floats, then: Floats) -> None:
        """As `_learn` for each token, all at once; the tokens are marks, a line each."""
        times = before.sum(0)
        kept = (1 - self._share_of_one(row)) ** times
        chances *= kept[:, None]
        chances += ((1 - kept) / np.maximum(times, 1))[:, None] * (before.T @ then)

    def _marks(self, chosen: Indices, tokens: int) -> Floats:
        """A line for each token, with a one for each expert that it has chosen."""
        marks = np.zeros((tokens, len(self.share[0])), np.float32)
        lines = np.arange(tokens).repeat(self._active)
        marks[lines, chosen[: len(lines)]] = 1
        return marks

    def _share_of_one(self, row: int) -> float:
        """How much of a table's row one observation replaces."""
        return max(1 / (self._passes[row] * self._even + 1 / _MOST_SHARE), _LEAST_SHARE)

    @classmethod
    def load(cls, path: Path, layout: Layout) -> Traces:
        """Those kept in a file; empty ones where it is not there, damaged, or of another model."""
        traces = cls(layout)
        try:
            data = path.read_bytes()
        except OSError:
            return traces
        if not data.startswith(_MAGIC) or len(data) < len(_MAGIC) + _HEAD.size:
            return traces
        fingerprint, checksum, tokens = _HEAD.unpack_from(data, len(_MAGIC))
        packed = data[len(_MAGIC) + _HEAD.size :]
        if fingerprint.decode("ascii", "replace") != traces._fingerprint:
            return traces
        if zlib.crc32(packed) != checksum:
            return traces
        rows, experts = traces.share.shape
        sizes = (rows * experts, rows * experts**2, rows * experts**2)
        try:
            plain = zlib.decompressobj().decompress(packed, sum(sizes) + 1)
        except zlib.error:
            return traces
        if len(plain) != sum(sizes):
            return traces
        levels = np.frombuffer(plain, np.uint8)
        share, after, onward = np.split(levels, np.cumsum(sizes)[:-1])
        traces.share[:] = _from_levels(share).reshape(traces.share.shape)
        traces.after[:] = _from_levels(after).reshape(traces.after.shape)
        traces.onward[:] = _from_levels(onward).reshape(traces.onward.shape)
        traces.tokens = tokens
        traces._passes = [min(tokens, _LONG_TOKENS)] * rows
        return traces

    def save(self, path: Path) -> None:
        """Keep them. Raises OSError; the former stand then."""
        parts = (self.share, self.after, self.onward)
        packed = zlib.compress(b"".join(_to_levels(part).tobytes() for part in parts), 6)
        head = _HEAD.pack(self._fingerprint.encode(), zlib.crc32(packed), min(self.tokens, _MOST))
        write_atomic(path, _MAGIC + head + packed)


def is_whole(path: Path) -> bool:
    """Whether a file of traces, of whatever model, is what was written."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    if not data.startswith(_MAGIC) or len(data) < len(_MAGIC) + _HEAD.size:
        return False
    checksum: int = _HEAD.unpack_from(data, len(_MAGIC))[1]
    return zlib.crc32(data[len(_MAGIC) + _HEAD.size :]) == checksum


def _to_levels(chances: Floats) -> npt.NDArray[np.uint8]:
    """Chances in a byte each, finer where they are small."""
    levels: npt.NDArray[np.uint8] = np.rint(
        255 * np.sqrt(np.clip(chances.astype(np.float32), 0, 1))
    ).astype(np.uint8)
    return levels


def _from_levels(levels: npt.NDArray[np.uint8]) -> Floats:
    chances: Floats = np.square(levels.astype(np.float32) / np.float32(255))
    return chances
