"""The header of a model file taken apart and put together again, for writing a changed copy.

What is not changed is carried over byte for byte, so nothing has to be known of it. Files that
come here were looked at by `core.llm.gguf` before: their headers are sound.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.llm.gguf import Part, Tensor

_STRING, _ARRAY = 8, 9
_CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 10: "Q", 11: "q"}  # whole numbers
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
DEFAULT_ALIGNMENT = 32
VERSION = 3
_PIECE_BYTES = 4 << 20
_OF_SPLITTING = "split."

Ranges = Sequence[tuple[int, int]]  # (start, length) in a file


@dataclass(frozen=True, slots=True)
class Pair:
    """One entry of the metadata: its key, the type of its value, and the value's bytes."""

    key: str
    kind: int
    value: bytes

    def numbers(self) -> tuple[int, ...]:
        """The value, or the values of an array, where they are whole numbers; else none."""
        if self.kind in _CODES:
            return tuple(struct.unpack(f"<{_CODES[self.kind]}", self.value))
        if self.kind == _ARRAY:
            kind, count = struct.unpack_from("<IQ", self.value)
            if kind in _CODES:
                return tuple(struct.unpack_from(f"<{count}{_CODES[kind]}", self.value, 12))
        return ()

    def with_numbers(self, numbers: Sequence[int]) -> Pair:
        """The same with other numbers, as many as there were."""
        if self.kind in _CODES:
            return Pair(self.key, self.kind, struct.pack(f"<{_CODES[self.kind]}", *numbers))
        kind, count = struct.unpack_from("<IQ", self.value)
        packed = struct.pack(f"<{count}{_CODES[kind]}", *numbers)
        return Pair(self.key, self.kind, self.value[:12] + packed)

    def with_text(self, text: str) -> Pair:
        """The same with a text as its value."""
        return Pair(self.key, _STRING, _packed(text))


@dataclass(frozen=True, slots=True)
class Entry:
    """What the header says of a tensor; `shape` begins with the length of a row."""

    name: str
    shape: tuple[int, ...]
    kind: int


class _Cursor:
    def __init__(self, data: mmap.mmap, at: int) -> None:
        self.data = data
        self.at = at

    def number(self, code: str) -> int:
        value: int = struct.unpack_from(f"<{code}", self.data, self.at)[0]
        self.at += struct.calcsize(f"<{code}")
        return value

    def text(self) -> str:
        length = self.number("Q")
        self.at += length
        return self.data[self.at - length : self.at].decode("utf-8", "surrogateescape")

    def value(self, kind: int) -> bytes:
        start = self.at
        if kind == _STRING:
            self._skip_text()
        elif kind != _ARRAY:
            self.at += _SIZES[kind]
        else:
            inner, count = self.number("I"), self.number("Q")
            if inner == _STRING:
                for _ in range(count):
                    self._skip_text()
            else:
                self.at += count * _SIZES[inner]
        return self.data[start : self.at]

    def _skip_text(self) -> None:
        length = self.number("Q")
        self.at += length


def take_apart(path: Path) -> tuple[list[Pair], list[Entry]]:
    """The metadata and the tensors of a sound file, in their order. Raises OSError."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        cursor = _Cursor(data, 8)
        tensors, count = cursor.number("Q"), cursor.number("Q")
        pairs = []
        for _ in range(count):
            key, kind = cursor.text(), cursor.number("I")
            pairs.append(Pair(key, kind, cursor.value(kind)))
        entries = []
        for _ in range(tensors):
            name, dimensions = cursor.text(), cursor.number("I")
            shape = tuple(cursor.number("Q") for _ in range(dimensions))
            entries.append(Entry(name, shape, cursor.number("I")))
            cursor.at += 8  # where it lies is asked of the header that was checked
        return pairs, entries


def put_together(
    pairs: Sequence[Pair], entries: Sequence[Entry], sizes: Mapping[str, int], alignment: int
) -> tuple[bytes, dict[str, int]]:
    """The header of a file, filled up to where its weights begin, and each tensor's place in it.

    `sizes` are the tensors' bytes; places are counted from the start of the file.
    """
    head = [b"GGUF", struct.pack("<IQQ", VERSION, len(entries), len(pairs))]
    for pair in pairs:
        head += [_packed(pair.key), struct.pack("<I", pair.kind), pair.value]
    at = 0
    places: dict[str, int] = {}
    for entry in entries:
        places[entry.name] = at
        head += [
            _packed(entry.name),
            struct.pack(f"<I{len(entry.shape)}Q", len(entry.shape), *entry.shape),
        ]
        head.append(struct.pack("<IQ", entry.kind, at))
        at += aligned(sizes[entry.name], alignment)
    body = b"".join(head)
    body += bytes(aligned(len(body), alignment) - len(body))
    return body, {name: len(body) + place for name, place in places.items()}


@dataclass(frozen=True, slots=True)
class Source:
    """A model taken apart: all its files, the metadata of the first without what tells of the
    others, the tensors of all, and by name in which file each is and where.
    """

    parts: tuple[Part, ...]
    pairs: tuple[Pair, ...]
    entries: tuple[Entry, ...]
    tensors: Mapping[str, tuple[int, Tensor]]

    @property
    def alignment(self) -> int:
        """What places of tensors are multiples of."""
        found = (pair.numbers()[0] for pair in self.pairs if pair.key == "general.alignment")
        return next(found, DEFAULT_ALIGNMENT)


def take_all_apart(parts: Sequence[Part]) -> Source:
    """A model's files, which are sound. Raises UserError when one cannot be read."""
    pairs: list[Pair] = []
    entries: list[Entry] = []
    tensors: dict[str, tuple[int, Tensor]] = {}
    for number, part in enumerate(parts):
        try:
            own, listed = take_apart(part.path)
        except OSError as error:
            raise UserError(
                f"The model file {part.path.name} cannot be read: {error.strerror or error}.",
                "Check that the file is there and that you may read it.",
            ) from error
        if number == 0:
            pairs = [pair for pair in own if not pair.key.startswith(_OF_SPLITTING)]
        entries += listed
        tensors |= {name: (number, tensor) for name, tensor in part.header.tensors.items()}
    return Source(tuple(parts), tuple(pairs), tuple(entries), tensors)


def write_copy(
    source: Source,
    target: Path,
    header: bytes,
    places: Mapping[str, int],
    ranges: Mapping[str, Ranges],
    done: Callable[[int], None],
) -> None:
    """Write a new file, for each tensor those ranges of the file that it is in.

    `done` is told bytes and may raise to give up. Raises OSError.
    """
    files = [part.path.open("rb") for part in source.parts]
    try:
        with target.open("xb") as out:
            out.write(header)
            for name, place in places.items():
                out.write(bytes(place - out.tell()))
                done(place)
                file = files[source.tensors[name][0]]
                for start, size in ranges[name]:
                    file.seek(start)
                    left = size
                    while left:
                        piece = file.read(min(left, _PIECE_BYTES))
                        if not piece:
                            raise OSError("the model file became shorter meanwhile")
                        out.write(piece)
                        left -= len(piece)
                        done(out.tell())
            out.flush()
            os.fsync(out.fileno())
    finally:
        for file in files:
            file.close()


def aligned(number: int, alignment: int) -> int:
    """The next multiple of `alignment`."""
    return -(-number // alignment) * alignment


def joined(ranges: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """(start, length) of ranges in order, those that touch made one."""
    start = length = 0
    for at, size in ranges:
        if length and at == start + length:
            length += size
            continue
        if length:
            yield start, length
        start, length = at, size
    if length:
        yield start, length


def _packed(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(raw)) + raw
