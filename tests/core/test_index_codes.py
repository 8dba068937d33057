from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.codes import (
    OWN_WIDTH,
    PAIRED_ROWS,
    POINTS,
    WIDTH,
    Rotation,
    load_rotation,
    scan,
    sign_books,
)
from core.index.fit_codes import deal, fit_rotation, own_width

DIMENSIONS = 64
WIDTHS = st.sampled_from((WIDTH, OWN_WIDTH))


def vectors(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((count, 12)) @ np.random.default_rng(0).standard_normal(
        (12, DIMENSIONS)
    )
    mixed += 0.3 * rng.standard_normal((count, DIMENSIONS))
    unit: np.ndarray = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return unit.astype(np.float32)


def some_rotation(
    seed: int, code_bytes: int = 2, dimensions: int = 20, width: int = WIDTH
) -> Rotation:
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.standard_normal((dimensions, width * code_bytes)))
    return Rotation(
        rng.standard_normal(dimensions).astype(np.float32),
        axes.astype(np.float32),
        rng.standard_normal((code_bytes, POINTS, width)).astype(np.float32),
    )


@pytest.fixture(scope="module")
def rotation() -> Rotation:
    return fit_rotation(vectors(1500, 1), 4)


def found(rotation: Rotation, corpus: np.ndarray, queries: np.ndarray, depth: int) -> float:
    """How often the nearest vector is among the `depth` best estimates."""
    codes = rotation.encode(corpus)
    lengths = rotation.lengths(codes)
    hits = 0
    for query in queries:
        estimates = scan(*rotation.tables(query), codes, lengths)
        hits += int(np.argmax(corpus @ query)) in np.argsort(-estimates)[:depth]
    return hits / len(queries)


def test_axes_are_orthonormal_and_none_lies_along_the_mean(rotation: Rotation) -> None:
    assert rotation.code_bytes == 4
    np.testing.assert_allclose(rotation.axes.T @ rotation.axes, np.eye(32), atol=1e-4)
    along = rotation.mean / np.linalg.norm(rotation.mean)
    assert np.abs(along @ rotation.axes).max() < 1e-3


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(0, 30), WIDTHS)
def test_a_code_names_the_nearest_points(seed: int, count: int, width: int) -> None:
    rotation = some_rotation(seed, dimensions=30, width=width)
    rows = np.random.default_rng(seed + 1).standard_normal((count, 30)).astype(np.float32)
    codes = rotation.encode(rows)
    assert codes.shape == (count, 2)
    assert codes.dtype == np.uint8
    placed = (rows - rotation.mean) @ rotation.axes
    for byte in range(2):
        part = placed[:, byte * width : (byte + 1) * width]
        away = np.linalg.norm(part[:, None] - rotation.books[byte][None], axis=2)
        chosen = away[np.arange(count), codes[:, byte]]
        np.testing.assert_allclose(chosen, away.min(axis=1, initial=np.inf), rtol=1e-4)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(0, 30), WIDTHS)
def test_an_estimate_is_the_cosine_with_what_the_code_stands_for(
    seed: int, count: int, width: int
) -> None:
    rotation = some_rotation(seed, dimensions=30, width=width)
    rng = np.random.default_rng(seed + 1)
    query = rng.standard_normal(30).astype(np.float32)
    codes = rng.integers(0, 256, (count, 2), dtype=np.uint8)
    stands_for = rotation.mean + rotation.decode(codes)
    lengths = rotation.lengths(codes)
    np.testing.assert_allclose(lengths, np.linalg.norm(stands_for, axis=1), rtol=1e-3)
    wanted = stands_for @ query / np.linalg.norm(stands_for, axis=1)
    tables, constant = rotation.tables(query)
    estimates = scan(tables, constant, codes, lengths)
    np.testing.assert_allclose(estimates, wanted, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("code_bytes", [2, 3])
def test_many_codes_are_scanned_like_few(code_bytes: int) -> None:
    rotation = some_rotation(3, code_bytes, 30)
    count = PAIRED_ROWS + 7
    codes = np.random.default_rng(1).integers(0, 256, (count, code_bytes), dtype=np.uint8)
    lengths = rotation.lengths(codes)
    tables, constant = rotation.tables(np.ones(30, dtype=np.float32))
    whole = scan(tables, constant, codes, lengths)
    for part in (slice(0, 900), slice(count - 900, count)):
        few = codes[part]
        np.testing.assert_allclose(lengths[part], rotation.lengths(few), rtol=1e-5)
        np.testing.assert_allclose(
            whole[part], scan(tables, constant, few, lengths[part]), rtol=1e-4, atol=1e-6
        )


def test_estimates_find_the_nearest_and_better_than_signs(rotation: Rotation) -> None:
    corpus, queries = vectors(3000, 3), vectors(100, 4)
    placed = (vectors(1500, 1) - rotation.mean) @ rotation.axes
    signs = Rotation(rotation.mean, rotation.axes, sign_books(np.abs(placed).mean(axis=0)))
    assert found(rotation, corpus, queries, 30) > 0.6
    assert found(rotation, corpus, queries, 30) > found(signs, corpus, queries, 30)


@given(st.integers(1, 12), st.integers(0, 999), WIDTHS)
def test_coordinates_are_dealt_evenly(code_bytes: int, seed: int, width: int) -> None:
    spread = np.sort(np.random.default_rng(seed).random(width * code_bytes) + 0.01)[::-1]
    order = deal(spread, code_bytes, width).tolist()
    assert sorted(order) == list(range(width * code_bytes))
    # The coordinates that vary most go to different bytes.
    owners = [order.index(one) // width for one in range(code_bytes)]
    assert len(set(owners)) == code_bytes


@pytest.mark.parametrize("width", [WIDTH, OWN_WIDTH])
def test_a_saved_rotation_codes_alike(width: int, tmp_path: Path) -> None:
    rotation = fit_rotation(vectors(1500, 1), 4, width=width)
    path = tmp_path / "r.npz"
    rotation.save(path)
    loaded = load_rotation(path)
    assert (loaded.width, loaded.code_bytes) == (width, 4)
    np.testing.assert_allclose(loaded.axes.T @ loaded.axes, np.eye(4 * width), atol=1e-4)
    np.testing.assert_allclose(loaded.axes, rotation.axes, atol=0.06)
    corpus, queries = vectors(2000, 5), vectors(60, 6)
    assert found(loaded, corpus, queries, 30) > found(rotation, corpus, queries, 30) - 0.05
    rotation.save(path)
    assert load_rotation(path).name == loaded.name != ""


def test_a_damaged_rotation_is_refused(rotation: Rotation, tmp_path: Path) -> None:
    path = tmp_path / "r.npz"
    path.write_bytes(b"no archive")
    with pytest.raises((OSError, ValueError)):
        load_rotation(path)
    np.savez_compressed(path, mean=np.zeros(3))
    with pytest.raises(ValueError, match="another version"):
        load_rotation(path)
    Rotation(rotation.mean, rotation.axes[:, :-WIDTH], rotation.books).save(path)
    with pytest.raises(ValueError, match="do not fit together"):
        load_rotation(path)
    with pytest.raises(OSError, match="No such file"):
        load_rotation(tmp_path / "none.npz")


def test_a_byte_of_a_homes_own_codes_stands_for_more_where_there_is_more() -> None:
    assert [own_width(384, size) for size in (8, 16, 24, 32, 48)] == [12, 12, 12, 12, 8]
    assert own_width(96, 8) == 12
    assert own_width(64, 8) == 8


@pytest.mark.parametrize(("count", "code_bytes"), [(20, 4), (500, 9)])
def test_too_few_embeddings_or_dimensions_fit_nothing(count: int, code_bytes: int) -> None:
    with pytest.raises(ValueError, match="cannot fit"):
        fit_rotation(vectors(count, 1), code_bytes)


def test_a_rotation_ships_for_every_level() -> None:
    shipped = sorted((ROOT / "resources" / "rotations").glob("all-minilm-l6-v2-*.npz"))
    assert {path.stem.rsplit("-", 1)[1] for path in shipped} == {"8", "12", "16", "24", "32", "48"}
    assert sum(path.stat().st_size for path in shipped) < 1_000_000
    for path in shipped:
        rotation = load_rotation(path)
        assert path.stem.endswith(f"-{rotation.code_bytes}")
        np.testing.assert_allclose(
            rotation.axes.T @ rotation.axes, np.eye(8 * len(rotation.books)), atol=1e-4
        )
