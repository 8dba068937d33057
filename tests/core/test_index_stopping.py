"""The rule that ends a search."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.index.stopping import MOST_TOP, settled

Floats = NDArray[np.float32]


def floats(*values: float) -> Floats:
    return np.array(values, dtype=np.float32)


def test_the_gap_has_to_be_wider_than_the_last_errors() -> None:
    exact = floats(0.9, 0.8, 0.7)
    assert settled(exact, floats(0.6, 0.5), floats(0.1, -0.1), k=3, caution=0.5)
    assert not settled(exact, floats(0.68, 0.5), floats(0.1, -0.1), k=3, caution=0.5)
    assert settled(exact, floats(0.68, 0.5), floats(0.1, -0.1), k=2, caution=0.5)
    assert settled(exact, floats(0.68, 0.5), floats(0.01, -0.01), k=3, caution=0.5)


def test_fewer_scores_than_results_are_not_enough() -> None:
    assert not settled(floats(0.9, 0.8), floats(0.1), floats(0.01), k=3)
    assert not settled(floats(0.9), floats(0.1), floats(0.01), k=0)


def test_nothing_left_is_settled() -> None:
    assert settled(floats(0.9), floats(), floats(), k=3)
    assert settled(floats(), floats(), floats(), k=3)


def test_nothing_that_could_be_read_says_nothing_of_the_error() -> None:
    assert not settled(floats(0.9, 0.8), floats(0.1), floats(), k=2)


@given(st.integers(0, 9999), st.integers(1, 40))
def test_more_caution_and_more_results_never_stop_sooner(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    exact = rng.random(30).astype(np.float32)
    rest, surprises = (0.5 * rng.random(20)).astype(np.float32), floats(0.05, -0.1)
    if settled(exact, rest, surprises, k, caution=1.0):
        assert settled(exact, rest, surprises, k, caution=0.5)
    if k > 1 and settled(exact, rest, surprises, k):
        assert settled(exact, rest, surprises, k - 1)
    assert settled(exact, rest, surprises, MOST_TOP) == settled(exact, rest, surprises, 30)
