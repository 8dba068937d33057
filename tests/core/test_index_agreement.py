"""Late interaction: what the network says of it, and what it does to the order of hits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import Lab
from hypothesis import given
from hypothesis import strategies as st

from core.index.embedder import Embedder
from core.index.ranking import AGREEING, fuse

PASSAGES = (
    "The rent of the workshop is due on the first working day of the month.",
    "Ferries leave at noon from the old harbour.",
    "rent",
    "A long passage about lighthouses and the people who keep them. " * 40,
    "",
)


@pytest.fixture(scope="module")
def embedder(models: Path) -> Embedder:
    return Embedder(models / "embedding" / "all-minilm-l6-v2", 2)


def test_agreement_is_the_mean_of_the_tokens_best_cosines(embedder: Embedder) -> None:
    question = embedder.question("When do the ferries leave?")
    np.testing.assert_allclose(np.linalg.norm(question.tokens, axis=1), 1, atol=1e-2)
    _, agreement = embedder.compare(PASSAGES, question)
    for passage, found in zip(PASSAGES[:3], agreement, strict=False):
        # All tokens of the passage but the special ones at its ends, which hardly ever are nearest.
        tokens = embedder.question(passage).tokens
        wanted = float((question.tokens @ tokens.T).max(axis=1).mean())
        assert wanted - 0.01 <= found <= wanted + 0.15
    assert int(np.argmax(agreement)) == 1


def test_a_text_agrees_with_itself(embedder: Embedder) -> None:
    for text in PASSAGES[:4]:
        _, agreement = embedder.compare([text], embedder.question(text))
        assert agreement[0] == pytest.approx(1, abs=0.01)


def test_agreement_does_not_depend_on_the_batch_nor_change_embeddings(embedder: Embedder) -> None:
    question = embedder.question("Who keeps the lighthouse?")
    vectors, together = embedder.compare(PASSAGES, question)
    np.testing.assert_allclose(vectors, embedder.embed(PASSAGES), atol=1e-6)
    alone = [embedder.compare([text], question)[1][0] for text in PASSAGES]
    np.testing.assert_allclose(together, alone, atol=0.01)


def test_a_question_without_words_has_no_agreement(embedder: Embedder) -> None:
    question = embedder.question("")
    assert len(question.tokens) == 0
    vectors, agreement = embedder.compare(PASSAGES[:2], question)
    assert vectors.shape == (2, 384)
    assert np.isnan(agreement).all()
    vectors, agreement = embedder.compare([], question)
    assert len(vectors) == len(agreement) == 0


def test_agreement_orders_the_best_of_a_fusion_only() -> None:
    nothing = np.empty(0, dtype=np.int64)
    semantic = {position: 0.9 - 0.01 * position for position in range(AGREEING + 2)}
    agreement = {position: 0.1 * position for position in range(AGREEING + 2)}
    order = [position for position, _ in fuse(nothing, semantic, agreement)]
    assert order == [*range(AGREEING - 1, -1, -1), AGREEING, AGREEING + 1]
    assert [position for position, _ in fuse(None, semantic, agreement)] == list(semantic)


@given(st.sets(st.integers(0, AGREEING + 4)), st.integers(0, 99))
def test_those_of_unknown_agreement_keep_their_place(known: set[int], seed: int) -> None:
    nothing = np.empty(0, dtype=np.int64)
    semantic = {position: 0.9 - 0.01 * position for position in range(AGREEING + 5)}
    values = np.random.default_rng(seed).random(AGREEING + 5).tolist()
    agreement = {position: values[position] for position in known}
    order = [position for position, _ in fuse(nothing, semantic, agreement)]
    assert sorted(order) == list(semantic)
    for position in semantic:
        if position not in known or position >= AGREEING:
            assert order[position] == position


def test_a_search_asked_again_gives_the_same_order_from_memory(lab: Lab) -> None:
    for number in range(12):
        lab.write(f"n{number}.txt", f"ferries leave harbour number{number} at {number} o'clock")
    lab.index()
    searcher = lab.searcher()
    query = lab.query("harbour at 7", k=8, mode="hybrid")
    first = searcher.search(query, 32, 5)
    again = searcher.search(query, 32, 5)
    assert [hit.path for hit in first.hits] == [hit.path for hit in again.hits]
    assert first.hits[0].path.endswith("n7.txt")
    assert again.from_cache == again.recomputed
    embedded = lab.embedder.embedded
    searcher.search(lab.query("harbour at 7", k=8, mode="semantic"), 32, 5)
    assert lab.embedder.embedded == embedded + 1
