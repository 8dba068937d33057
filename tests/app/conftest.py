"""A small home with a few files indexed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import satchel_json

TEXTS = {
    "boats.txt": "The ferry to the island leaves the harbour at noon.",
    "bread.txt": "The dough of the rye bread has to rest overnight.",
    "bicycle.txt": "The spokes of the rear wheel are 288 millimetres long.",
}


@pytest.fixture(scope="session")
def small_sample(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:  # noqa: ARG001
    root = tmp_path_factory.mktemp("small")
    (root / "files").mkdir()
    for name, text in TEXTS.items():
        (root / "files" / name).write_text(text)
    satchel_json(root / "home", "folders", "add", str(root / "files"))
    assert satchel_json(root / "home", "index")["chunks"] == len(TEXTS)
    return root / "home"


@pytest.fixture
def home(small_sample: Path, tmp_path: Path) -> Path:
    """A copy of the small home; the three files are shared."""
    shutil.copytree(small_sample, tmp_path / "home", ignore=shutil.ignore_patterns("socket"))
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def owners_only() -> Iterator[None]:
    """Files that a service in this process makes are the owner's, as those of its own process."""
    before = os.umask(0o077)
    yield
    os.umask(before)
