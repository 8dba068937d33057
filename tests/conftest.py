"""Fixtures that several tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import serving
from helpers import (
    SAMPLE,
    Indexed,
    Lab,
    models_folder,
    renamed_entry,
    satchel,
    small_rotation,
)
from hypothesis import HealthCheck, settings

from core.index.codes import Rotation
from core.index.fetch_model import fetch_embedding

# A machine that does much else is no reason for a property not to hold. The same examples each
# time, so that a change that breaks nothing passes; `--hypothesis-profile explore` tries others.
settings.register_profile(
    "shared", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "explore", settings.get_profile("shared"), derandomize=False, max_examples=1000
)
settings.load_profile("shared")


@pytest.fixture(scope="session")
def rotation() -> Rotation:
    return small_rotation()


@pytest.fixture
def lab(tmp_path: Path, rotation: Rotation) -> Iterator[Lab]:
    found = Lab(tmp_path, rotation)
    yield found
    found.close()


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of the prepared models."""
    folder = models_folder()
    if not (folder / "embedding" / "all-minilm-l6-v2" / "model.json").is_file():
        pytest.fail(f"the embedding model is not in {folder}: run make setup", pytrace=False)
    return folder


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Indexed:  # noqa: ARG001
    """A home with the sample folder indexed. Tests look at it and change nothing."""
    root = tmp_path_factory.mktemp("sample")
    files = root / "files"
    shutil.copytree(SAMPLE, files)
    for arguments in (("folders", "add", str(files)), ("index",)):
        done = satchel(root / "home", *arguments)
        assert done.returncode == 0, done.stderr
    return Indexed(root / "home", files)


@pytest.fixture
def own_sample(sample: Indexed, tmp_path: Path) -> Indexed:
    """A copy of the sample home for a test that changes it; the files are still shared."""
    shutil.copytree(sample.home, tmp_path / "home", ignore=shutil.ignore_patterns("socket"))
    return Indexed(tmp_path / "home", sample.files)


@pytest.fixture(scope="session")
def two_models(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:
    """A store with the starter and a second embedding model, fetched from a server here.

    The second, "renamed-minilm", is the starter's own network under another name: no other
    weights are on a machine that runs the tests. It has no rotation that ships.
    """
    starter = models / "embedding" / "all-minilm-l6-v2"
    store = tmp_path_factory.mktemp("models")
    for part in ("llm", f"embedding/{starter.name}"):
        shutil.copytree(models / part, store / part, copy_function=os.link)
    with serving(starter) as server:
        fetch_embedding(renamed_entry(server), store)
    return store
