"""LoRA adapters on the real starter model, and what llama.cpp refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gguf_files import Value, write_gguf

from core.errors import UserError
from core.llm.catalogue import load_catalogue
from core.llm.chat_message import ChatMessage
from core.llm.native import check_loads
from core.llm.runtime import Runtime

WIDTH = 576  # of the starter model


@pytest.fixture(scope="module")
def starter(models: Path) -> Path:
    return models / "llm" / "smollm2-135m-instruct.gguf"


def lora(path: Path, strength: float, architecture: str = "llama", rows: int = WIDTH) -> Path:
    """An adapter of rank 4 for one matrix; with no strength it changes nothing."""
    random = np.random.default_rng(0)
    values: dict[str, Value] = {
        "general.type": "adapter",
        "general.architecture": architecture,
        "adapter.type": "lora",
        "adapter.lora.alpha": 4.0,
    }
    down = random.standard_normal((4, WIDTH), np.float32)
    up = (strength * random.standard_normal((rows, 4))).astype(np.float32)
    name = "blk.0.attn_q.weight"
    return write_gguf(path, values, {f"{name}.lora_a": down, f"{name}.lora_b": up})


def logits(model: Path, *adapters: Path) -> np.ndarray:
    runtime = Runtime(model, context_tokens=256, adapters=adapters)
    try:
        return np.array(runtime.logits_after([ChatMessage("user", "Where is the harbour?")]))
    finally:
        runtime.close()


def test_an_adapter_changes_what_is_computed(starter: Path, tmp_path: Path) -> None:
    plain = logits(starter)
    assert np.array_equal(plain, logits(starter, lora(tmp_path / "none.gguf", 0.0)))
    one = logits(starter, lora(tmp_path / "one.gguf", 0.3))
    assert np.abs(one - plain).max() > 0.1
    both = logits(starter, tmp_path / "one.gguf", lora(tmp_path / "two.gguf", -0.3))
    assert np.abs(both - plain).max() < np.abs(one - plain).max()


def test_what_does_not_fit_the_model_is_refused_with_its_reason(
    starter: Path, tmp_path: Path
) -> None:
    for file, words in (
        (lora(tmp_path / "other.gguf", 1.0, "qwen2"), "arch mismatch"),
        (lora(tmp_path / "narrow.gguf", 1.0, rows=100), "incorrect shape"),
        (starter, "adapter"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            logits(starter, file)
        assert file.name in caught.value.title


def test_the_installed_build_is_asked_without_reading_weights(
    starter: Path, tmp_path: Path
) -> None:
    check_loads(starter)
    weights = {"weight": np.zeros((2, 2), np.float32)}
    for values, words in (
        ({"general.architecture": "nonsense"}, "unknown model architecture: 'nonsense'"),
        ({"general.architecture": "llama"}, "key not found"),
    ):
        file = write_gguf(tmp_path / "model.gguf", values, weights)
        with pytest.raises(UserError, match=words):
            check_loads(file)


@pytest.mark.parametrize("architecture", sorted({entry.architecture for entry in load_catalogue()}))
def test_the_installed_build_knows_what_the_catalogue_has(
    tmp_path: Path, architecture: str
) -> None:
    weights = {"weight": np.zeros((2, 2), np.float32)}
    file = write_gguf(tmp_path / "m.gguf", {"general.architecture": architecture}, weights)
    with pytest.raises(UserError, match="key not found"):
        check_loads(file)
