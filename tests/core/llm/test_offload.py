"""Where weights lie when there is a graphics processor: the decision, and that llama.cpp takes it.

There is none where this was written, so experts beside one could not be tried.
"""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pytest
from llama_cpp import llama_cpp as lib
from tiny_models import DENSE, write_tiny

from core.errors import UserError
from core.llm import offload
from core.llm.devices import all_devices, description_of, gpu_devices, memory_of
from core.llm.experts.manager import Residency
from core.llm.facts import ModelFacts, facts_of
from core.llm.gguf import read_header
from core.llm.native import ContextShape, NativeContext, NativeModel, StopFlag
from core.llm.offload import (
    ALL_LAYERS,
    EXPERTS,
    MARGIN_BYTES,
    NO_LAYERS,
    Offload,
    buffer_overrides,
    decide,
)
from core.messages import Gpu

GB = 10**9


def facts(dense_gb: int, experts_gb: int) -> ModelFacts:
    return ModelFacts(
        "m", (dense_gb + experts_gb) * GB, dense_gb * GB, experts_gb * GB, 32, 4, 100_000,
        8192, "olmoe", 4.5, True, layers=16,
    )  # fmt: skip


def gpu(free_gb: float) -> Gpu:
    return Gpu("a card", 24 * GB, round(free_gb * GB), "own memory")


def test_llama_tells_its_devices() -> None:
    """Here the processor alone; its memory is that of the machine."""
    described = {description_of(device): memory_of(device) for device in all_devices()}
    assert described
    free, total = max(described.values(), key=lambda sizes: sizes[1])
    assert 0 < free <= total and total > 10**8
    if not lib.llama_supports_gpu_offload():
        assert gpu_devices() == ()


def test_nothing_is_said_without_a_graphics_processor() -> None:
    assert decide([], facts(1, 10), 2048, 1.0) is None


def test_experts_stay_where_only_they_do_not_fit() -> None:
    cells = 2048 * 100_000
    whole = decide([gpu(13)], facts(1, 10), 2048, 1.0)
    assert whole == Offload("all on the gpu", 11 * GB + cells)
    mixed = decide([gpu(8)], facts(1, 10), 2048, 1.0)
    assert mixed == Offload("experts with the processor", GB + cells)
    assert decide([gpu(1)], facts(1, 10), 2048, 1.0) == Offload("all with the processor")
    assert decide([gpu(8)], facts(11, 0), 2048, 1.0) == Offload("all with the processor")
    assert decide([gpu(6.5), gpu(6.5)], facts(1, 10), 2048, 1.0) == whole
    exactly = (GB + cells + MARGIN_BYTES) / GB
    assert decide([gpu(exactly)], facts(1, 10), 2048, 1.0) == mixed
    assert decide([gpu(exactly - 1e-6)], facts(1, 10), 2048, 1.0) != mixed


def test_every_choice_is_written_as_llama_reads_it() -> None:
    params = lib.llama_model_default_params()
    kept = Offload("experts with the processor").set(params)
    assert params.n_gpu_layers == ALL_LAYERS
    assert params.tensor_buft_overrides == ctypes.addressof(kept)
    assert kept[0].pattern == EXPERTS.encode() and kept[0].buffer_type
    assert kept[1].pattern is None and not kept[1].buffer_type
    for where, layers in (("all on the gpu", ALL_LAYERS), ("all with the processor", NO_LAYERS)):
        params = lib.llama_model_default_params()
        assert Offload(where).set(params) is None  # type: ignore[arg-type]
        assert params.n_gpu_layers == layers and not params.tensor_buft_overrides


def scores(path: Path, where: Offload | None) -> list[float]:
    model = NativeModel(path, StopFlag(), None, where)
    residency = Residency(path, None)
    context = NativeContext(model, ContextShape(128, 1, 64), residency)
    context.decode(model.tokenize("the boat", first=True, special=False))
    found = context.logits()
    context.close()
    residency.close()
    model.close()
    return found


@pytest.mark.parametrize("where", ["all on the gpu", "experts with the processor",
                                   "all with the processor"])  # fmt: skip
def test_a_model_computes_the_same_with_its_tensors_named(where: str, tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", "qwen3moe")
    if gpu_devices():
        pytest.skip("a graphics processor computes other last digits")
    assert scores(path, Offload(where)) == scores(path, None)  # type: ignore[arg-type]


def test_llama_does_read_the_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is no pattern makes it refuse the model, so the list arrives as it is meant."""
    path = write_tiny(tmp_path / "tiny.gguf", "qwen3moe")
    monkeypatch.setattr(offload, "EXPERTS", "(")
    with pytest.raises(UserError, match="cannot load"):
        scores(path, Offload("experts with the processor"))


def test_the_patterns_fit_experts_only(tmp_path: Path) -> None:
    pattern = re.compile(buffer_overrides([EXPERTS])[0].pattern.decode())
    for name in ("gpt-oss", "hy_v3", "granitemoe"):
        tensors = read_header(write_tiny(tmp_path / f"{name}.gguf", name)).tensors
        found = {tensor for tensor in tensors if pattern.search(tensor)}
        assert found == {tensor for tensor in tensors if "_exps" in tensor}
    dense = read_header(write_tiny(tmp_path / "dense.gguf", DENSE))
    assert not any(pattern.search(tensor) for tensor in dense.tensors)
    assert facts_of(dense, "dense", 1).expert_bytes == 0
