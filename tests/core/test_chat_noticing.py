"""What of a message is offered to be remembered: few things, and hardly ever a wrong one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chat.noticing import (
    LEAST_LEAD,
    Examples,
    kind_of_memory,
    lead,
    load_examples,
    notice,
    wants_of_answers,
    worth_asking,
)
from core.index.embedder import Embedder
from core.index.models import embedding_folder

SENTENCES = Path(__file__).parents[1] / "resources" / "memory_sentences.tsv"


@pytest.mark.parametrize(
    "message",
    [
        "When is the rent due?",
        "The rent is due on Monday.",
        "I want to find my lease.",
        "I lost my lease yesterday.",
        "My password is walrus123.",
        "My card number is 4000 1234 5678 9010.",
        "Tell me more about my contract.",
        "",
        "I " + "really " * 60 + "like tea.",
    ],
)
def test_the_words_alone_rule_these_out(message: str) -> None:
    assert worth_asking(message) == []


def test_sentences_are_taken_out_of_a_question() -> None:
    message = "I live in Bergen. When is the rent due?  My landlord is called\nOla Hansen."
    assert worth_asking(message) == ["I live in Bergen.", "My landlord is called Ola Hansen."]


def test_kinds() -> None:
    assert kind_of_memory("I live in Bergen.") == "fact"
    assert kind_of_memory("I prefer trains.") == "preference"
    assert not wants_of_answers("I prefer trains.")
    assert wants_of_answers("I prefer short answers.")
    assert not wants_of_answers("I was born in May.")


@given(st.text(max_size=300))
def test_any_text_is_looked_through(text: str) -> None:
    for sentence in worth_asking(text):
        assert "\n" not in sentence
        assert not sentence.endswith("?")


def test_precision_comes_first_with_the_real_model(models: Path) -> None:
    """Sentences that are not among the examples: 24 of 30 are offered, one of 60 wrongly."""
    embedder = Embedder(embedding_folder(models, "all-minilm-l6-v2"), 2)
    rows = load_examples()
    examples = Examples(
        tuple(label for label, _ in rows), embedder.embed([text for _, text in rows])
    )
    offered = {"keep": 0, "no": 0}
    for line in SENTENCES.read_text("utf-8").splitlines():
        label, text = line.split("\t")
        found = worth_asking(text)
        if found:
            offered[label] += len(notice(found, embedder.embed(found), examples))
    assert offered["keep"] >= 23
    assert offered["no"] <= 1

    right = wrong = 0  # the threshold, with each example judged by the others
    for at, (label, text) in enumerate(rows):
        others = Examples(
            tuple(other for n, (other, _) in enumerate(rows) if n != at),
            np.delete(examples.vectors, at, 0),
        )
        if worth_asking(text) and lead(examples.vectors[at], others) >= LEAST_LEAD:
            right += label != "no"
            wrong += label == "no"
    assert wrong == 0
    assert right >= 25  # of 37
