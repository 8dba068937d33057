"""Makes models larger than memory out of the starter model: `python benchmarks/expert_model.py`.

No download: every model computes what the starter computes, but has pages of its own.

- `plain`, `skewed`: each layer's feed-forward block is there 32 times as experts, four of which a
  router chooses. The router is fitted to what goes into the block on our own texts: directions of
  k-means, without the layer's mean. The `skewed` one likes some experts better (by its mean part).
- `dense`: the feed-forward blocks are twelve times as wide; what was added goes nowhere.

They lie in ~/.cache/satchel/benchmarks/experts (1.6, 1.6 and 0.65 GB) and are made once. Each is
compared with the starter before it is kept.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from common import ROOT

sys.path.insert(0, str(ROOT))

from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, ReaderTensor
from hidden_states import Floats, Recorder, texts

from core.errors import UserError
from core.home import find_home
from core.llm.store import find_installed

Kind = Literal["plain", "skewed", "dense"]
STARTER = "smollm2-135m-instruct"
FOLDER = Path.home() / ".cache" / "satchel" / "benchmarks" / "experts"
EXPERTS, ACTIVE = 32, 4
WIDER = 12
FIT_TOKENS = 8_000
ROUNDS = 12  # of k-means: later ones change next to nothing
SHARPNESS = 2.0  # standard deviation of a router's scores
SKEW = 2.0  # of the scores between the first and the last expert, in standard deviations
CHECK_TOKENS = 200
MOST_OFF, LEAST_SAME = 0.05, 0.9


def starter_path() -> Path:
    """The starter model, or an exit that says how to get it."""
    models = find_home(None, os.environ).models
    try:
        return find_installed(models, STARTER).path
    except UserError as error:
        sys.exit(f"benchmark: the starter model is needed: {error}")


def model_path(kind: Kind, folder: Path = FOLDER) -> Path:
    """Where a model is kept; it is made when it is not there."""
    path = folder / f"{kind}.gguf"
    if not path.exists():
        make(kind, path)
    return path


def make(kind: Kind, path: Path) -> None:
    """Make a model and compare it with the starter."""
    starter = starter_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    if kind == "dense":
        write_wider(starter, new, WIDER)
    else:
        routers = fit_routers(record(starter), SKEW if kind == "skewed" else 0.0)
        one = path.with_suffix(".one")
        write_experts(starter, one, routers, 1, ACTIVE)
        exactly_like(starter, one)
        one.unlink()
        write_experts(starter, new, routers, ACTIVE, EXPERTS)
    if kind == "dense":
        exactly_like(starter, new)
    else:
        nearly_like(starter, new)
    new.rename(path)


# --- routers ----------------------------------------------------------------------------------


@cache
def record(starter: Path) -> Floats:
    """Inputs of the feed-forward blocks on the texts to fit on: layer, token, width."""
    parts: list[Floats] = []
    with Recorder(starter) as recorder:
        for text in texts(held_out=False):
            parts.append(recorder.inputs(recorder.tokens(text)))
            if sum(part.shape[1] for part in parts) >= FIT_TOKENS:
                break
    return np.concatenate(parts, axis=1)


def fit_routers(inputs: Floats, skew: float) -> Floats:
    """A router for each layer: layer, expert, width."""
    return np.stack([fit_router(layer, EXPERTS, skew, at) for at, layer in enumerate(inputs)])


def fit_router(inputs: Floats, experts: int, skew: float, seed: int) -> Floats:
    """Directions whose products with an input score the experts. Pure.

    `inputs` are token, width. A score's spread over tokens is SHARPNESS. With `skew` the
    experts are, in an order of chance, liked from more to less.
    """
    chance = np.random.default_rng(seed)
    mean = inputs.mean(axis=0)
    along = mean / np.linalg.norm(mean)
    # Nothing along the mean: it would be the same for every token.
    centred = inputs - np.outer(inputs @ along, along)
    centred -= centred.mean(axis=0)
    centres = directions(centred, experts, chance)
    centres -= np.outer(centres @ along, along)
    spread = (inputs @ centres.T).std()
    # A part along the mean likes an expert for every token.
    order = chance.permutation(experts) / max(1, experts - 1)
    liking = skew * SHARPNESS * order / np.linalg.norm(mean)
    level = (inputs @ centres.T).mean(axis=0) * SHARPNESS / spread / np.linalg.norm(mean)
    router = centres * (SHARPNESS / spread) + np.outer(liking - level, along)
    return np.asarray(router, np.float32)


def directions(points: Floats, count: int, chance: np.random.Generator) -> Floats:
    """k-means on the sphere. Pure but for `chance`; every centre has points."""
    unit = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
    centres = unit[chance.choice(len(unit), count, replace=False)]
    for _ in range(ROUNDS):
        nearest = (unit @ centres.T).argmax(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, unit)
        empty = np.bincount(nearest, minlength=count) == 0
        sums[empty] = unit[chance.choice(len(unit), int(empty.sum()), replace=False)]
        centres = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    return np.asarray(centres, np.float32)


# --- files ------------------------------------------------------------------------------------

Put = Callable[[str, npt.NDArray[np.generic], GGMLQuantizationType], None]


def write_experts(starter: Path, path: Path, routers: Floats, active: int, experts: int) -> None:
    """The starter with its feed-forward blocks as experts behind routers."""

    def put(tensor: ReaderTensor, keep: Put) -> None:
        parts = tensor.name.split(".")
        if len(parts) == 4 and parts[2] in ("ffn_gate", "ffn_up", "ffn_down"):
            copies = np.broadcast_to(tensor.data, (experts, *tensor.data.shape))
            keep(f"blk.{parts[1]}.{parts[2]}_exps.weight", copies, tensor.tensor_type)
            if parts[2] == "ffn_gate":
                name = f"blk.{parts[1]}.ffn_gate_inp.weight"
                router = np.ascontiguousarray(routers[int(parts[1])][:experts])
                keep(name, router, GGMLQuantizationType.F32)
        else:
            keep(tensor.name, tensor.data, tensor.tensor_type)

    pairs = {"expert_count": experts, "expert_used_count": active}
    rewrite(starter, path, pairs, put)


def write_wider(starter: Path, path: Path, times: int) -> None:
    """The starter with wider feed-forward blocks; the added part has zeros on its way out."""

    def put(tensor: ReaderTensor, keep: Put) -> None:
        data = tensor.data
        if ".ffn_gate." in tensor.name or ".ffn_up." in tensor.name:
            data = np.tile(data, (times, 1))
        elif ".ffn_down." in tensor.name:
            data = np.concatenate([data, np.zeros_like(np.tile(data, (1, times - 1)))], axis=1)
        keep(tensor.name, data, tensor.tensor_type)

    inner = int(GGUFReader(starter).fields["llama.feed_forward_length"].contents())
    rewrite(starter, path, {"feed_forward_length": inner * times}, put)


def rewrite(
    starter: Path,
    path: Path,
    pairs: dict[str, int],
    put: Callable[[ReaderTensor, Put], None],
) -> None:
    """A copy of a model file with some of its own pairs and its tensors changed."""
    reader = GGUFReader(starter)
    writer = GGUFWriter(path, str(reader.fields["general.architecture"].contents()))
    own = {f"{writer.arch}.{key}": value for key, value in pairs.items()}
    for name, field in reader.fields.items():
        if name in own or name.startswith("GGUF.") or name == "general.architecture":
            continue
        inner = field.types[1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], inner)
    for name, value in own.items():
        writer.add_uint32(name, value)
    for tensor in reader.tensors:
        put(tensor, lambda name, data, kind: writer.add_tensor(name, data, raw_dtype=kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# --- checks -----------------------------------------------------------------------------------


def scores(path: Path) -> tuple[Floats, list[int]]:
    """Of a held-out text: the scores after every token, and how the model goes on."""
    with Recorder(path) as recorder:
        prompt = recorder.tokens(texts(held_out=True)[0])[:CHECK_TOKENS]
        return recorder.logits(prompt), recorder.greedy(prompt, 32)


def exactly_like(starter: Path, path: Path) -> None:
    """Exit unless a model has the starter's scores to the last bit."""
    (wanted, went_on), (found, goes_on) = scores(starter), scores(path)
    if not np.array_equal(wanted, found) or went_on != goes_on:
        worst = float(np.abs(wanted - found).max())
        sys.exit(f"benchmark: {path.name} does not compute what the starter does: {worst:g} off")
    print(f"{path.name}: the starter's scores exactly", file=sys.stderr)


def nearly_like(starter: Path, path: Path) -> None:
    """Exit unless a model chooses the starter's tokens, as near as rounding allows.

    Weighted sums of equal parts round differently, and each layer cuts its input to 8 bits.
    """
    (wanted, went_on), (found, goes_on) = scores(starter), scores(path)
    off = float(np.abs(wanted - found).mean() / wanted.std())
    best = float((wanted.argmax(axis=1) == found.argmax(axis=1)).mean())
    same = sum(one == other for one, other in zip(went_on, goes_on, strict=True))
    print(
        f"{path.name}: scores {off:.2%} of their spread off, the best token the same after "
        f"{best:.1%} of {len(wanted)}, {same} of {len(went_on)} tokens of an answer the same",
        file=sys.stderr,
    )
    if off > MOST_OFF or best < LEAST_SAME:
        sys.exit(f"benchmark: {path.name} does not compute what the starter does")


def main() -> int:
    """Make what is missing and say where it lies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", action="store_true", help="make them even if they are there")
    parser.add_argument("kinds", nargs="*", choices=[[], *get_args(Kind)], default=[])
    options = parser.parse_args()
    for kind in options.kinds or get_args(Kind):
        if options.again:
            (FOLDER / f"{kind}.gguf").unlink(missing_ok=True)
        path = model_path(kind)
        print(f"{path}  {path.stat().st_size / 1e9:.2f} GB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
