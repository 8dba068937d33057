"""Writes a smaller copy of a mixture of experts, with only the experts that are used most.

Each layer keeps the same number, its own most used ones; the router's rows, the biases and the
scales of the others go with them. What the model lost by it has to be measured
(`core.llm.experts.quality`): a model never was trained to do without.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.download import Progress
from core.errors import UserError
from core.llm.experts import rewrite
from core.llm.experts.rewrite import Entry, Pair, joined, put_together, take_all_apart, write_copy
from core.llm.gguf import Tensor, read_parts

SPARE_BYTES = 200_000_000  # of the disk that are left free
_IN_A_LAYER = re.compile(r"blk\.(\d+)\.(.+)")
# In these tensors the last dimension counts the experts.
_OF_EXPERTS = re.compile(
    r"ffn_(gate|up|down|gate_up)_exps\.(weight|bias|scale|input_scale)"
    r"|ffn_gate_inp\.(weight|bias)|exp_probs_b(_vl)?(\.weight|\.bias)?"
)
# These too have to do with single experts, in ways that are not known here.
_UNKNOWN = re.compile(r".*(exps|tid2eid|expert).*|ffn_(gate|up|down)\.\d+\..*")
_KNOWN = re.compile(r"ffn_norm_exps\..*")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%", re.ASCII)
_FRACTION = re.compile(r"\d*\.\d+", re.ASCII)
_COUNT = re.compile(r"\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Source(rewrite.Source):
    """A model that is to be slimmed. `layers` are those with experts, in order."""

    experts: int
    active: int
    layers: tuple[int, ...]


def keep_count(text: str, experts: int) -> int:
    """How many of a layer's experts `75%`, `0.75` or a number means. Raises UserError."""
    text = text.strip()
    if match := _PERCENT.fullmatch(text):
        count = round(float(match[1]) / 100 * experts)
    elif _FRACTION.fullmatch(text):
        count = round(float(text) * experts)
    elif _COUNT.fullmatch(text):
        count = int(text)
    else:
        raise UserError(
            f"--keep cannot be {text!r}.",
            f"Give a share such as 75% or 0.75, or a number of experts from 1 to {experts - 1}.",
        )
    if not 1 <= count < experts:
        what = "would keep none of" if count < 1 else "would keep all of"
        raise UserError(
            f"--keep {text} {what} the {experts} experts of each layer.",
            f"Give a share such as 75%, or a number from 1 to {experts - 1}.",
        )
    return count


def look_at(path: Path) -> Source:
    """A model by its first or only file. Raises UserError when it cannot be slimmed."""
    parts = read_parts(path)
    header = parts[0].header
    experts = header.number("expert_count")
    apart = take_all_apart(parts)
    used = (pair.numbers() for pair in apart.pairs if pair.key.endswith(".expert_used_count"))
    found = {layer for name in apart.tensors if (layer := layer_of(name)) is not None}
    source = Source(
        apart.parts,
        apart.pairs,
        apart.entries,
        apart.tensors,
        experts,
        max(next(used, ()), default=0),
        tuple(sorted(found)),
    )
    if experts < 2 or not found:
        raise UserError(
            f"{path.stem} has no experts that could be left out.",
            "Only mixtures of experts can be slimmed; `satchel models list` tells which are.",
        )
    why = _why_not(source, header.number("expert_group_count"))
    if why is not None:
        raise UserError(f"{path.stem} cannot be slimmed: {why}.", "Choose another model.")
    return source


def layer_of(name: str) -> int | None:
    """The layer whose experts a tensor is of; None for one that stays whole."""
    match = _IN_A_LAYER.fullmatch(name)
    if match is None or not _OF_EXPERTS.fullmatch(match[2]):
        return None
    return int(match[1])


def most_used(counts: Sequence[float], keep: int) -> tuple[int, ...]:
    """The `keep` experts of a layer with the highest counts, in their order. Pure."""
    best = sorted(range(len(counts)), key=lambda expert: (-counts[expert], expert))[:keep]
    return tuple(sorted(best))


def slimmed_bytes(source: Source, keep: int) -> int:
    """How large the copy becomes, about (its header is that of the original)."""
    total = sum(part.path.stat().st_size for part in source.parts)
    cut = sum(
        tensor.size_bytes
        for name, (_, tensor) in source.tensors.items()
        if layer_of(name) is not None
    )
    return total - cut + cut * keep // source.experts


def check_space(source: Source, keep: int, folder: Path) -> None:
    """Raises UserError when the disk has not enough space for the copy."""
    needed, free = slimmed_bytes(source, keep), shutil.disk_usage(folder).free
    if needed + SPARE_BYTES > free:
        raise UserError(
            f"The smaller copy takes {needed / 1e9:.1f} GB, and the disk of {folder} has "
            f"{free / 1e9:.1f} GB free.",
            "Free some space, or keep fewer experts.",
        )


def write_slim(
    source: Source, kept: Mapping[int, Sequence[int]], name: str, target: Path, progress: Progress
) -> None:
    """Write the copy to `target`, with the experts `kept` of each layer (all the same number).

    `name` is what the model calls itself then. The original is only read, tensor by tensor.
    `progress` is told bytes done and in all, and may raise to give up; what was written so far
    is the caller's to remove. Raises UserError when reading or writing fails.
    """
    keep = len(kept[source.layers[0]])
    entries, sizes, ranges = [], {}, {}
    for entry in source.entries:
        shape, pieces = entry.shape, _pieces(source, entry.name, kept)
        if layer_of(entry.name) is not None:
            shape = (*shape[:-1], keep)
        entries.append(Entry(entry.name, shape, entry.kind))
        ranges[entry.name] = pieces
        sizes[entry.name] = sum(size for _, size in pieces)
    pairs = [_changed(pair, keep, name) for pair in source.pairs]
    header, places = put_together(pairs, entries, sizes, source.alignment)
    end = max(places[entry.name] + sizes[entry.name] for entry in entries)
    try:
        write_copy(source, target, header, places, ranges, lambda done: progress(done, end))
    except OSError as error:
        raise UserError(
            f"The smaller copy could not be written: {error.strerror or error}.",
            f"Check the space and your rights in {target.parent}.",
        ) from error


def _pieces(source: Source, name: str, kept: Mapping[int, Sequence[int]]) -> list[tuple[int, int]]:
    """The ranges of the original file that the copy's tensor consists of."""
    tensor, layer = source.tensors[name][1], layer_of(name)
    if layer is None:
        return [(tensor.offset_bytes, tensor.size_bytes)]
    each = tensor.size_bytes // source.experts
    return list(joined(_slices(tensor, each, kept[layer])))


def _slices(tensor: Tensor, each: int, experts: Sequence[int]) -> Iterator[tuple[int, int]]:
    for expert in experts:
        yield tensor.offset_bytes + expert * each, each


def _changed(pair: Pair, keep: int, name: str) -> Pair:
    if pair.key.endswith(".expert_count"):
        return pair.with_numbers([keep])
    if pair.key.endswith(".expert_used_count"):
        return pair.with_numbers([min(keep, number) for number in pair.numbers()])
    if pair.key == "general.name":
        return pair.with_text(name)
    return pair


def _why_not(source: Source, groups: int) -> str | None:
    """Why experts of a model cannot be left out, in plain words; None when they can."""
    if groups > 1:
        return "its experts are chosen in groups, which would no longer be whole"
    for name, (_, tensor) in source.tensors.items():
        match = _IN_A_LAYER.fullmatch(name)
        if tensor.size_bytes == 0 and tensor.elements:
            return f"its weights are of a kind that is not known here ({name})"
        if layer_of(name) is not None:
            if tensor.shape[-1] != source.experts or tensor.size_bytes % source.experts:
                return f"a part of its experts cannot be divided between them ({name})"
        elif match and _UNKNOWN.fullmatch(match[2]) and not _KNOWN.fullmatch(match[2]):
            return f"its experts have a part that is not known here ({name})"
    return None
