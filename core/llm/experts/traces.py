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
Halves = npt.NDArray[np.float16]
Indices = npt.NDArray[np.intp]

_MAGIC = b"satchel experts 1\n"
_HEAD = struct.Struct("<32sIQ")  # fingerprint of the layout, checksum of what follows, tokens
_MOST = 2**63

# How much of a table's row one observation replaces: much of a row that has seen little, never
# less than this, so that what was long ago fades.
_LEAST_SHARE = 0.01
# Of a batch so many pairs of neighbours are learnt from: more would tell little new.
_PAIRS_OF_A_BATCH = 4


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
        self.after: Halves = np.full((rows, experts, experts), even, np.float16)
        self.onward: Halves = np.full((rows, experts, experts), even, np.float16)
        self.tokens = 0  # seen in all sessions
        self._seen: Floats = np.zeros((2, rows, experts), np.float32)
        self._row_before: Indices | None = None
        self._rows = rows

    def observe(self, row: int, chosen: Indices, active: int, before: Indices | None) -> None:
        """A row has chosen experts, for one token or more; `before` are those of the token before.

        The rows of one token, or of one batch, are to be observed in their order.
        """
        if len(chosen) <= active:
            if before is not None:
                self._learn(0, row, before, chosen)
            if row and self._row_before is not None and len(self._row_before) == len(chosen):
                self._learn(1, row - 1, self._row_before, chosen)
        else:
            tokens = chosen[: len(chosen) // active * active].reshape(-1, active)
            for at in range(max(1, len(tokens) - _PAIRS_OF_A_BATCH), len(tokens)):
                self._learn(0, row, tokens[at - 1], tokens[at])
            if row and self._row_before is not None and len(self._row_before) == len(chosen):
                earlier = self._row_before[: tokens.size].reshape(-1, active)
                for at in range(max(0, len(tokens) - _PAIRS_OF_A_BATCH), len(tokens)):
                    self._learn(1, row - 1, earlier[at], tokens[at])
        self._row_before = chosen
        if row == self._rows - 1:
            self.tokens += max(1, len(chosen) // active)

    def _learn(self, table: int, row: int, before: Indices, then: Indices) -> None:
        seen = self._seen[table, row]
        seen[before] += 1
        share = np.maximum(1 / (seen[before] + 8), _LEAST_SHARE)[:, None]
        chances = self.onward[row] if table else self.after[row]
        rows = chances[before] * (1 - share)
        rows[:, then] += share
        chances[before] = rows

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
        # How often each was seen is not kept; about so often, if they were used alike.
        traces._seen[:] = tokens * layout.active / experts
        return traces

    def save(self, path: Path) -> None:
        """Keep them. Raises OSError; the former stand then."""
        parts = (self.share, self.after, self.onward)
        packed = zlib.compress(b"".join(_to_levels(part).tobytes() for part in parts), 6)
        head = _HEAD.pack(self._fingerprint.encode(), zlib.crc32(packed), min(self.tokens, _MOST))
        write_atomic(path, _MAGIC + head + packed)


def _to_levels(chances: Floats | Halves) -> npt.NDArray[np.uint8]:
    """Chances in a byte each, finer where they are small."""
    levels: npt.NDArray[np.uint8] = np.rint(
        255 * np.sqrt(np.clip(chances.astype(np.float32), 0, 1))
    ).astype(np.uint8)
    return levels


def _from_levels(levels: npt.NDArray[np.uint8]) -> Floats:
    chances: Floats = np.square(levels.astype(np.float32) / np.float32(255))
    return chances
