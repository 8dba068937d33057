import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.index.bits import CodecError
from core.index.drift import DROP, LEAST_CHUNKS, Part, has_drifted
from core.index.stored import Stored, hubs_of, joined, pack_ids, store, unpack_ids


def unit(count: int, dimensions: int = 384, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_eight_bits_keep_an_embedding() -> None:
    vectors = unit(2000)
    kept = store(np.arange(2000), vectors)
    again = kept.vectors(np.arange(2000))
    assert np.einsum("nd,nd->n", vectors, again).min() > 0.9999
    np.testing.assert_allclose(np.linalg.norm(again, axis=1), 1, atol=1e-5)
    query = unit(1, seed=1)[0]
    np.testing.assert_allclose(kept.scores(query), again @ query, atol=1e-5)
    np.testing.assert_allclose(kept.scores(query), vectors @ query, atol=2e-3)


def test_a_row_of_zeros_and_no_rows_are_no_trouble() -> None:
    assert store(np.arange(1), np.zeros((1, 8), np.float32)).scores(unit(1, 8)[0]).tolist() == [0]
    none = store(np.arange(0), np.zeros((0, 8), np.float32))
    assert len(none.scores(unit(1, 8)[0])) == 0
    assert pack_ids(none.ids) == b""


@given(st.integers(1, 60), st.data())
def test_rows_go_with_their_chunks(count: int, data: st.DataObject) -> None:
    places = np.full(count, -1)
    kept = np.array(sorted(data.draw(st.sets(st.integers(0, count - 1)))), dtype=np.int64)
    places[kept] = data.draw(st.permutations(range(len(kept))))
    ids = np.array(sorted(data.draw(st.sets(st.integers(0, count - 1)))), dtype=np.int64)
    rows = np.repeat(ids[:, None], 3, axis=1).astype(np.int8)
    moved = Stored(ids, rows).moved(places)
    assert (np.diff(moved.ids) > 0).all()
    assert {(place, int(row[0])) for place, row in zip(moved.ids, moved.rows, strict=True)} == {
        (int(places[chunk]), int(chunk)) for chunk in ids if places[chunk] >= 0
    }


@given(st.sets(st.integers(0, 5000)), st.sets(st.integers(0, 5000)))
def test_several_become_one_in_order(one: set[int], other: set[int]) -> None:
    parts = [np.array(sorted(part), dtype=np.int64) for part in (one, other - one)]
    both = joined([Stored(ids, ids[:, None].astype(np.int8)) for ids in parts])
    assert both.ids.tolist() == sorted(one | other)
    assert (both.rows[:, 0] == both.ids.astype(np.int8)).all()
    assert unpack_ids(pack_ids(both.ids), 5001).tolist() == both.ids.tolist()


def test_ids_past_the_end_are_refused() -> None:
    with pytest.raises(CodecError):
        unpack_ids(pack_ids(np.array([3, 9])), 9)


def test_hubs_have_most_edges() -> None:
    edges = np.array([[0, 3], [1, 3], [2, 3], [2, 4], [4, 5]])
    assert hubs_of(edges, 6, 0.01).tolist() == [3]
    assert hubs_of(edges, 6, 0.5).tolist() == [2, 3, 4]
    assert hubs_of(edges[:0], 6, 0.0).tolist() == [0]


# --- when codes suit their passages no more -----------------------------------------------


PARTS = st.lists(st.builds(Part, st.integers(0, 10**6), st.floats(0, 1)), max_size=10)


@given(st.floats(0, 1), PARTS)
def test_codes_as_good_as_promised_are_kept(expected: float, parts: list[Part]) -> None:
    assert not has_drifted(0, parts)
    assert not has_drifted(expected, [part for part in parts if part.faithful >= expected])
    if has_drifted(expected, parts):
        # What is not known weighs nothing; more of the worst changes nothing.
        assert has_drifted(expected, [*parts, Part(10**9, 0.0)])
        assert has_drifted(expected, [*parts, Part(10**9, 1e-6)])
        assert not has_drifted(expected, [*parts, Part(10**12, expected)])


def test_codes_of_other_passages_are_fitted_anew() -> None:
    half = LEAST_CHUNKS // 2
    assert has_drifted(0.82, [Part(half, 0.82), Part(half, 0.56)])
    assert not has_drifted(0.82, [Part(half, 0.82), Part(half, 0.82 - DROP)])
    assert not has_drifted(0.82, [Part(LEAST_CHUNKS - 1, 0.2)])
    assert not has_drifted(0.82, [Part(10 * half, 0.82), Part(half, 0.56)])
