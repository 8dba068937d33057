"""Which earlier turns come back: those a question is about, with what belongs to them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.llm.kv.recall import Floats, episodes, packed, to_recall, unpacked

TOPICS = np.eye(8, dtype=np.float32)


def turn(topic: int, lean: int, by: float = 0.3) -> Floats:
    vector = TOPICS[topic] + by * TOPICS[lean]
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def talk() -> Floats:
    """Boats, bread, boats again, taxes."""
    topics = (0, 0, 1, 1, 0, 2, 2)
    return np.array([turn(topic, 3 + at % 4) for at, topic in enumerate(topics)])


def test_turns_of_one_topic_are_an_episode_wherever_they_stand() -> None:
    assert episodes(talk()) == [[0, 1, 4], [2, 3], [5, 6]]


def test_an_old_topic_brings_its_episode_back() -> None:
    assert to_recall(TOPICS[0], talk(), 0.3) == [0, 1, 4]
    near_one = turn(0, 3, 1.0)
    assert 0 in to_recall(near_one, talk(), 0.3, most=2)
    assert to_recall(TOPICS[7], talk(), 0.3) == []
    assert to_recall(TOPICS[0], talk()[:0], 0.3) == []


@given(st.integers(0, 2**31), st.integers(1, 30), st.integers(0, 6), st.floats(-1, 1))
def test_what_comes_back_is_in_order_and_bounded(
    seed: int, n: int, most: int, about: float
) -> None:
    random = np.random.default_rng(seed)
    turns = random.standard_normal((n, 16)).astype(np.float32)
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    question = turns[0]
    found = to_recall(question, turns, about, most)
    assert found == sorted(set(found))
    assert len(found) <= most
    if most and about <= 0.99:
        assert 0 in found
    again = unpacked([packed(vector) for vector in turns])
    assert float((again * turns).sum(axis=1).min()) > 0.999
    assert sorted(index for one in episodes(turns) for index in one) == list(range(n))
