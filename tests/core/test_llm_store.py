"""The store of models: adding local files, listing and removing."""

import os
import struct
from pathlib import Path

import pytest

from core.errors import UserError
from core.llm import store


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A GGUF of one pair and one tensor of 8 floats."""

    def text(value: bytes) -> bytes:
        return struct.pack("<Q", len(value)) + value

    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
    head += text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama")
    head += text(b"weight") + struct.pack("<IQIQ", 1, 8, 0, 0)
    path = tmp_path / "My Model (Q4).gguf"
    path.write_bytes(head + bytes(-len(head) % 32) + bytes(32))
    return path


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
