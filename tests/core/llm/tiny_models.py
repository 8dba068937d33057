"""Writes tiny models with random weights, which llama.cpp loads and runs: a few hundred kB each.

One of every kind of mixture of experts that matters here, a dense one, split ones, and files
that are wrong on purpose. The same seed gives the same bytes. Names and shapes of the tensors
are those that llama.cpp's loader of each architecture asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter, TokenType, quants

VOCABULARY_WORDS = ("▁the", "▁a", "▁of", "▁and", "▁boat", "▁harbour", "▁winter", "er", "ing", "ed")
CONTEXT_TOKENS = 512

Value = int | float | str | bool | Sequence[int]


@dataclass(frozen=True, slots=True)
class Tiny:
    """The shape of a tiny model. `weights` is the type of its matrices; `used_ff` is the length of
    an expert's inner row; `dense_layers` come first and have no experts.
    """

    architecture: str
    layers: int = 3
    experts: int = 8
    active: int = 2
    width: int = 64
    used_ff: int = 96
    dense_ff: int = 128
    heads: int = 2
    kv_heads: int = 1
    dense_layers: int = 0
    shared_ff: int = 0
    fused: bool = False  # gate and up are one tensor
    conv_layers: tuple[int, ...] = ()
    weights: Type = Type.Q8_0
    seed: int = 1


# `llama` with experts is what Mixtral is.
MIXTURES: Mapping[str, Tiny] = {
    "llama": Tiny("llama"),
    "qwen2moe": Tiny("qwen2moe", shared_ff=64),
    "qwen3moe": Tiny("qwen3moe", experts=12, active=3),
    "olmoe": Tiny("olmoe", kv_heads=2, weights=Type.Q4_0),
    "gpt-oss": Tiny("gpt-oss", weights=Type.MXFP4),
    "smallthinker": Tiny("smallthinker", active=3),
    "granitemoe": Tiny("granitemoe", weights=Type.F16, used_ff=64, shared_ff=32),
    "lfm2moe": Tiny("lfm2moe", layers=5, dense_layers=2, conv_layers=(0, 2, 3)),
    "hy_v3": Tiny("hy_v3", layers=4, dense_layers=1, shared_ff=32, fused=True),
}
DENSE = Tiny("llama", layers=4, experts=0, active=0)


def write_tiny(
    path: Path,
    tiny: Tiny | str,
    *,
    values: Mapping[str, Value] | None = None,
    extra: Mapping[str, tuple[int, ...]] | None = None,
    part_tensors: int = 0,
) -> Path:
    """Write a model and give the path of its file, the first of several when it is split.

    A name stands for that one of `MIXTURES`. `values` are metadata that replace the usual ones
    (keys without the architecture), `extra` more tensors by name with their shapes (row length
    first, as ggml has it). With `part_tensors` the model is split into files of so many tensors,
    whose names tell their place: `path` without its number.
    """
    tiny = MIXTURES[tiny] if isinstance(tiny, str) else tiny
    writer = GGUFWriter(path, tiny.architecture, split_max_tensors=part_tensors)
    writer.add_name(f"Tiny {tiny.architecture}")
    for key, value in {**_values(tiny), **(values or {})}.items():
        _add(writer, f"{tiny.architecture}.{key}", value)
    _add_vocabulary(writer)
    random = np.random.default_rng(tiny.seed)
    for name, shape in {**_tensors(tiny), **(extra or {})}.items():
        _add_weights(writer, name, shape, tiny.weights, random)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return writer.format_shard_names(path)[0] if part_tensors else path


def write_split(folder: Path, tiny: Tiny | str, *, part_tensors: int = 16) -> list[Path]:
    """Write a split model; its files in order."""
    first = write_tiny(folder / "split.gguf", tiny, part_tensors=part_tensors)
    return sorted(first.parent.glob("split-*.gguf"))


def write_unknown_experts(path: Path) -> Path:
    """A model with experts' weights under a name that nobody knows. llama.cpp refuses it."""
    tiny = MIXTURES["llama"]
    shape = (tiny.width, tiny.used_ff, tiny.experts)
    return write_tiny(path, tiny, extra={"blk.1.ffn_turn_exps.weight": shape})


def write_uneven_experts(path: Path) -> Path:
    """A model that says it has one expert fewer than its tensors hold. llama.cpp refuses it."""
    tiny = MIXTURES["llama"]
    return write_tiny(path, tiny, values={"expert_count": tiny.experts - 1})


def _values(tiny: Tiny) -> dict[str, Value]:
    values: dict[str, Value] = {
        "context_length": CONTEXT_TOKENS,
        "embedding_length": tiny.width,
        "block_count": tiny.layers,
        "feed_forward_length": tiny.dense_ff if tiny.dense_layers else tiny.used_ff,
        "attention.head_count": tiny.heads,
        "attention.head_count_kv": tiny.kv_heads,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.dimension_count": tiny.width // tiny.heads,
    }
    if tiny.experts:
        values |= {
            "expert_count": tiny.experts,
            "expert_used_count": tiny.active,
            "expert_feed_forward_length": tiny.used_ff,
        }
    if tiny.shared_ff:
        values["expert_shared_feed_forward_length"] = tiny.shared_ff
    if tiny.dense_layers:
        values["leading_dense_block_count"] = tiny.dense_layers
    return values | _OWN_VALUES.get(tiny.architecture, _none)(tiny)


def _none(_tiny: Tiny) -> dict[str, Value]:
    return {}


def _lfm2_values(tiny: Tiny) -> dict[str, Value]:
    kv_heads = [0 if at in tiny.conv_layers else tiny.kv_heads for at in range(tiny.layers)]
    return {
        "attention.head_count_kv": kv_heads,
        "shortconv.l_cache": 3,
        "expert_gating_func": 2,
    }


_OWN_VALUES = {
    "gpt-oss": lambda _tiny: {"attention.sliding_window": 128},
    "smallthinker": lambda _tiny: {"expert_gating_func": 1},
    "granitemoe": lambda _tiny: {"logit_scale": 1.0},
    "lfm2moe": _lfm2_values,
}


def _tensors(tiny: Tiny) -> dict[str, tuple[int, ...]]:
    """All tensors by name with their shapes, row length first."""
    width, vocabulary = tiny.width, len(_vocabulary())
    last_norm = "token_embd_norm" if tiny.architecture == "lfm2moe" else "output_norm"
    found: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (width, vocabulary),
        f"{last_norm}.weight": (width,),
        "output.weight": (width, vocabulary),
    }
    for layer in range(tiny.layers):
        parts = {"attn_norm.weight": (width,)} | _mixing(tiny, layer)
        ffn_norm = "post_attention_norm" if tiny.architecture == "gpt-oss" else "ffn_norm"
        parts[f"{ffn_norm}.weight"] = (width,)
        dense = layer < tiny.dense_layers or not tiny.experts
        parts |= _dense(tiny) if dense else _experts(tiny)
        found |= {f"blk.{layer}.{name}": shape for name, shape in parts.items()}
    return found


def _mixing(tiny: Tiny, layer: int) -> dict[str, tuple[int, ...]]:
    """What looks at other tokens: attention, or a short convolution."""
    width, head = tiny.width, tiny.width // tiny.heads
    kv = head * tiny.kv_heads
    if layer in tiny.conv_layers:
        return {
            "shortconv.conv.weight": (3, width),
            "shortconv.in_proj.weight": (width, 3 * width),
            "shortconv.out_proj.weight": (width, width),
        }
    parts: dict[str, tuple[int, ...]] = {
        "attn_q.weight": (width, width),
        "attn_k.weight": (width, kv),
        "attn_v.weight": (width, kv),
        "attn_output.weight": (width, width),
    }
    if tiny.architecture in ("qwen3moe", "lfm2moe", "hy_v3"):
        parts |= {"attn_q_norm.weight": (head,), "attn_k_norm.weight": (head,)}
    if tiny.architecture == "olmoe":
        parts |= {"attn_q_norm.weight": (width,), "attn_k_norm.weight": (kv,)}
    if tiny.architecture == "gpt-oss":
        parts |= {"attn_sinks.weight": (tiny.heads,), "attn_output.bias": (width,)}
        parts |= {"attn_q.bias": (width,), "attn_k.bias": (kv,), "attn_v.bias": (kv,)}
    return parts


def _dense(tiny: Tiny) -> dict[str, tuple[int, ...]]:
    length = tiny.dense_ff if tiny.dense_layers else tiny.used_ff
    return {
        "ffn_gate.weight": (tiny.width, length),
        "ffn_up.weight": (tiny.width, length),
        "ffn_down.weight": (length, tiny.width),
    }


def _experts(tiny: Tiny) -> dict[str, tuple[int, ...]]:
    width, length, experts = tiny.width, tiny.used_ff, tiny.experts
    parts: dict[str, tuple[int, ...]] = {"ffn_gate_inp.weight": (width, experts)}
    if tiny.fused:
        parts["ffn_gate_up_exps.weight"] = (width, 2 * length, experts)
    else:
        parts["ffn_gate_exps.weight"] = (width, length, experts)
        parts["ffn_up_exps.weight"] = (width, length, experts)
    parts["ffn_down_exps.weight"] = (length, width, experts)
    if tiny.architecture == "lfm2moe":
        parts["exp_probs_b.bias"] = (experts,)
    if tiny.architecture == "hy_v3":
        parts["exp_probs_b"] = (experts,)
    if tiny.architecture == "gpt-oss":
        parts |= {"ffn_gate_inp.bias": (experts,), "ffn_gate_exps.bias": (length, experts)}
        parts |= {"ffn_up_exps.bias": (length, experts), "ffn_down_exps.bias": (width, experts)}
    if tiny.architecture == "qwen2moe":
        parts["ffn_gate_inp_shexp.weight"] = (width,)
    if tiny.shared_ff:
        parts["ffn_gate_shexp.weight"] = (width, tiny.shared_ff)
        parts["ffn_up_shexp.weight"] = (width, tiny.shared_ff)
        parts["ffn_down_shexp.weight"] = (tiny.shared_ff, width)
    return parts


def _add_weights(
    writer: GGUFWriter, name: str, shape: tuple[int, ...], kind: Type, random: np.random.Generator
) -> None:
    drawn = random.standard_normal(shape[::-1], dtype=np.float32)
    if name.endswith("norm.weight"):
        weights = 1 + drawn / 8
    elif "gate_inp" in name:
        weights = drawn  # far apart, so that experts are chosen clearly
    else:
        weights = drawn / np.float32(np.sqrt(shape[0]))
    # Vectors, biases, routers and convolutions stay in 32 bits, as llama.cpp's converters do it.
    plain = len(shape) == 1 or ".bias" in name or "gate_inp" in name or "conv.weight" in name
    if plain:
        writer.add_tensor(name, np.ascontiguousarray(weights, np.float32))
    elif kind == Type.F16:
        writer.add_tensor(name, weights.astype(np.float16))
    else:
        stored = kind if "_exps" in name else Type.Q8_0
        writer.add_tensor(name, quants.quantize(weights, stored), raw_dtype=stored)


def _vocabulary() -> list[tuple[str, TokenType]]:
    """Tokens of a small SentencePiece tokenizer: marks, all bytes, letters, and a few words."""
    marks = [("<unk>", TokenType.UNKNOWN), ("<s>", TokenType.CONTROL), ("</s>", TokenType.CONTROL)]
    octets = [(f"<0x{octet:02X}>", TokenType.BYTE) for octet in range(256)]
    letters = [(letter, TokenType.NORMAL) for letter in "▁abcdefghijklmnopqrstuvwxyz.,?"]
    words = [(word, TokenType.NORMAL) for word in VOCABULARY_WORDS]
    return [*marks, *octets, *letters, *words]


def _add_vocabulary(writer: GGUFWriter) -> None:
    tokens = _vocabulary()
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _ in tokens])
    writer.add_token_scores([float(len(text)) for text, _ in tokens])
    writer.add_token_types([int(kind) for _, kind in tokens])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)


def _add(writer: GGUFWriter, key: str, value: Value) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, list(value))
