"""Where the parts of a model that are loaded and dropped as one lie in its files.

Such a part is a unit: the matrices of one expert in one layer or, in a model without experts,
all of a layer. What is in no unit (attention, norms, routers, shared experts, and of experts the
vectors: biases and scales, less than a hundredth of them) is dense, and stays.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.llm.gguf import GgufHeader, Part, Tensor, read_parts

PAGE_BYTES = 4096

# llama.cpp keeps a layer's experts in tensors of three dimensions, the expert last; which of
# them one layer has depends on the architecture.
_MATRICES = ("ffn_gate_exps", "ffn_up_exps", "ffn_down_exps", "ffn_gate_up_exps")
_NOT_EXPERTS = ("ffn_norm_exps",)
_IN_A_LAYER = re.compile(r"blk\.(\d+)\.([a-z0-9_]+)(\..+)?")
_OF_EXPERTS = re.compile(r"_(ch)?exps$")


@dataclass(frozen=True, slots=True)
class Slice:
    """A range of bytes in one of the model's files."""

    file: int
    offset: int
    size_bytes: int

    @property
    def first_page(self) -> int:
        return self.offset // PAGE_BYTES

    @property
    def pages(self) -> int:
        """How many pages it touches, those at its borders included."""
        return -(-(self.offset + self.size_bytes) // PAGE_BYTES) - self.first_page


@dataclass(frozen=True, slots=True)
class Unit:
    """What is loaded and dropped as one. `expert` is -1 for a layer of a model without experts."""

    layer: int
    expert: int
    slices: tuple[Slice, ...]

    @property
    def page_bytes(self) -> int:
        """The memory it takes: whole pages, for each slice its own."""
        return PAGE_BYTES * sum(piece.pages for piece in self.slices)


@dataclass(frozen=True, slots=True)
class Layout:
    """The units of a model, ordered by layer and expert, and what is in none of them.

    `experts` is how many a layer has, 0 in a model without, and `active` how many of them a
    token uses. `expert_bytes` are those of all units. `fault` says in plain words why the units
    cannot be managed, and is empty where they can.
    """

    files: tuple[Path, ...]
    units: tuple[Unit, ...]
    layers: int
    experts: int
    active: int
    dense_bytes: int
    expert_bytes: int
    fault: str = ""
    _places: Mapping[tuple[int, int], int] = field(default_factory=dict, repr=False, compare=False)

    def unit_of(self, layer: int, expert: int) -> int:
        """The unit's index; -1 where there is none. `expert` is -1 in a model without."""
        return self._places.get((layer, expert), -1)

    def fingerprint(self) -> str:
        """Tells models apart whose units differ in number, size or place."""
        seen = hashlib.sha256(f"{self.layers} {self.experts}".encode())
        for unit in self.units:
            seen.update(f"{unit.layer} {unit.expert}".encode())
            for piece in unit.slices:
                seen.update(f" {piece.file} {piece.offset} {piece.size_bytes}".encode())
        return seen.hexdigest()[:32]


def read_layout(path: Path) -> Layout:
    """The layout of a model, given its first or only file. Raises UserError as `read_parts`."""
    return layout_of(read_parts(path))


def why_not(layout: Layout) -> str | None:
    """Why the model's parts cannot be kept in bounds, in plain words; None when they can."""
    return layout.fault or None


class _Odd(Exception):
    """The tensors are not as they are known here; says how."""


def layout_of(parts: Sequence[Part]) -> Layout:
    """The layout that the headers of a model's files give. Pure."""
    tensors = {
        name: (file, tensor)
        for file, part in enumerate(parts)
        for name, tensor in part.header.tensors.items()
    }
    header = parts[0].header
    layers = header.number("block_count")
    experts, units, fault = 0, tuple[Unit, ...](), ""
    try:
        by_layer = _expert_matrices(tensors)
        experts = _experts(by_layer, header.number("expert_count"))
        units = _expert_units(by_layer) if by_layer else _layer_units(tensors)
        if not units:
            raise _Odd("it has no layers of a known kind")
    except _Odd as odd:
        fault = str(odd)
    managed = sum(piece.size_bytes for unit in units for piece in unit.slices)
    return Layout(
        files=tuple(part.path for part in parts),
        units=units,
        layers=max(layers, 1 + max((unit.layer for unit in units), default=-1)),
        experts=experts,
        active=min(experts, _active(header)),
        dense_bytes=sum(tensor.size_bytes for _, tensor in tensors.values()) - managed,
        expert_bytes=managed,
        fault=fault,
        _places={(unit.layer, unit.expert): at for at, unit in enumerate(units)},
    )


_Placed = tuple[int, Tensor]


def _expert_matrices(tensors: Mapping[str, _Placed]) -> dict[int, list[_Placed]]:
    """The matrices of each layer's experts."""
    found: dict[int, list[_Placed]] = {}
    for name, (file, tensor) in tensors.items():
        match = _IN_A_LAYER.fullmatch(name)
        if match is None or not _OF_EXPERTS.search(match[2]) or match[2] in _NOT_EXPERTS:
            continue
        if match[2] not in _MATRICES:
            raise _Odd(f"its experts have a part that is not known here ({name})")
        if len(tensor.shape) < 3:
            continue  # a bias or a scale: dense
        if len(tensor.shape) > 3 or tensor.size_bytes == 0:
            raise _Odd(f"its experts are of a kind that is not known here ({name})")
        if tensor.size_bytes % tensor.shape[2]:
            raise _Odd(f"a part of its experts cannot be divided between them ({name})")
        found.setdefault(int(match[1]), []).append((file, tensor))
    return found


def _experts(by_layer: Mapping[int, Sequence[_Placed]], said: int) -> int:
    """How many experts a layer has; 0 where there are none. `said` is what the header tells."""
    counts = {tensor.shape[2] for matrices in by_layer.values() for _, tensor in matrices}
    if len(counts) > 1:
        raise _Odd("its layers do not all have the same number of experts")
    count = counts.pop() if counts else 0
    if count and said and count != said:
        raise _Odd(f"its header tells of {said} experts, and its weights are for {count}")
    return count


def _expert_units(by_layer: Mapping[int, Sequence[_Placed]]) -> tuple[Unit, ...]:
    units = []
    for layer, matrices in sorted(by_layer.items()):
        for expert in range(matrices[0][1].shape[2]):
            slices = []
            for file, tensor in matrices:
                size = tensor.size_bytes // tensor.shape[2]
                slices.append(Slice(file, tensor.offset_bytes + expert * size, size))
            units.append(Unit(layer, expert, _in_order(slices)))
    return tuple(units)


def _layer_units(tensors: Mapping[str, _Placed]) -> tuple[Unit, ...]:
    """The layers of a model without experts; tensors that lie side by side make one slice."""
    by_layer: dict[int, list[Slice]] = {}
    for name, (file, tensor) in tensors.items():
        match = _IN_A_LAYER.fullmatch(name)
        if match is None:
            continue
        if tensor.size_bytes == 0:
            raise _Odd(f"its weights are of a kind that is not known here ({name})")
        piece = Slice(file, tensor.offset_bytes, tensor.size_bytes)
        by_layer.setdefault(int(match[1]), []).append(piece)
    return tuple(Unit(layer, -1, _joined(slices)) for layer, slices in sorted(by_layer.items()))


def _joined(slices: Iterable[Slice]) -> tuple[Slice, ...]:
    joined: list[Slice] = []
    for piece in _in_order(slices):
        last = joined[-1] if joined else None
        if last is None or last.file != piece.file or piece.first_page > _last_page(last) + 1:
            joined.append(piece)
        else:
            size = max(last.size_bytes, piece.offset + piece.size_bytes - last.offset)
            joined[-1] = Slice(last.file, last.offset, size)
    return tuple(joined)


def _last_page(piece: Slice) -> int:
    return piece.first_page + piece.pages - 1


def _in_order(slices: Iterable[Slice]) -> tuple[Slice, ...]:
    return tuple(sorted(slices, key=lambda piece: (piece.file, piece.offset)))


def _active(header: GgufHeader) -> int:
    """How many experts a token uses; the most of any layer where they differ."""
    by_layer = header.lists.get(f"{header.architecture}.expert_used_count", ())
    return max(
        (n for n in by_layer if isinstance(n, int)), default=header.number("expert_used_count")
    )
