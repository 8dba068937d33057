"""The embedding model as it was prepared, on this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.errors import UserError
from core.index.embedder import (
    MODEL,
    REFERENCE,
    TOGETHER,
    TOKENIZER,
    Embedder,
    find_model,
    padded,
)

TEXTS = (
    "",
    "rent",
    "The rent of the workshop is due on the first working day of the month.",
    "東京都の図書館は午前九時に開館します。",
    "naïve café — Straße № 5 ½ 🚲",
    "bicycle " * 40,
    "A long passage about ferries, lighthouses and the people who keep them. " * 60,
    "x" * 5000,
    "word\n\n\tword \0 word",
)


@pytest.fixture(scope="module")
def folder(models: Path) -> Path:
    return models / "embedding" / "all-minilm-l6-v2"


@pytest.fixture(scope="module")
def embedder(folder: Path) -> Embedder:
    return Embedder(folder, 2)


def test_vectors_have_unit_length(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_a_vector_does_not_depend_on_its_batch(embedder: Embedder) -> None:
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    for order in (TEXTS, TEXTS[::-1], (*TEXTS[4:], *TEXTS, *TEXTS[:4])):
        together = embedder.embed(order)
        for text, vector in zip(order, together, strict=True):
            cosine = float(vector @ alone[TEXTS.index(text)])
            assert cosine >= 0.9995, (text[:40], cosine)


def test_it_agrees_with_the_original(embedder: Embedder, folder: Path) -> None:
    with np.load(folder / REFERENCE, allow_pickle=False) as data:
        names = {name: data[name] for name in data.files}
    texts = next(value for value in names.values() if value.dtype.kind in "US").tolist()
    wanted = next(value for value in names.values() if value.dtype.kind == "f").astype(np.float32)
    found = embedder.embed(texts)
    cosines = (found * wanted).sum(axis=1) / np.linalg.norm(wanted, axis=1)
    assert cosines.mean() >= 0.99
    assert cosines.min() >= 0.97


def test_like_texts_are_near(embedder: Embedder) -> None:
    query, near, far = embedder.embed(
        ["How much is the rent?", "The rent is 540 pounds a month.", "Cats hunt at night."]
    )
    assert query @ near > query @ far + 0.3


def test_nothing_to_embed(embedder: Embedder) -> None:
    assert len(embedder.embed([])) == 0


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not in"):
        find_model(tmp_path)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[]", b'{"name": 3}'])
def test_a_damaged_description(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "model.json").write_bytes(data)
    with pytest.raises(UserError, match="cannot be read"):
        find_model(tmp_path)


def test_a_model_that_lacks_a_part(tmp_path: Path, folder: Path) -> None:
    shutil.copy(folder / "model.json", tmp_path)
    for part in (MODEL, TOKENIZER):
        with pytest.raises(UserError, match="lacks"):
            find_model(tmp_path)
        (tmp_path / part).write_bytes(b"x")
    assert find_model(tmp_path).description.dimensions == 384
    assert json.loads((folder / "model.json").read_text())["licence"]


def test_a_damaged_model_is_an_error_to_mend(tmp_path: Path, folder: Path) -> None:
    shutil.copy(folder / TOKENIZER, tmp_path)
    (tmp_path / MODEL).write_bytes(b"no model at all")
    with pytest.raises(UserError, match="cannot be loaded"):
        Embedder(tmp_path, 1)


def test_a_damaged_tokenizer_is_an_error_to_mend(tmp_path: Path) -> None:
    (tmp_path / TOKENIZER).write_text("{}")
    with pytest.raises(UserError, match="cannot be loaded"):
        Embedder(tmp_path, 1)


def test_how_many_are_embedded_together_changes_nothing(embedder: Embedder) -> None:
    texts = [f"{text} {number}" for number, text in enumerate(TEXTS * 3)]
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    for count in (2, 3, 4, 5, 7, 16, len(texts)):
        together = embedder.embed(texts[:count])
        assert together.shape == (count, alone.shape[1])
        assert (np.sum(together * alone[:count], axis=1) > 0.9995).all()
    assert {padded(count) for count in range(1, TOGETHER + 1)} == {1, TOGETHER}
