"""Packing of integers into few bytes, vectorized: varints and log-bucket codes."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class CodecError(ValueError):
    """The bytes are not what the encoder writes."""


def pack_varints(values: Ints) -> bytes:
    """Non-negative integers as little-endian base-128 varints."""
    if len(values) == 0:
        return b""
    if int(values.min()) < 0:
        raise ValueError("varints hold no negative numbers")
    groups = 1
    while int(values.max()) >> (7 * groups):
        groups += 1
    shifts = np.arange(groups, dtype=np.int64) * 7
    parts = (values[:, None] >> shifts) & 0x7F
    used = np.maximum((values[:, None] >> shifts != 0).sum(axis=1), 1)
    position = np.arange(groups)
    keep = position < used[:, None]
    more = position < used[:, None] - 1
    return bytes((parts | (more * 0x80))[keep].astype(np.uint8).tobytes())


def unpack_varints(data: bytes | memoryview) -> Ints:
    """The integers that `pack_varints` packed. Raises CodecError when cut off."""
    raw = np.frombuffer(data, dtype=np.uint8)
    if len(raw) == 0:
        return np.empty(0, dtype=np.int64)
    last = raw < 0x80
    if not last[-1]:
        raise CodecError("a varint is cut off")
    ends = np.flatnonzero(last)
    starts = np.concatenate(([0], ends[:-1] + 1))
    place = np.arange(len(raw)) - np.repeat(starts, ends - starts + 1)
    if int(place.max()) > 8:
        raise CodecError("a varint is longer than 63 bits")
    return np.add.reduceat((raw & 0x7F).astype(np.int64) << (7 * place), starts)


def pack_buckets(values: Ints) -> bytes:
    """Non-negative integers as bit lengths (deflated) and raw low bits (packed).

    Near the entropy for numbers whose size varies by orders of magnitude, such
    as the gaps between neighbour ids.
    """
    shifted = values + 1
    lengths = np.frexp(shifted.astype(np.float64))[1] - 1  # floor(log2), exact below 2**53
    classes = zlib.compress(lengths.astype(np.uint8).tobytes(), 9)
    total = int(lengths.sum())
    offsets = np.cumsum(lengths) - lengths
    owner = np.repeat(np.arange(len(values)), lengths)
    place = np.arange(total) - np.repeat(offsets, lengths)
    low = ((shifted[owner] >> place) & 1).astype(np.uint8)
    head = pack_varints(np.array([len(values), len(classes)], dtype=np.int64))
    return bytes([len(head)]) + head + classes + np.packbits(low).tobytes()


def unpack_buckets(data: bytes | memoryview) -> Ints:
    """The integers that `pack_buckets` packed. Raises CodecError when cut off or altered."""
    view = memoryview(data)
    try:
        after = 1 + view[0]
        count, class_bytes = (int(v) for v in unpack_varints(view[1:after]))
        classes = zlib.decompress(view[after : after + class_bytes])
    except (IndexError, ValueError, zlib.error) as error:
        raise CodecError("the bucket header is damaged") from error
    lengths = np.frombuffer(classes, dtype=np.uint8).astype(np.int64)
    total = int(lengths.sum())
    packed = np.frombuffer(view[after + class_bytes :], dtype=np.uint8)
    if len(lengths) != count or len(packed) * 8 < total:
        raise CodecError("bucket bits are cut off")
    low = np.unpackbits(packed, count=total).astype(np.int64)
    offsets = np.cumsum(lengths) - lengths
    place = np.arange(total) - np.repeat(offsets, lengths)
    sums = np.concatenate(([0], np.cumsum(low << place)))
    values: Ints = (1 << lengths) + sums[offsets + lengths] - sums[offsets] - 1
    return values
