from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.frontier import WORD_WEIGHT, Corpus, Frontier, with_words


def corpus(count: int, seed: int) -> tuple[np.ndarray, Callable[[int], np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    coordinates = rng.standard_normal((count, 16)).astype(np.float32)
    links = [rng.choice(count, size=min(count, 4), replace=False) for _ in range(count)]
    estimates = rng.uniform(-1, 1, count).astype(np.float32)
    return coordinates, lambda chunk: links[chunk].astype(np.int64), estimates


@settings(max_examples=60)
@given(st.data())
def test_each_chunk_is_proposed_once_and_exact_scores_win(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 60))
    seed = data.draw(st.integers(0, 999))
    coordinates, neighbours, estimates = corpus(count, seed)
    rng = np.random.default_rng(seed + 1)
    exact = rng.uniform(-1, 1, count).astype(np.float32)
    unreadable = rng.random(count) < 0.2
    allowed = rng.random(count) < data.draw(st.sampled_from([0.3, 1.0]))
    start = np.flatnonzero(allowed)[: data.draw(st.integers(0, count))].astype(np.int64)
    frontier = Frontier(Corpus(lambda ids: coordinates[ids], neighbours), estimates, start, allowed)
    proposed: list[int] = []
    while len(batch := frontier.next_batch(data.draw(st.integers(1, 16)))):
        proposed += batch.tolist()
        scores = np.where(unreadable[batch], np.nan, exact[batch]).astype(np.float32)
        frontier.add_exact(batch, scores)
    assert len(proposed) == len(set(proposed))
    assert set(start.tolist()) <= set(proposed)
    assert allowed[proposed].all()
    assert sorted(frontier.ids.tolist()) == sorted(proposed)
    current = dict(zip(frontier.ids.tolist(), frontier.current().tolist(), strict=True))
    for chunk in proposed:
        assert np.isfinite(current[chunk])
        if not unreadable[chunk]:
            assert current[chunk] == np.float32(exact[chunk])


def test_the_best_estimates_come_first() -> None:
    coordinates, _, estimates = corpus(50, 4)
    alone = Corpus(lambda ids: coordinates[ids], lambda _: np.empty(0, dtype=np.int64))
    frontier = Frontier(alone, estimates, np.arange(50))
    assert frontier.next_batch(8).tolist() == np.argsort(-estimates, kind="stable")[:8].tolist()


def test_neighbours_of_a_good_chunk_join() -> None:
    coordinates, _, estimates = corpus(50, 4)
    star = Corpus(lambda ids: coordinates[ids], lambda chunk: np.array([chunk + 1, chunk + 2]))
    frontier = Frontier(star, estimates, np.array([10]))
    frontier.add_exact(frontier.next_batch(8), np.array([0.9], dtype=np.float32))
    assert sorted(frontier.ids.tolist()) == [10, 11, 12]


def test_what_is_not_allowed_does_not_join() -> None:
    coordinates, _, estimates = corpus(50, 4)
    star = Corpus(lambda ids: coordinates[ids], lambda chunk: np.array([chunk + 1, chunk + 2]))
    allowed = np.ones(50, dtype=np.bool_)
    allowed[11] = False
    frontier = Frontier(star, estimates, np.array([10]), allowed)
    frontier.add_exact(frontier.next_batch(8), np.array([0.9], dtype=np.float32))
    assert sorted(frontier.ids.tolist()) == [10, 12]


def test_learning_corrects_the_estimates_of_likes() -> None:
    """Two chunks with the same code: what is learnt of one holds for the other."""
    row = np.random.default_rng(1).standard_normal(16).astype(np.float32)
    other = np.random.default_rng(2).standard_normal(16).astype(np.float32)
    coordinates = np.stack([row, row, -row, other])
    estimates = np.array([0.5, 0.4, 0.3, 0.2], dtype=np.float32)
    frontier = Frontier(
        Corpus(lambda ids: coordinates[ids], lambda _: np.empty(0, dtype=np.int64)),
        estimates,
        np.arange(4),
    )
    frontier.add_exact(np.array([0, 3]), np.array([0.9, 0.2], dtype=np.float32))
    guess = frontier.current()
    assert guess[1] > 0.55
    assert guess[1] - 0.4 > 3 * abs(guess[2] - 0.3)


def test_learning_finds_out_when_all_estimates_are_too_high() -> None:
    coordinates, _, estimates = corpus(200, 5)
    alone = Corpus(lambda ids: coordinates[ids], lambda _: np.empty(0, dtype=np.int64))
    frontier = Frontier(alone, estimates, np.arange(200))
    batch = frontier.next_batch(16)
    frontier.add_exact(batch, estimates[batch] - np.float32(0.1))
    rest = np.setdiff1d(np.arange(200), batch)
    np.testing.assert_allclose(
        frontier.current()[rest].mean(), estimates[rest].mean() - 0.1, atol=0.04
    )


def test_nothing_to_start_with() -> None:
    coordinates, neighbours, estimates = corpus(5, 1)
    frontier = Frontier(
        Corpus(lambda ids: coordinates[ids], neighbours), estimates, np.empty(0, dtype=np.int64)
    )
    assert len(frontier.next_batch(4)) == 0
    assert len(frontier.current()) == 0


def test_words_raise_estimates_by_what_they_are_worth() -> None:
    estimates = np.array([0.3, 0.2, 0.1, 0.1], dtype=np.float32)
    raised = with_words(
        estimates, np.array([3, 1, 0]), np.array([14.0, 10.0, 4.0], dtype=np.float32)
    )
    np.testing.assert_allclose(raised, estimates + WORD_WEIGHT * np.array([0, 6, 0, 10]), atol=1e-6)
    np.testing.assert_allclose(estimates, [0.3, 0.2, 0.1, 0.1], atol=1e-6)
    nothing = with_words(estimates, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
    assert nothing is estimates


def test_surprises_are_what_scores_differ_by_from_what_was_expected() -> None:
    coordinates, _, estimates = corpus(50, 4)
    alone = Corpus(lambda ids: coordinates[ids], lambda _: np.empty(0, dtype=np.int64))
    frontier = Frontier(alone, estimates, np.arange(50))
    first = frontier.next_batch(3)
    scores = estimates[first] + np.array([0.1, np.nan, -0.2], dtype=np.float32)
    frontier.add_exact(first, scores)
    np.testing.assert_allclose(frontier.surprises, [0.1, -0.2], atol=1e-6)
    second = frontier.next_batch(4)
    expected = frontier.current()[second]
    frontier.add_exact(second, expected + np.float32(0.05))
    np.testing.assert_allclose(frontier.surprises, np.full(4, 0.05), atol=1e-6)


@settings(max_examples=40)
@given(st.integers(0, 999))
def test_a_search_that_stops_early_has_the_best_where_codes_are_good(seed: int) -> None:
    """With errors far smaller than the gaps, stopping loses nothing."""
    coordinates, _, exact = corpus(120, seed)
    rng = np.random.default_rng(seed)
    estimates = (exact + rng.normal(0, 1e-4, 120)).astype(np.float32)
    alone = Corpus(lambda ids: coordinates[ids], lambda _: np.empty(0, dtype=np.int64))
    frontier = Frontier(alone, estimates, np.arange(120))
    scored: list[int] = []
    while not frontier.settled(5):
        batch = frontier.next_batch(8)
        frontier.add_exact(batch, exact[batch])
        scored += batch.tolist()
    assert len(scored) <= 16
    assert set(np.argsort(-exact)[:5].tolist()) <= set(scored)
