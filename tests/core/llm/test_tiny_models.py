"""The tiny models really run in llama.cpp, and tell which experts they use where it is expected."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from llama_cpp import llama_cpp as lib
from numpy.typing import NDArray
from tiny_models import (
    DENSE,
    MIXTURES,
    write_split,
    write_tiny,
    write_uneven_experts,
    write_unknown_experts,
)

from core.errors import UserError
from core.llm.native import NativeModel, StopFlag, check_loads
from core.llm.runtime import Runtime

TEXT = "the boat of the harbour"
TOPK, LOGITS = "ffn_moe_topk-", "ffn_moe_logits-"


class GgmlTensor(ctypes.Structure):
    """ggml_tensor as ggml.h of the installed build has it."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * 4),
        ("nb", ctypes.c_size_t * 4),
        ("op", ctypes.c_int),
        ("op_params", ctypes.c_int32 * 16),
        ("flags", ctypes.c_int32),
        ("src", ctypes.c_void_p * 10),
        ("view_src", ctypes.c_void_p),
        ("view_offs", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * 64),
    ]


def rows_of(tensor: GgmlTensor, kind: type[np.generic]) -> NDArray[np.generic]:
    """A copy of a matrix of 4-byte numbers whose rows are `nb[1]` apart."""
    columns, rows = tensor.ne[0], tensor.ne[1]
    return np.array(
        [
            np.frombuffer(ctypes.string_at(tensor.data + row * tensor.nb[1], columns * 4), kind)
            for row in range(rows)
        ]
    )


class Traced:
    """What one decode showed of its routing: by layer, the chosen experts' tensor and scores."""

    def __init__(self) -> None:
        self.shapes: dict[int, tuple[int, int, int]] = {}  # columns, rows, bytes between rows
        self.chosen: dict[int, NDArray[np.generic]] = {}
        self.scores: dict[int, NDArray[np.generic]] = {}
        self.views: dict[int, bool] = {}
        self.asked: list[str] = []

    def look(self, address: int, ask: bool) -> bool:
        tensor = GgmlTensor.from_address(address)
        name = tensor.name.decode()
        if not name.startswith((TOPK, LOGITS)):
            return False
        layer = int(name.rpartition("-")[2])
        if ask:
            self.asked.append(name)
        elif name.startswith(TOPK):
            self.shapes[layer] = (tensor.ne[0], tensor.ne[1], tensor.nb[1])
            self.views[layer] = bool(tensor.view_src)
            self.chosen[layer] = rows_of(tensor, np.int32)
        else:
            self.scores[layer] = rows_of(tensor, np.float32)
        return True


@contextmanager
def decoded(path: Path) -> Iterator[tuple[Traced, int]]:
    """What a decode of a few tokens shows, and how many they were."""
    model = NativeModel(path, StopFlag())
    traced = Traced()
    callback = lib.ggml_backend_sched_eval_callback(
        lambda tensor, ask, _data: traced.look(tensor, ask)
    )
    params = lib.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = 128, 64, 64
    params.n_threads = params.n_threads_batch = 1
    params.cb_eval = callback
    context = lib.llama_init_from_model(model.handle, params)
    tokens = model.tokenize(TEXT, first=True, special=False)
    array = (lib.llama_token * len(tokens))(*tokens)
    assert lib.llama_decode(context, lib.llama_batch_get_one(array, len(tokens))) == 0
    yield traced, len(tokens)
    lib.llama_free(context)
    model.close()


def test_tensor_fields_lie_where_they_are_documented() -> None:
    offsets = {name: getattr(GgmlTensor, name).offset for name in ("ne", "nb", "data", "name")}
    assert offsets == {"ne": 16, "nb": 48, "data": 248, "name": 256}


@pytest.mark.parametrize("name", MIXTURES)
def test_mixtures_run_and_show_their_routing(name: str, tmp_path: Path) -> None:
    tiny = MIXTURES[name]
    path = write_tiny(tmp_path / "tiny.gguf", name)
    assert path.stat().st_size < 1_000_000
    with decoded(path) as (traced, tokens):
        layers = list(range(tiny.dense_layers, tiny.layers))
        assert sorted(traced.chosen) == layers
        # The last layer is computed for the one token whose scores are wanted.
        for layer in layers:
            columns, rows, stride = traced.shapes[layer]
            assert columns == tiny.active
            assert rows in (tokens, 1) if layer == layers[-1] else rows == tokens
            # A view of all experts in order: rows lie further apart than they are long.
            assert traced.views[layer] and stride == 4 * tiny.experts
            for row in traced.chosen[layer]:
                assert len(set(row)) == tiny.active
                assert all(0 <= expert < tiny.experts for expert in row)


@pytest.mark.parametrize("name", ["llama", "qwen3moe", "olmoe", "granitemoe"])
def test_chosen_experts_are_those_with_the_best_scores(name: str, tmp_path: Path) -> None:
    with decoded(write_tiny(tmp_path / "tiny.gguf", name)) as (traced, _):
        for layer, scores in traced.scores.items():
            best = np.argsort(-scores, axis=1)[:, : MIXTURES[name].active]
            np.testing.assert_array_equal(best, traced.chosen[layer])
        used = {int(expert) for rows in traced.chosen.values() for expert in rows.flat}
        assert len(used) > MIXTURES[name].active  # not always the same ones


def test_dense_model_runs_without_routing(tmp_path: Path) -> None:
    with decoded(write_tiny(tmp_path / "dense.gguf", DENSE)) as (traced, _):
        assert not traced.chosen and not traced.asked


def test_split_model_computes_what_the_whole_one_does(tmp_path: Path) -> None:
    whole = write_tiny(tmp_path / "whole.gguf", "qwen3moe")
    parts = write_split(tmp_path, "qwen3moe")
    assert len(parts) == 3
    scores = []
    for path in (whole, parts[0]):
        runtime = Runtime(path, context_tokens=128, threads=1)
        scores.append(runtime.fingerprint(TEXT, 3, 3).steps)
        runtime.close()
    assert scores[0] == scores[1]


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = (write_tiny(tmp_path / name, "lfm2moe") for name in ("a.gguf", "b.gguf"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("write", [write_unknown_experts, write_uneven_experts])
def test_llama_refuses_the_odd_ones(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = write(tmp_path / "odd.gguf")
    with pytest.raises(UserError, match="cannot load"):
        check_loads(path)
