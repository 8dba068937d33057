"""The catalogue of embedding models, and fetching one."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from file_server import serving
from helpers import renamed_entry

from core.download import PackageSource
from core.errors import UserError
from core.index.embedder import REFERENCE, Embedder, find_model
from core.index.fetch_model import fetch_embedding
from core.index.fidelity import MORE_TEXTS
from core.index.models import (
    STARTER,
    ModelFile,
    embedding_folder,
    entry_named,
    installed_embeddings,
    load_embedding_catalogue,
    remove_embedding,
)
from core.index.rotations import shipped_rotation
from core.web import Address

MULTILINGUAL = "multilingual-e5-small"


class Enough(Exception):
    """Raised to cancel a fetch."""


def test_the_catalogue_is_sound() -> None:
    catalogue = load_embedding_catalogue()
    assert entry_named(catalogue, "unheard-of") is None
    assert len({entry.name for entry in catalogue}) == len(catalogue)
    for entry in catalogue:
        assert embedding_folder(Path("x"), entry.name).name == entry.name
        assert entry.licence in ("Apache-2.0", "MIT")
        assert entry.dimensions >= 256, "32 bytes of code need so many"
        assert (entry.form == "prepared") == (not entry.files)
        for file in entry.files:
            assert len(file.sha256) == 64
            if isinstance(file.source, PackageSource):
                assert len(file.source.wheel_sha256) == 64
            else:
                assert file.source.url.startswith("https://")
                assert "/main/" not in file.source.url, "an address that can change"
        if entry.rotation is not None:
            rotation = shipped_rotation(entry.rotation, 32)
            assert rotation is not None
            assert rotation.axes.shape == (entry.dimensions, 256)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "A", "x" * 200])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(UserError, match="no name of a model"):
        embedding_folder(Path("models"), name)


def test_a_model_is_fetched_and_made_ready(two_models: Path, models: Path) -> None:
    """The real path: a server, the checks, the child that cuts weights, the check of the result."""
    folder = two_models / "embedding" / "renamed-minilm"
    assert sorted(path.name for path in folder.parent.iterdir()) == [STARTER, "renamed-minilm"]
    model = installed_embeddings(two_models)["renamed-minilm"]
    assert model.description.chunk_tokens == 256 - 2  # "note" and ":"
    assert model.description.fidelity.mean_cosine > 0.998
    assert model.description.fidelity.least_batch_cosine > 0.9995
    original = Embedder(models / "embedding" / STARTER, 2)
    texts = ["The rent is due on Monday.", "Cats hunt at night. " * 30, *MORE_TEXTS[:3]]
    found = Embedder(folder, 2).embed(texts)
    wanted = original.embed([f"note: {text}" for text in texts])
    assert ((found * wanted).sum(axis=1) > 0.99).all()
    query = Embedder(folder, 2).embed_query("rent")
    assert query @ original.embed(["rent"])[0] > 0.99
    # Its words are in 8 bits now, unlike those of the starter.
    starter = (models / "embedding" / STARTER / "model.onnx").stat().st_size
    assert (folder / "model.bin").stat().st_size < starter / 2


def test_a_cancelled_fetch_goes_on(tmp_path: Path, models: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise Enough

    with serving(models / "embedding" / STARTER) as server:
        entry = renamed_entry(server)
        with pytest.raises(Enough):
            fetch_embedding(entry, tmp_path, progress=stop)
        assert installed_embeddings(tmp_path) == {}
        [part] = (tmp_path / "embedding").iterdir()
        assert part.name == f".part-{entry.files[0].sha256}"
        have = part.stat().st_size
        assert have > entry.download_bytes / 2 - 600_000
        server.asked.clear()

        def stop_later(done: int, total: int) -> None:
            if done == total:
                raise Enough  # while the fast form is made

        with pytest.raises(Enough):
            fetch_embedding(entry, tmp_path, progress=stop_later)
        assert server.asked[0] == f"bytes={have}-"
    left = [path.name for path in (tmp_path / "embedding").iterdir()]
    assert all(name.startswith(".part-") for name in left)


def test_altered_and_useless_files_are_refused(tmp_path: Path, models: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    shutil.copy(models / "embedding" / STARTER / "tokenizer.json", served)
    (served / "model.onnx").write_bytes(b"no network " * 1000)
    store = tmp_path / "store"
    with serving(served) as server:
        entry = renamed_entry(server)
        with pytest.raises(UserError, match="no network"):
            fetch_embedding(entry, store)
        (served / "model.onnx").write_bytes(b"other bytes" * 1000)
        with pytest.raises(UserError, match="refused"):
            fetch_embedding(entry, store)
        with pytest.raises(UserError, match="could not be made ready"):
            fetch_embedding(renamed_entry(server), store, convert=["false"])
        huge = dataclasses.replace(entry, disk_bytes=1 << 60)
        with pytest.raises(UserError, match="free space"):
            fetch_embedding(huge, store)
    assert list((store / "embedding").iterdir()) == []


def test_the_starter_is_for_set_up(tmp_path: Path) -> None:
    entry = entry_named(load_embedding_catalogue(), STARTER)
    assert entry is not None
    with pytest.raises(UserError, match="set-up"):
        fetch_embedding(entry, tmp_path)


def test_what_is_installed_and_removed(two_models: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(two_models, store, copy_function=os.link)
    (store / "embedding" / "broken").mkdir()
    assert list(installed_embeddings(store)) == [STARTER, "renamed-minilm"]
    remove_embedding(store, "renamed-minilm")
    assert list(installed_embeddings(store)) == [STARTER]
    assert (two_models / "embedding" / "renamed-minilm" / "model.bin").is_file()
    with pytest.raises(UserError, match="could not be removed"):
        remove_embedding(store, "renamed-minilm")


@pytest.fixture(scope="module")
def multilingual(models: Path) -> Embedder:
    folder = models / "embedding" / MULTILINGUAL
    if not folder.is_dir():
        pytest.skip(f"{MULTILINGUAL} is not fetched: satchel models fetch {MULTILINGUAL}")
    return Embedder(folder, 2)


def test_the_multilingual_model_understands_across_languages(multilingual: Embedder) -> None:
    passages = multilingual.embed(MORE_TEXTS)
    for question, wanted in (
        ("Where is the key to the shed?", 0),
        ("Wann schneidet der Gärtner die Bäume?", 2),
        ("À quelle heure ouvre la bibliothèque japonaise ?", 4),
        ("The roof leaks, when does the landlord send somebody?", 5),
        ("когда надо заплатить за электричество", 9),
    ):
        scores = passages @ multilingual.embed_query(question)
        assert int(scores.argmax()) == wanted, (question, scores.round(3).tolist())


def test_the_multilingual_model_is_faithful(multilingual: Embedder, models: Path) -> None:
    folder = models / "embedding" / MULTILINGUAL
    description = find_model(folder).description
    assert description.fidelity.mean_cosine > 0.998
    with np.load(folder / REFERENCE, allow_pickle=False) as data:
        texts, wanted = data["texts"].tolist(), data["embeddings"]
    together = multilingual.embed(texts)
    alone = np.concatenate([multilingual.embed([text]) for text in texts])
    assert (together * wanted).sum(axis=1).min() > 0.99
    assert (together * alone).sum(axis=1).min() >= 0.9995


@pytest.mark.slow
def test_the_multilingual_model_comes_from_its_packages(tmp_path: Path) -> None:
    """The real packages, from the package index that pip is set to use."""
    entry = entry_named(load_embedding_catalogue(), MULTILINGUAL)
    assert entry is not None
    assert all(not isinstance(file.source, Address) for file in entry.files)
    try:
        model = fetch_embedding(entry, tmp_path)
    except UserError as error:
        if "could not be downloaded" in error.title:
            pytest.skip("the package index cannot be reached")
        raise
    assert model.description.dimensions == 384
    assert model.description.fidelity.mean_cosine > 0.998


def test_files_are_listed_with_their_sources() -> None:
    entry = entry_named(load_embedding_catalogue(), f"{MULTILINGUAL}-full")
    assert entry is not None
    assert [type(file) for file in entry.files] == [ModelFile, ModelFile]
    assert entry.download_bytes == sum(file.size_bytes for file in entry.files)
