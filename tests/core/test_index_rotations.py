"""Rotations for models that come without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import Lab, WordEmbedder, small_rotation
from numpy.typing import NDArray

from core.errors import UserError
from core.index import dial, indexer
from core.index.code_choice import CodeChoice
from core.index.codes import Rotation, scan
from core.index.embedder import EmbeddingModel, find_model
from core.index.rotations import (
    ENOUGH_CHUNKS,
    LEAST_CHUNKS,
    drop_unused,
    find_rotation,
    fit_and_keep,
    fit_own,
    fit_to_sample,
    kept_bytes,
    own_rotations,
    placeholder,
)
from core.index.upkeep import IndexStore

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def model(models: Path) -> EmbeddingModel:
    return find_model(models / "embedding" / "all-minilm-l6-v2")


def narrow(count: int, seed: int, dimensions: int = 96) -> Floats:
    """Unit vectors as some models give them: all in a narrow cone, alike within topics."""
    random = np.random.default_rng(7)
    base, topics = random.standard_normal(dimensions), random.standard_normal((40, dimensions))
    own = np.random.default_rng(seed)
    rows = 2.2 * base + topics[own.integers(0, 40, count)]
    rows += own.standard_normal((count, dimensions)) * 0.7
    unit: Floats = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def recall(rotation: Rotation, embeddings: Floats, queries: Floats) -> float:
    """How many of the ten best passages are among the 32 with the best codes."""
    codes = rotation.encode(embeddings)
    lengths = rotation.lengths(codes)
    found = 0
    for query in queries:
        best = set(np.argsort(-(embeddings @ query))[:10].tolist())
        seen = np.argsort(-scan(*rotation.tables(query), codes, lengths))[:32].tolist()
        found += len(best & set(seen))
    return found / (10 * len(queries))


def test_even_a_small_sample_gives_a_usable_rotation() -> None:
    embeddings, queries = narrow(3000, 1), narrow(40, 2)
    found = {
        count: recall(fit_to_sample(embeddings[:count], 8), embeddings, queries)
        for count in (1, 5, LEAST_CHUNKS, 500, 3000)
    }
    assert found[3000] > 0.35, found
    assert min(found[500], found[LEAST_CHUNKS]) > 0.8 * found[3000], found
    assert min(found.values()) > 0.4 * found[3000], found
    axes = fit_to_sample(embeddings[:1], 8).axes
    np.testing.assert_allclose(axes.T @ axes, np.eye(64), atol=1e-3)


def test_axes_along_the_mean_are_ruled_out() -> None:
    """Queries are long there, and their codes would say nothing but noise."""
    rotation = fit_to_sample(narrow(500, 1), 8)
    along = rotation.mean / np.linalg.norm(rotation.mean)
    assert np.abs(along @ rotation.axes).max() < 1e-3


def test_a_fitted_rotation_is_kept(model: EmbeddingModel, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "rotations"
    assert find_rotation(None, model, folder, 8) == (None, False)
    assert find_rotation("unheard-of", model, folder, 8) == (None, False)
    assert find_rotation("all-minilm-l6-v2", model, folder, 32)[1] is True
    for count, stays in ((300, False), (ENOUGH_CHUNKS, True)):
        made = fit_and_keep(narrow(count, 1, 384), folder, model, 8)
        found, found_stays = find_rotation(None, model, folder, 8)
        assert found is not None
        assert found_stays is stays
        np.testing.assert_array_equal(made.axes, found.axes)
    assert find_rotation(None, model, folder, 16) == (None, False)
    for path in folder.iterdir():
        path.write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match="cannot be read"):
        find_rotation(None, model, folder, 8)


OWN = ((1, 16), (1, 4), (2, 16))  # seed of the sample, bytes; in the order of fitting


def test_a_home_keeps_rotations_of_its_own(model: EmbeddingModel, tmp_path: Path) -> None:
    folder = tmp_path / "rotations"
    assert (own_rotations(folder, model), kept_bytes(folder)) == ([], 0)
    made = [fit_own(narrow(600, seed, 384), folder, model, size) for seed, size in OWN]
    found = own_rotations(folder, model)
    assert [one.name for one in found] == [one.name for one in made]
    assert [one.code_bytes for one in found] == [16, 4, 16]
    assert all(one.own for one in found)
    assert found[0].expected == pytest.approx(made[0].expected, abs=1e-6)
    assert kept_bytes(folder) == sum(path.stat().st_size for path in folder.iterdir()) > 0
    assert find_rotation(None, model, folder, 16) == (None, False)
    drop_unused(folder, model, {made[1].name, made[2].name})
    assert [one.name for one in own_rotations(folder, model)] == [made[1].name, made[2].name]
    next(folder.iterdir()).write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match="cannot be read"):
        own_rotations(folder, model)


def test_a_few_passages_leave_no_trace_in_it(model: EmbeddingModel, tmp_path: Path) -> None:
    """The mean of a handful would nearly be their embeddings, so other texts serve."""
    one = fit_and_keep(narrow(3, 1, 384), tmp_path / "one", model, 8)
    other = fit_and_keep(narrow(3, 5, 384), tmp_path / "other", model, 8)
    np.testing.assert_array_equal(one.mean, other.mean)
    np.testing.assert_array_equal(one.axes, other.axes)


class Fits:
    """Stands for fitting; remembers how many embeddings it was given."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def __call__(self, embeddings: Floats) -> Rotation:
        self.counts.append(len(embeddings))
        return small_rotation()


def reopened(lab: Lab, fit: Fits, has_rotation: bool) -> IndexStore:
    rotation = small_rotation() if has_rotation else placeholder(96, 8)
    codes = CodeChoice(rotation, has_rotation, fit)
    return IndexStore(lab.segments, lab.catalogue, codes, "fake", lab.texts, lambda: lab.room)


def test_a_store_fits_at_its_first_publication_only(lab: Lab) -> None:
    fit = Fits()
    lab.store = reopened(lab, fit, has_rotation=False)
    assert lab.store.wanted_sample == ENOUGH_CHUNKS
    lab.write("a.txt", "the ferry leaves at noon\nthe harbour closes at nine")
    lab.index()
    assert fit.counts == [2]
    assert lab.store.wanted_sample == 0
    lab.write("b.txt", "a lighthouse keeper")
    lab.index()
    assert fit.counts == [2]
    assert lab.names("lighthouse keeper")[0] == "b.txt"
    # A home that has lost the rotation reads its files again.
    lab.store = reopened(lab, fit, has_rotation=False)
    assert "rotation of its codes is gone" in lab.store.repaired[0]
    lab.index()
    assert fit.counts == [2, 3]
    assert lab.names("lighthouse keeper")[0] == "b.txt"


def test_it_is_fitted_anew_when_much_more_comes(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = Fits()
    lab.store = reopened(lab, fit, has_rotation=False)
    lab.write("a.txt", "the ferry leaves at noon")
    lab.index()
    lab.store = reopened(lab, fit, has_rotation=True)
    monkeypatch.setattr(indexer, "FIT_ANEW_BYTES", 2_000)
    lab.write("b.txt", "a lighthouse keeper")
    lab.index()
    assert fit.counts == [1], "a little more changes nothing"
    lab.write("c.txt", "".join(f"note {number} on harbours\n" for number in range(200)))
    lab.index()
    assert fit.counts == [1, 202], "all are read again, together"
    for query, name in (("ferry noon", "a.txt"), ("lighthouse keeper", "b.txt")):
        assert lab.names(query)[0] == name
    monkeypatch.setattr(dial, "ENOUGH_CHUNKS", 100)
    lab.write("d.txt", "".join(f"more {number} on ferries\n" for number in range(200)))
    lab.index()
    assert fit.counts == [1, 202], "an index that has grown is not given up"


def test_a_placeholder_has_the_size_asked_for() -> None:
    rotation = placeholder(384, 32)
    assert rotation.code_bytes == 32
    assert rotation.encode(WordEmbedder().embed(["a"]).repeat(4, axis=1)).shape == (1, 32)
