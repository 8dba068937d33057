from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from hypothesis import given
from hypothesis import strategies as st

from core.index.codes import Rotation, fit_rotation, load_rotation, scan

DIMENSIONS = 64


def vectors(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((count, 12)) @ np.random.default_rng(0).standard_normal(
        (12, DIMENSIONS)
    )
    mixed += 0.3 * rng.standard_normal((count, DIMENSIONS))
    unit: np.ndarray = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return unit.astype(np.float32)


@pytest.fixture(scope="module")
def rotation() -> Rotation:
    return fit_rotation(vectors(500, 1), 6)


def test_axes_are_orthonormal(rotation: Rotation) -> None:
    assert rotation.code_bytes == 6
    np.testing.assert_allclose(rotation.axes.T @ rotation.axes, np.eye(48), atol=1e-4)


def test_codes_decode_to_the_signs_of_the_coordinates(rotation: Rotation) -> None:
    sample = vectors(40, 2)
    codes = rotation.encode(sample)
    assert codes.shape == (40, 6)
    assert codes.dtype == np.uint8
    signs = (sample - rotation.mean) @ rotation.axes > 0
    assert ((rotation.decode(codes) > 0) == signs).all()
    np.testing.assert_allclose(np.abs(rotation.decode(codes)), np.tile(rotation.scales, (40, 1)))


@given(st.integers(0, 10_000), st.integers(0, 30))
def test_scan_is_the_product_with_the_decoded_codes(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    rotation = Rotation(
        rng.standard_normal(20).astype(np.float32),
        rng.standard_normal((20, 16)).astype(np.float32),
        rng.random(16).astype(np.float32),
    )
    query = rng.standard_normal(20).astype(np.float32)
    codes = rng.integers(0, 256, (count, 2), dtype=np.uint8)
    tables, constant = rotation.tables(query)
    wanted = rotation.decode(codes) @ (query @ rotation.axes) + query @ rotation.mean
    np.testing.assert_allclose(scan(tables, constant, codes), wanted, atol=1e-4, rtol=1e-4)


def test_estimates_rank_like_cosines(rotation: Rotation) -> None:
    corpus, queries = vectors(800, 3), vectors(30, 4)
    codes = rotation.encode(corpus)
    found = 0
    for query in queries:
        best = int(np.argmax(corpus @ query))
        estimates = scan(*rotation.tables(query), codes)
        found += best in np.argsort(-estimates)[:60]
    assert found >= 25


def test_a_saved_rotation_codes_alike(rotation: Rotation, tmp_path: Path) -> None:
    path = tmp_path / "r.npz"
    rotation.save(path)
    loaded = load_rotation(path)
    sample = vectors(200, 5)
    same = np.unpackbits(loaded.encode(sample) ^ rotation.encode(sample))
    assert same.mean() < 0.02
    np.testing.assert_allclose(loaded.axes, rotation.axes, atol=0.01)


def test_a_damaged_rotation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.npz"
    path.write_bytes(b"no archive")
    with pytest.raises((OSError, ValueError)):
        load_rotation(path)
    with pytest.raises(OSError, match="No such file"):
        load_rotation(tmp_path / "none.npz")


def test_too_few_embeddings_fit_nothing() -> None:
    with pytest.raises(ValueError, match="cannot fit"):
        fit_rotation(vectors(40, 1), 6)


def test_a_rotation_ships_for_every_level_that_is_planned() -> None:
    shipped = sorted((ROOT / "resources" / "rotations").glob("*.npz"))
    assert shipped
    for path in shipped:
        rotation = load_rotation(path)
        assert path.stem.endswith(f"-{rotation.code_bytes}")
        product = rotation.axes.T @ rotation.axes
        np.testing.assert_allclose(product, np.eye(len(product)), atol=0.05)
