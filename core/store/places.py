"""Small numbers for a small catalogue: tags of names, and which documents a segment holds."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.index.bits import CodecError, pack_varints, unpack_varints

Ints = NDArray[np.int64]

_TAGS = 1 << 16


def name_tag(name: bytes) -> int:
    """Two bytes that tell the names in a folder apart, nearly always.

    An index of tags is half the size of one of names, however the names begin and end.
    """
    return zlib.crc32(name) % _TAGS - _TAGS // 2


def pack_places(documents: Sequence[int] | Mapping[int, int]) -> bytes:
    """The documents of a segment in order of their places; their numbers (from 1) ascend.

    A mapping gives them by place and may leave out places whose documents are gone.
    """
    by_place = documents if isinstance(documents, Mapping) else dict(enumerate(documents))
    numbers = np.zeros(max(by_place, default=-1) + 1, dtype=np.int64)
    numbers[list(by_place)] = list(by_place.values())
    before = np.concatenate(([0], np.maximum.accumulate(numbers)))[: len(numbers)]
    if ((numbers <= before) & (numbers != 0)).any():
        raise ValueError("the documents of a segment are not in order")
    return pack_varints(np.where(numbers == 0, 0, numbers - before))


def unpack_places(packed: bytes) -> tuple[Ints, Ints]:
    """Places and the documents that are there. Raises CodecError."""
    steps = unpack_varints(packed)
    places = np.flatnonzero(steps)
    numbers = np.cumsum(steps)
    if len(numbers) and (int(steps.max()) >> 48 or len(numbers) >> 31):
        raise CodecError("the documents of a segment are damaged")
    return places, numbers[places]
