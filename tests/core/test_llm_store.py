"""The store of models: adding local files, listing and removing."""

import os
from pathlib import Path

import numpy as np
import pytest
from gguf_files import Value, write_gguf

from core.errors import UserError
from core.llm import store
from core.llm.facts import kept_path, model_facts


def toy(path: Path, **more: Value) -> Path:
    """A file that reads like a model with two words; no llama.cpp would load it."""
    values: dict[str, Value] = {
        "general.architecture": "llama",
        "tokenizer.ggml.tokens": ["a", "b"],
        **{key.replace("_PLACE_", "."): value for key, value in more.items()},
    }
    return write_gguf(path, values, {"weight": np.zeros(8, np.float32)})


def lora(path: Path, architecture: str = "llama", kind: str = "lora") -> Path:
    values = {"general.type": "adapter", "adapter.type": kind, "general.architecture": architecture}
    return write_gguf(path, values, {"weight.lora_a": np.zeros(8, np.float32)})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return toy(tmp_path / "My Model (Q4).gguf")


def test_adds_lists_and_removes(tmp_path: Path, model: Path) -> None:
    models = tmp_path / "models"
    assert store.installed(models) == []
    added = store.add(models, model)
    assert added.name == "my-model-q4"
    assert added.path.samefile(model)
    assert store.installed(models) == [added] == [store.add(models, model)]
    assert store.remove(models, "my-model-q4") == added
    assert store.installed(models) == []
    assert model.exists()


def test_copies_where_linking_is_not_possible(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("other disk")

    monkeypatch.setattr(os, "link", refuse)
    added = store.add(tmp_path / "models", model)
    assert not added.path.samefile(model)
    assert added.path.read_bytes() == model.read_bytes()
    assert [path.name for path in added.path.parent.iterdir()] == ["my-model-q4.gguf"]


def test_refuses_what_is_no_model_or_taken(tmp_path: Path, model: Path) -> None:
    models = tmp_path / "models"
    fake = tmp_path / "fake.gguf"
    fake.write_text("no model")
    with pytest.raises(UserError, match="does not begin"):
        store.add(models, fake)
    store.add(models, model)
    other = tmp_path / "other" / model.name
    other.parent.mkdir()
    other.write_bytes(model.read_bytes())
    with pytest.raises(UserError, match="already"):
        store.add(models, other)
    with pytest.raises(UserError, match="my-model-q4"):
        store.remove(models, "../my-model-q4")


def test_names_are_safe() -> None:
    assert store.safe_name("..\\Évil/../Name 7B") == "vil-..-name-7b"
    with pytest.raises(UserError):
        store.safe_name("東京")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"general_PLACE_type": "adapter"}, "is an adapter"),
        ({"general_PLACE_type": "mmproj"}, "sees pictures"),
        ({"llama_PLACE_attention_PLACE_causal": False}, "compares texts"),
        ({"llama_PLACE_pooling_type": 1}, "compares texts"),
        ({"tokenizer_PLACE_ggml_PLACE_tokens": []}, "no vocabulary"),
    ],
)
def test_what_cannot_answer_is_not_let_in(
    tmp_path: Path, more: dict[str, Value], words: str
) -> None:
    file = toy(tmp_path / "other.gguf", **more)
    with pytest.raises(UserError, match=words) as caught:
        store.add(tmp_path / "models", file)
    assert caught.value.advice
    assert store.installed(tmp_path / "models") == []


def test_a_check_may_refuse(tmp_path: Path, model: Path) -> None:
    def refuse(path: Path) -> None:
        assert path.samefile(model)
        raise UserError("No.", "")

    with pytest.raises(UserError, match="No"):
        store.add(tmp_path / "models", model, refuse)
    assert store.installed(tmp_path / "models") == []
    store.add(tmp_path / "models", model)
    store.add(tmp_path / "models", model, refuse)  # it is there already


def test_adapters_stand_beside_their_model(tmp_path: Path, model: Path) -> None:
    models = tmp_path / "models"
    file = lora(tmp_path / "Style One.gguf")
    with pytest.raises(UserError, match="no model called my-model-q4"):
        store.add_adapter(models, file, "my-model-q4")
    store.add(models, model)
    added = store.add_adapter(models, file, "my-model-q4")
    assert (added.name, added.path.samefile(file)) == ("style-one", True)
    assert store.add_adapter(models, file, "my-model-q4") == added
    [found] = store.installed(models)
    assert found.adapters == (added,)
    other = lora(tmp_path / "two.gguf")
    store.add_adapter(models, other, "my-model-q4")
    assert store.remove_adapter(models, "style-one", "my-model-q4") == added
    with pytest.raises(UserError, match="no adapter called style-one") as caught:
        store.remove_adapter(models, "style-one", "my-model-q4")
    assert "two" in caught.value.advice
    assert model_facts(found.path).vocabulary == 2
    store.remove(models, "my-model-q4")
    assert [path for path in models.rglob("*") if path.is_file()] == []
    assert not kept_path(found.path).exists()
    assert file.exists()


def test_adapters_of_another_kind_are_refused(tmp_path: Path, model: Path) -> None:
    models = tmp_path / "models"
    store.add(models, model)
    for file, words in (
        (lora(tmp_path / "a.gguf", "qwen3"), "for models of the kind qwen3"),
        (lora(tmp_path / "b.gguf", kind="control"), "kind that is not supported"),
        (toy(tmp_path / "c.gguf"), "is not an adapter"),
    ):
        with pytest.raises(UserError, match=words):
            store.add_adapter(models, file, "my-model-q4")
    [found] = store.installed(models)
    assert found.adapters == ()
