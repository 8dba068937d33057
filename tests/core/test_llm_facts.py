"""What a model file tells of itself: parts, cost of a token, and where that is kept."""

from __future__ import annotations

import ctypes
from pathlib import Path

import llama_cpp
import numpy as np
import pytest
from gguf_files import Raw, Value, write_gguf

from core.errors import UserError
from core.llm.facts import kept_path, model_facts, try_facts
from core.llm.fit import Q8_SHARE, kv_bytes
from core.llm.gguf import _BLOCKS, read_header

STARTER = "smollm2-135m-instruct.gguf"


def test_the_starter_model_says_what_it_is(models: Path, tmp_path: Path) -> None:
    file = tmp_path / STARTER
    file.symlink_to(models / "llm" / STARTER)
    facts = model_facts(file)
    assert (facts.architecture, facts.experts, facts.active_experts) == ("llama", 0, 0)
    # 30 layers of 3 heads, keys and values of 64 numbers.
    assert facts.kv_bytes_a_token_f16 == 30 * 3 * (64 + 64) * 2
    assert facts.file_bytes == 98_362_432
    assert facts.dense_bytes == facts.active_bytes == facts.weight_bytes == 96_576_768
    assert facts.expert_bytes == 0
    # 4.5 bits of Q4_1 where it is, and a table of words in 8.
    assert facts.bits_a_weight == pytest.approx(8 * 96_576_768 / 134_515_008, abs=0.001)
    assert facts.trained_context_tokens == 8192
    assert facts.has_template
    assert facts.vocabulary == 49_152


def mixture(path: Path, *, tied: bool = False, **more: Value) -> Path:
    """A file with the tensors of a mixture of 4 experts, 2 used; it is not a working model."""
    weights: dict[str, np.ndarray | Raw] = {
        "token_embd.weight": np.zeros((10, 8), np.float32),
        "blk.0.attn_q.weight": np.zeros((8, 8), np.float32),
        "blk.0.ffn_gate_inp.weight": np.zeros((4, 8), np.float32),
        "blk.0.ffn_up_exps.weight": Raw((32, 2, 4), 8, bytes(34 * 2 * 4)),
    }
    if not tied:
        weights["output.weight"] = np.zeros((10, 8), np.float32)
    values: dict[str, Value] = {
        "general.architecture": "toy",
        "toy.block_count": 6,
        "toy.embedding_length": 8,
        "toy.attention.head_count": 4,
        "toy.attention.head_count_kv": 2,
        "toy.expert_count": 4,
        "toy.expert_used_count": 2,
        "tokenizer.ggml.tokens": ["a", "b"],
        **{key.replace("_PLACE_", "."): value for key, value in more.items()},
    }
    return write_gguf(path, values, weights)


def test_experts_are_told_apart(tmp_path: Path) -> None:
    facts = model_facts(mixture(tmp_path / "toy.gguf"))
    assert facts.expert_bytes == 34 * 2 * 4
    assert facts.dense_bytes == 4 * (80 + 64 + 32 + 80)
    assert (facts.experts, facts.active_experts) == (4, 2)
    assert facts.lookup_bytes == 4 * 80, "one row of it is read, beside an output of its own"
    assert facts.active_bytes == 4 * (64 + 32 + 80) + 34 * 2 * 4 // 2
    assert facts.kv_bytes_a_token_f16 == 6 * 2 * (2 + 2) * 2
    assert (facts.has_template, facts.vocabulary) == (False, 2)
    tied = model_facts(mixture(tmp_path / "tied.gguf", tied=True))
    assert tied.lookup_bytes == 0, "the table is the output too, and read whole"


def test_keys_and_values_of_special_layers(tmp_path: Path) -> None:
    def of(**more: Value) -> int:
        return model_facts(mixture(tmp_path / f"{len(more)}{hash(str(more))}.gguf", **more)) \
            .kv_bytes_a_token_f16  # fmt: skip

    assert of(toy_PLACE_attention_PLACE_key_length=5) == 6 * 2 * (5 + 2) * 2
    assert of(toy_PLACE_full_attention_interval=3) == 2 * 2 * (2 + 2) * 2
    assert of(toy_PLACE_attention_PLACE_head_count_kv=[0, 0, 4, 0, 0, 1]) == 5 * (2 + 2) * 2
    assert of(toy_PLACE_attention_PLACE_head_count=0, toy_PLACE_block_count=0) == 0


def test_cells_of_8_bits_need_heads_of_whole_blocks(models: Path, tmp_path: Path) -> None:
    starter = tmp_path / STARTER
    starter.symlink_to(models / "llm" / STARTER)
    assert model_facts(starter).quantizable, "its heads have 64 numbers"
    odd = model_facts(mixture(tmp_path / "toy.gguf"))  # heads of 2
    assert not odd.quantizable
    assert kv_bytes(odd, 100, Q8_SHARE) == kv_bytes(odd, 100, 1.0) == 100 * odd.kv_bytes_a_token_f16


def test_facts_are_kept_until_the_file_is_another(tmp_path: Path) -> None:
    file = mixture(tmp_path / "toy.gguf")
    first = model_facts(file)
    kept = kept_path(file)
    assert kept.is_file()
    assert model_facts(file) == first
    mixture(file, tied=True)
    assert model_facts(file).lookup_bytes == 0
    kept.write_bytes(b"{")
    assert model_facts(file).lookup_bytes == 0
    file.write_bytes(file.read_bytes()[:-40])
    assert try_facts(file) is None
    with pytest.raises(UserError, match="cut short"):
        model_facts(file)
    with pytest.raises(UserError, match="cannot be read"):
        model_facts(tmp_path / "none.gguf")


def test_short_arrays_are_kept_and_long_ones_counted(tmp_path: Path) -> None:
    header = read_header(
        write_gguf(
            tmp_path / "arrays.gguf",
            {"general.architecture": "toy", "few": [1, 2], "many": list(range(5000))},
            {"weight": np.zeros(8, np.float32)},
        )
    )
    assert dict(header.lists) == {"few": (1, 2)}
    assert dict(header.lengths) == {"few": 2, "many": 5000}
    assert header.number("anything") == 0


def test_sizes_of_types_are_those_of_the_installed_build() -> None:
    folder = Path(llama_cpp.__file__).parent / "lib"
    found = [path for path in folder.iterdir() if "ggml-base" in path.name]
    library = ctypes.CDLL(str(min(found, key=lambda path: len(path.name))))
    library.ggml_blck_size.restype = ctypes.c_int64
    library.ggml_type_size.restype = ctypes.c_size_t
    for kind, (block, size) in _BLOCKS.items():
        assert (library.ggml_blck_size(kind), library.ggml_type_size(kind)) == (block, size), kind
