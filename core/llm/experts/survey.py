"""What one look at a model's computation shows: where its weights are, and whom to watch. Pure."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from core.llm.experts.layout import Layout
from core.llm.experts.routing import Node

_CHOICE = re.compile(rb"ffn_moe_topk-(\d+)")
_LEADS_OUT = re.compile(rb"blk\.(\d+)\.ffn_down_exps\.weight")
_OF_LAYER = re.compile(rb"blk\.(\d+)\.")


def is_at(layout: Layout, nodes: Sequence[Node], bases: Sequence[int]) -> bool:
    """Whether llama.cpp reads the units from files whose first bytes are at `bases`."""
    addresses = _addresses(nodes)
    if layout.experts:
        return all(
            bases[part.file] + part.offset in addresses.get(unit.layer, ())
            for unit in layout.units
            if unit.expert == 0
            for part in unit.slices
        )
    return bool(addresses) and all(
        any(
            0 <= address - bases[part.file] - part.offset < part.size_bytes
            for part in layout.units[unit].slices
        )
        for layer, found in addresses.items()
        if (unit := layout.unit_of(layer, -1)) >= 0
        for address in found
    )


def base_of(layout: Layout, nodes: Sequence[Node]) -> int | None:
    """The address that the first byte of a model's only file has; None where it cannot be told."""
    if len(layout.files) != 1 or not layout.units:
        return None
    first = layout.units[0]
    for address in sorted(_addresses(nodes).get(first.layer, ())):
        base = address - first.slices[0].offset
        if is_at(layout, nodes, [base]):
            return base
    return None


def triggers(layout: Layout, nodes: Sequence[Node]) -> dict[bytes, int] | None:
    """The nodes after which a layer's units are wanted: name -> layer; None when some have none.

    For experts those that hold the choice. Without, for each layer but the first the last node
    of a name of its own before the layer's weights are read.
    """
    found = _choices(nodes) if layout.experts else _beginnings(nodes)
    layers = {unit.layer for unit in layout.units}
    if not layout.experts:
        layers.discard(min(layers, default=0))
    return found if set(found.values()) >= layers else None


def late_slices(
    layout: Layout, nodes: Sequence[Node], bases: Sequence[int]
) -> dict[bytes, tuple[int, int]]:
    """The nodes after which a layer's experts are needed in full: name -> layer, and which of
    their slices is not needed before. That is what leads out of an expert, where it is found.
    """
    counts = Counter(node.name for node in nodes)
    found: dict[bytes, tuple[int, int]] = {}
    layers = set()
    for before, node in itertools.pairwise(nodes):
        for name, address in node.weights:
            match = _LEADS_OUT.fullmatch(name)
            unit = layout.unit_of(int(match[1]), 0) if match else -1
            if unit < 0 or layout.units[unit].layer in layers:
                continue
            layers.add(layout.units[unit].layer)
            for place, part in enumerate(layout.units[unit].slices):
                if bases[part.file] + part.offset == address and counts[before.name] == 1:
                    found[before.name] = layout.units[unit].layer, place
    return found


def _addresses(nodes: Sequence[Node]) -> Mapping[int, set[int]]:
    """Of each layer where its weights are."""
    found: dict[int, set[int]] = {}
    for node in nodes:
        for name, address in node.weights:
            match = _OF_LAYER.match(name)
            if match:
                found.setdefault(int(match[1]), set()).add(address)
    return found


def _choices(nodes: Sequence[Node]) -> dict[bytes, int]:
    return {node.name: int(match[1]) for node in nodes if (match := _CHOICE.fullmatch(node.name))}


def _beginnings(nodes: Sequence[Node]) -> dict[bytes, int]:
    counts: dict[bytes, int] = {}
    for node in nodes:
        counts[node.name] = counts.get(node.name, 0) + 1
    found: dict[bytes, int] = {}
    before, newest = b"", -1
    for node in nodes:
        for name, _ in node.weights:
            match = _OF_LAYER.match(name)
            layer = int(match[1]) if match else -1
            if layer > newest:
                if newest >= 0 and before and before not in found:
                    found[before] = layer
                newest = layer
        if counts[node.name] == 1:
            before = node.name
    return found
