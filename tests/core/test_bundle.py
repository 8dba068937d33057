"""How children are started, in an environment and in a bundle."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

from app.bundled import clean, main
from core import bundle
from core.errors import UserError
from core.index import models as embedding_models
from core.index.models import embedding_folder, remove_embedding

ROOT = Path(__file__).parents[2]


def test_a_child_is_python_here_and_the_program_itself_in_a_bundle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert bundle.module_command("app.worker", "a") == [sys.executable, "-m", "app.worker", "a"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert bundle.module_command("app.worker", "a") == [
        sys.executable, "--run-module", "app.worker", "a",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="http"):
        bundle.module_command("http.server")


def test_no_child_is_started_past_the_one_place() -> None:
    """A child that names the interpreter itself would not start in a bundle."""
    allowed = {Path(bundle.__file__), ROOT / "app" / "autostart.py"}  # it looks beside the program
    for package in ("app", "core", "ui"):
        for path in (ROOT / package).rglob("*.py"):
            if path not in allowed:
                text = path.read_text(encoding="utf-8")
                assert not re.search(r"sys\.executable", text), path


def test_a_bundle_becomes_the_child_it_is_asked_for_and_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[tuple[str, list[str]]] = []

    def run_module(name: str, **_: object) -> None:
        ran.append((name, list(sys.argv)))

    monkeypatch.setattr(runpy, "run_module", run_module)
    monkeypatch.setattr("app.bundled.clean", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["satchel", bundle.RUN_MODULE, "app.worker", "--x"])
    assert main() == 0
    assert ran == [("app.worker", ["app.worker", "--x"])]
    monkeypatch.setattr(sys, "argv", ["satchel", bundle.RUN_MODULE, "http.server"])
    assert main() == 2
    assert len(ran) == 1
    assert "own use" in capsys.readouterr().err


def test_other_programs_find_their_own_libraries() -> None:
    environment = {
        "LD_LIBRARY_PATH": "/bundle:/theirs",
        "LD_LIBRARY_PATH_ORIG": "/theirs",
        "A": "b",
    }
    clean(environment)
    assert environment == {
        "LD_LIBRARY_PATH": "/theirs", "A": "b", "PYINSTALLER_RESET_ENVIRONMENT": "1",
    }  # fmt: skip
    environment = {"LD_LIBRARY_PATH": "/bundle"}
    clean(environment)
    assert "LD_LIBRARY_PATH" not in environment


def test_a_model_of_the_bundle_is_found_gives_way_to_the_store_and_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shipped, store = tmp_path / "shipped", tmp_path / "store"
    (shipped / "embedding" / "one").mkdir(parents=True)
    monkeypatch.setattr(embedding_models, "SHIPPED_MODELS", shipped)
    assert embedding_folder(store, "one") == shipped / "embedding" / "one"
    assert embedding_folder(store, "two") == store / "embedding" / "two"
    with pytest.raises(UserError, match="came with Satchel"):
        remove_embedding(store, "one")
    assert (shipped / "embedding" / "one").is_dir()
    (store / "embedding" / "one").mkdir(parents=True)
    assert embedding_folder(store, "one") == store / "embedding" / "one"
