"""Writes small GGUF files: models, adapters and broken ones, byte by byte as the format has it."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

U32, I32, F32, BOOL, STRING, ARRAY, U64 = 4, 5, 6, 7, 8, 9, 10
_CODES = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?", U64: "<Q"}
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, U32: 4, I32: 4, F32: 4, BOOL: 1, U64: 8, 11: 8, 12: 8}
ALIGNMENT = 32

Value = int | float | bool | str | Sequence[int] | Sequence[float] | Sequence[str]


@dataclass(frozen=True, slots=True)
class Raw:
    """A tensor of a block type: its shape as ggml has it (row length first) and its bytes."""

    shape: tuple[int, ...]
    type: int
    data: bytes


@dataclass(frozen=True, slots=True)
class RawPair:
    """An entry of another file's metadata, key and all, as it stands there."""

    data: bytes


Weights = Mapping[str, "npt.NDArray[np.float32] | Raw"]


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _kind(value: object) -> int:
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return I32 if value < 0 else U32
    if isinstance(value, float):
        return F32
    return STRING


def _scalar(value: object, kind: int) -> bytes:
    return _text(str(value)) if kind == STRING else struct.pack(_CODES[kind], value)


def pair(key: str, value: Value | RawPair) -> bytes:
    """One entry of the metadata."""
    if isinstance(value, RawPair):
        return value.data
    if isinstance(value, (bool, int, float, str)):
        kind = _kind(value)
        return _text(key) + struct.pack("<I", kind) + _scalar(value, kind)
    items = list(value)
    kind = _kind(items[0]) if items else U32
    head = _text(key) + struct.pack("<IIQ", ARRAY, kind, len(items))
    return head + b"".join(_scalar(item, kind) for item in items)


def pairs_of(path: Path, beginning: str) -> dict[str, RawPair]:
    """The entries of a file's metadata whose keys begin so, to be put into another file."""
    data = path.read_bytes()
    (count,) = struct.unpack_from("<Q", data, 16)
    at = 24
    found: dict[str, RawPair] = {}

    def text_end(start: int) -> int:
        return start + 8 + int(struct.unpack_from("<Q", data, start)[0])

    def value_end(kind: int, start: int) -> int:
        if kind == STRING:
            return text_end(start)
        if kind != ARRAY:
            return start + _SIZES[kind]
        inner, items = struct.unpack_from("<IQ", data, start)
        end = start + 12
        if inner != STRING:
            return end + int(items) * _SIZES[inner]
        for _ in range(items):
            end = text_end(end)
        return end

    for _ in range(count):
        start, at = at, text_end(at)
        key = data[start + 8 : at].decode()
        (kind,) = struct.unpack_from("<I", data, at)
        at = value_end(kind, at + 4)
        if key.startswith(beginning):
            found[key] = RawPair(data[start:at])
    return found


def write_gguf(path: Path, values: Mapping[str, Value | RawPair], weights: Weights) -> Path:
    """Write a file of version 3. Floats become tensors in 32 bits, their shape turned round."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(weights), len(values))
    head += b"".join(pair(key, value) for key, value in values.items())
    at = 0
    bodies: list[bytes] = []
    for name, weight in weights.items():
        if isinstance(weight, Raw):
            shape, kind, data = weight.shape, weight.type, weight.data
        else:
            shape, kind = weight.shape[::-1], 0
            data = np.ascontiguousarray(weight, np.float32).tobytes()
        head += _text(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", kind, at)
        data += bytes(-len(data) % ALIGNMENT)
        bodies.append(data)
        at += len(data)
    head += bytes(-len(head) % ALIGNMENT)
    with path.open("wb") as file:
        file.write(head)
        file.writelines(bodies)
    return path
