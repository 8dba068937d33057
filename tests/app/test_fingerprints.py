"""`doctor` notices when a model computes something else than it did."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import models_folder

from app.fingerprints import look_at_catalogue, look_at_models
from app.models_report import models_report
from app.service import Service
from core.home import find_home
from core.llm import catalogue

STARTER = "smollm2-135m-instruct"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the starter model, alone in a store."""
    folder = tmp_path / "models" / "llm"
    folder.mkdir(parents=True)
    return Path(shutil.copy2(models_folder() / "llm" / f"{STARTER}.gguf", folder))


@pytest.fixture
def service(tmp_path: Path, model: Path) -> Iterator[Service]:
    environment = {"SATCHEL_MODELS": str(model.parents[1])}
    found = Service(find_home(str(tmp_path / "home"), environment), environment)
    yield found
    found.close()


def damage(file: Path, size: int = 4096) -> None:
    """Other bytes in the middle of the weights; size and date stay."""
    before = file.stat()
    with file.open("r+b") as writer:
        writer.seek(before.st_size // 2)
        writer.write(random.Random(3).randbytes(size))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_damage_under_the_same_size_and_date_is_found(service: Service, model: Path) -> None:
    assert look_at_models(service, repair=False) == []
    assert look_at_models(service, repair=False) == [], "it computes the same again"
    damage(model)
    for repair in (False, True):
        [(text, mended)] = look_at_models(service, repair)
        assert f"{STARTER} computes something else than on 20" in text
        assert f"the file is damaged. Run `satchel models fetch {STARTER}`" in text
        assert mended is False
    row = next(
        one for one in models_report(service.home, service.settings, 0) if one["name"] == STARTER
    )
    assert row["measured"] is True
    assert isinstance(row["tokens_per_s"], float)
    assert isinstance(row["prefill_tokens_per_s"], float)


@pytest.mark.slow
def test_a_file_that_nobody_vouches_for_is_taken_as_it_is_with_repair(
    service: Service, model: Path
) -> None:
    model.rename(model.with_name("own.gguf"))
    assert look_at_models(service, repair=False) == []
    damage(model.with_name("own.gguf"))
    [(text, mended)] = look_at_models(service, repair=True)
    assert "put the file in again" in text
    assert mended is True
    assert look_at_models(service, repair=False) == []


def test_a_model_that_cannot_be_loaded_is_a_finding(service: Service, model: Path) -> None:
    with model.open("r+b") as writer:
        writer.truncate(model.stat().st_size - 100_000)
    [(text, mended)] = look_at_models(service, repair=True)
    assert "cut short" in text
    assert mended is False


def test_the_catalogue_is_looked_at_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    assert look_at_catalogue(notes) == []
    assert notes == []
    newer = tmp_path / "models.toml"
    text = catalogue.CATALOGUE_PATH.read_text("utf-8")
    newer.write_text(text.replace("[[model]]", "[[model]]\ncolour = 'red'", 1), "utf-8")
    read = catalogue.read_catalogue
    monkeypatch.setattr("app.fingerprints.read_catalogue", lambda: read(newer))
    assert look_at_catalogue(notes) == []
    assert f"{STARTER}: colour" in notes[0]
    newer.write_text("[[")
    [(problem, mended)] = look_at_catalogue(notes)
    assert "cannot be used" in problem
    assert mended is False
