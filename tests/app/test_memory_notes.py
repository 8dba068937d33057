"""What the memory of a model cannot do is said where models are listed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_models import write_tiny

from app.children import python_child
from app.model import ModelWorker
from app.models_lines import models_lines
from app.models_report import models_report
from core.home import Home
from core.llm.kv.native_cells import ODD_KEYS, RUNNING_STATE
from core.settings import Settings


@pytest.mark.parametrize(("name", "note"), [("lfm2moe", RUNNING_STATE), ("qwen3moe", ODD_KEYS)])
def test_a_model_that_ran_says_what_its_memory_cannot_do(
    tmp_path: Path, name: str, note: str
) -> None:
    home = Home(tmp_path, tmp_path, tmp_path, tmp_path / "models")
    (home.models / "llm").mkdir(parents=True)
    path = write_tiny(home.models / "llm" / "tiny.gguf", name)
    worker = ModelWorker(python_child("app.worker"), 256, 4, 1, 60.0)
    worker.use(path)
    worker.answer("the boat", ["a winter"], (), lambda _: None, lambda: False)
    worker.close()
    rows = models_report(home, Settings(home.settings), 0, worker.memory_notes)
    [row] = [one for one in rows if one["name"] == "tiny"]
    assert row["memory_note"] == note
    assert f"    {note}" in models_lines(rows)
    [unknown] = [
        one for one in models_report(home, Settings(home.settings), 0) if one["name"] == "tiny"
    ]
    assert unknown["memory_note"] is None
