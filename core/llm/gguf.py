"""Reads the header of a GGUF file, so that a bad file is refused before native code sees it.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import dataclasses
import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from core.errors import UserError
from core.llm.kinds import HEAD_BYTES, what_it_is

MAX_TENSORS = 200_000
MAX_PAIRS = 20_000
MAX_DIMENSIONS = 4
MAX_NAME_BYTES = 65_535  # of a key, as the format has it
MAX_KEPT_TEXT_BYTES = 1_000_000  # a longer value, such as a whole tokenizer, is passed over
MAX_TEXT_BYTES = 8_000_000  # of all that is kept

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_STRING = 8
_ARRAY = 9
# Value type -> struct code, for the types of fixed size.
_SCALARS = MappingProxyType(
    {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?"}
    | {10: "<Q", 11: "<q", 12: "<d"}
)
# Tensor type -> (elements a block, bytes a block), from ggml's type traits.
_BLOCKS = MappingProxyType(
    {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34)}
    | {9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176)}
    | {14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98)}
    | {19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1)}
    | {25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2)}
    | {34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18), 42: (64, 18)}
)

# Longer arrays (the vocabulary's) are checked and skipped, and only their length is kept.
MAX_KEPT_ITEMS = 1024

Scalar = int | float | bool | str


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where one tensor lies and how large it is.

    `offset_bytes` counts from the start of the file, `shape` begins with the length of a row,
    and `size_bytes` is 0 for a type that is not known here.
    """

    elements: int
    size_bytes: int
    offset_bytes: int = 0
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What the header of a model file says.

    `values` holds the scalar metadata, `lists` the short arrays of numbers, and `lengths`
    how long each array is. `trained_context_tokens` is 0 where the file does not say.
    """

    version: int
    architecture: str
    name: str
    trained_context_tokens: int
    values: Mapping[str, Scalar]
    lists: Mapping[str, tuple[Scalar, ...]]
    lengths: Mapping[str, int]
    tensors: Mapping[str, Tensor]

    def own(self, key: str) -> Scalar | None:
        """The value that the architecture gives to `key`, None where it does not."""
        return self.values.get(f"{self.architecture}.{key}")

    def number(self, key: str) -> int:
        """As `own`, for a whole number; 0 where there is none."""
        value = self.own(key)
        return value if isinstance(value, int) else 0


@dataclass(frozen=True, slots=True)
class Part:
    """One of the files that a model consists of."""

    path: Path
    header: GgufHeader


PIECE_BYTES = 1_048_576  # read at once
READ_FIRST_BYTES = 32 * PIECE_BYTES  # in which every header ends that a model has

_CUT = "it ends in the middle of its header"
_IMPOSSIBLE = "its header declares an impossible number of entries"
_SPLIT_COUNT, _SPLIT_PLACE = "split.count", "split.no"


class _Bad(Exception):
    """The bytes are not a sound header; says why in a few words. Becomes a UserError."""


class _Cursor:
    """Walks over the header; every read is checked against the end of the file."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._text_left_bytes = MAX_TEXT_BYTES
        self.at = 0

    def skip(self, n_bytes: int) -> int:
        start = self.at
        if n_bytes > len(self._data) - start:
            raise _Bad(_CUT)
        self.at = start + n_bytes
        return start

    def u32(self) -> int:
        value: int = _U32.unpack_from(self._data, self.skip(4))[0]
        return value

    def u64(self) -> int:
        value: int = _U64.unpack_from(self._data, self.skip(8))[0]
        return value

    def name(self) -> str:
        """The name of a value or a tensor."""
        length = self.u64()
        if length > MAX_NAME_BYTES:
            raise _Bad("it holds a name of an impossible length")
        return self._text(length)

    def string(self) -> str | None:
        """A text; None for one that is too long to be kept."""
        length = self.u64()
        if length > MAX_KEPT_TEXT_BYTES:
            self.skip(length)
            return None
        return self._text(length)

    def _text(self, length: int) -> str:
        start = self.skip(length)
        self._text_left_bytes -= length
        if self._text_left_bytes < 0:
            raise _Bad("its header holds more text than any model has")
        return self._data[start : start + length].decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        # A vocabulary has hundreds of thousands: this loop is most of reading a header.
        data, at, length_at, end = self._data, self.at, _U64.unpack_from, len(self._data)
        try:
            for _ in range(count):
                at += 8 + length_at(data, at)[0]
        except (struct.error, OverflowError):
            at = end + 1
        if at > end:
            raise _Bad(_CUT)
        self.at = at

    def scalar(self, kind: int) -> Scalar | None:
        if kind == _STRING:
            return self.string()
        code = _SCALARS.get(kind)
        if code is None:
            raise _Bad(f"it holds a value of an unknown type ({kind})")
        value: Scalar = struct.unpack_from(code, self._data, self.skip(struct.calcsize(code)))[0]
        return value

    def array(self) -> tuple[int, tuple[Scalar, ...]]:
        """How many items an array has, and the items if they are few and numbers."""
        kind, count = self.u32(), self.u64()
        if kind == _STRING:
            self.skip_strings(count)
        elif kind in _SCALARS:
            start = self.skip(count * struct.calcsize(_SCALARS[kind]))
            if count <= MAX_KEPT_ITEMS:
                items = struct.unpack_from(f"<{count}{_SCALARS[kind][1:]}", self._data, start)
                return count, items
        else:
            raise _Bad(f"it holds an array of an unknown type ({kind})")
        return count, ()


def read_header(path: Path) -> GgufHeader:
    """The header of a GGUF file, after checking that the file can hold what it declares.

    Raises UserError when the file is missing, unreadable, not a GGUF of
    version 2 or 3, damaged, or shorter than its tensors need.
    """
    return _read(path, later_part=False)


def read_parts(path: Path) -> tuple[Part, ...]:
    """All files of a model, given its first: one, or those named `NAME-00002-of-00003.gguf`.

    Raises UserError as `read_header` for any of them, and when they do not belong together.
    """
    first = read_header(path)
    count = first.values.get(_SPLIT_COUNT, 1)
    if not isinstance(count, int) or count <= 1:
        return (Part(path, first),)
    ending = f"-{1:05d}-of-{count:05d}.gguf"
    if not path.name.endswith(ending):
        raise UserError(
            f"The model file {path.name} is the first of {count} parts, and not named so.",
            f"Give it a name that ends in {ending}, and the others beside it likewise.",
        )
    beginning = path.name.removesuffix(ending)
    parts = [Part(path, first)]
    for place in range(1, count):
        later = path.with_name(f"{beginning}-{place + 1:05d}-of-{count:05d}.gguf")
        header = _read(later, later_part=True)
        if (header.values.get(_SPLIT_PLACE), header.values.get(_SPLIT_COUNT)) != (place, count):
            raise UserError(
                f"The model file {later.name} does not say that it is part {place + 1} of {count}.",
                "Fetch or copy all parts again.",
            )
        parts.append(Part(later, header))
    return tuple(parts)


def _read(path: Path, *, later_part: bool) -> GgufHeader:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            kind = what_it_is(head)
            if kind is not None:
                raise _Bad(f"it is not a GGUF file but {kind}")
            if not head.startswith(b"GGUF"):
                raise _Bad("it does not begin like a GGUF file")
            # To touch a mapped page that the disk does not give would end the process.
            for _ in range(READ_FIRST_BYTES // PIECE_BYTES):
                if not file.read(PIECE_BYTES):
                    break
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parse(data, later_part=later_part)
    except _Bad as error:
        raise UserError(
            f"The model file {path.name} cannot be used: {error}.",
            "Fetch or copy it again, or choose another GGUF file.",
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is empty"
        raise UserError(
            f"The model file {path} cannot be read: {reason or 'unknown reason'}.",
            "Check that the file is there and that you may read it; "
            "`satchel models list` shows what is installed.",
        ) from None


def _parse(data: mmap.mmap, *, later_part: bool) -> GgufHeader:
    cursor = _Cursor(data)
    cursor.skip(4)
    version = cursor.u32()
    if version not in (2, 3):
        raise _Bad(f"it is of GGUF version {version}, only 2 and 3 are known")
    tensors, pairs = cursor.u64(), cursor.u64()
    if tensors > MAX_TENSORS or not 0 < pairs <= MAX_PAIRS:
        raise _Bad(_IMPOSSIBLE)
    values: dict[str, Scalar] = {}
    lists: dict[str, tuple[Scalar, ...]] = {}
    lengths: dict[str, int] = {}
    seen: set[str] = set()
    for _ in range(pairs):
        key, kind = cursor.name(), cursor.u32()
        if key in seen:
            raise _Bad("it names a value twice")
        seen.add(key)
        if kind == _ARRAY:
            lengths[key], items = cursor.array()
            if items:
                lists[key] = items
        elif (value := cursor.scalar(kind)) is not None:
            values[key] = value
    place, count = values.get(_SPLIT_PLACE, 0), values.get(_SPLIT_COUNT)
    if isinstance(place, int) and place > 0 and not later_part:
        raise _Bad(f"it is part {place + 1} of {count}, and only the first can be opened")
    # The first of several parts may hold no weights; the later ones say nothing of the model.
    if tensors == 0 and _SPLIT_COUNT not in values:
        raise _Bad(_IMPOSSIBLE)
    found = _tensors(cursor, tensors, values, len(data))
    architecture = values.get("general.architecture", "" if later_part else None)
    if not isinstance(architecture, str) or not (architecture or later_part):
        raise _Bad("it does not name its architecture")
    context = values.get(f"{architecture}.context_length", 0)
    return GgufHeader(
        version=version,
        architecture=architecture,
        name=str(values.get("general.name", "")),
        trained_context_tokens=context if isinstance(context, int) else 0,
        values=MappingProxyType(values),
        lists=MappingProxyType(lists),
        lengths=MappingProxyType(lengths),
        tensors=MappingProxyType(found),
    )


def _tensors(
    cursor: _Cursor, count: int, values: dict[str, Scalar], file_bytes: int
) -> dict[str, Tensor]:
    """The tensors by name, after checking that the file is long enough for them."""
    found: dict[str, Tensor] = {}
    for _ in range(count):
        name = cursor.name()
        if name in found:
            raise _Bad("it names a tensor twice")
        dimensions = cursor.u32()
        if dimensions > MAX_DIMENSIONS:
            raise _Bad("a tensor has too many dimensions")
        shape = tuple(cursor.u64() for _ in range(dimensions))
        elements = math.prod(shape)
        block, block_bytes = _BLOCKS.get(cursor.u32(), (1, 0))
        found[name] = Tensor(elements, elements // block * block_bytes, cursor.u64(), shape)
    alignment = values.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
        raise _Bad("its alignment is impossible")
    data_start = -(-cursor.at // alignment) * alignment
    ends = (tensor.offset_bytes + tensor.size_bytes for tensor in found.values())
    missing = data_start + max(ends, default=0) - file_bytes
    if missing > 0:
        raise _Bad(f"it is cut short, at least {missing} bytes are missing")
    return {
        name: dataclasses.replace(tensor, offset_bytes=data_start + tensor.offset_bytes)
        for name, tensor in found.items()
    }
