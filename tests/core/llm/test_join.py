"""A model that comes in several files becomes one in the store."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from tiny_models import write_split, write_tiny

from core.errors import UserError
from core.llm import store
from core.llm.gguf import read_header
from core.llm.join import whole_name
from core.llm.runtime import Runtime


def scores(path: Path) -> object:
    runtime = Runtime(path, context_tokens=128, threads=1)
    found = runtime.fingerprint("the boat of the harbour", 3, 3).steps
    runtime.close()
    return found


def test_parts_become_one_model_that_computes_the_same(tmp_path: Path) -> None:
    whole = write_tiny(tmp_path / "whole.gguf", "qwen3moe")
    parts = write_split(tmp_path, "qwen3moe")
    models = tmp_path / "models"
    added = store.add(models, parts[0])
    assert added.name == whole_name(parts[0].stem)
    assert store.installed(models) == [added]
    assert not any(key.startswith("split.") for key in read_header(added.path).values)
    mine, theirs = ({t.name: t.data for t in GGUFReader(f).tensors} for f in (added.path, whole))
    assert mine.keys() == theirs.keys()
    assert all(np.array_equal(mine[name], theirs[name]) for name in theirs)
    assert scores(added.path) == scores(whole)
    with pytest.raises(UserError, match="already"):
        store.add(models, parts[0])


def test_parts_that_are_not_all_there_leave_nothing(tmp_path: Path) -> None:
    parts = write_split(tmp_path, "qwen3moe")
    models = tmp_path / "models"
    with pytest.raises(UserError, match="part 2 of 3, and only the first"):
        store.add(models, parts[1])
    parts[2].unlink()
    with pytest.raises(UserError, match="00003-of-00003"):
        store.add(models, parts[0])
    assert store.installed(models) == []


def test_a_full_disk_is_told_before_parts_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = write_split(tmp_path, "qwen3moe")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage._replace(free=1000))
    with pytest.raises(UserError, match="not free"):
        store.add(tmp_path / "models", parts[0])
    assert list((tmp_path / "models" / "llm").iterdir()) == []
