"""Which sentence answers, and whether any does, with the weights that ship."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chat.evidence import FEATURES, Read, describe, load_evidence, strong_words, weigh
from core.chat.words import sentence_spans

MODEL = load_evidence()
COAST = (
    "The coast of Varn is long and bare. Mira Olsen built the lighthouse of Varn in 1874. "
    "It burned in 1901. The keeper had two dogs."
)
CATS = "Cats sleep for most of the day. They hunt at night."


def by_words(text: str) -> Read:
    return Read(text, spans=tuple(sentence_spans(text)))


def meant(text: str, near: str, cosine: float = 0.75) -> Read:
    """As if an embedding model found the sentence with `near` near the question."""
    spans = tuple(sentence_spans(text))
    cosines = tuple(cosine if near in text[slice(*span)] else 0.2 for span in spans)
    return Read(text, cosine, cosine, spans, cosines, cosines)


@pytest.mark.parametrize("reads", [(by_words(CATS), by_words(COAST)), (meant(COAST, "Olsen"),)])
def test_the_sentence_that_answers_is_best(reads: tuple[Read, ...]) -> None:
    evidence = weigh("Who built the lighthouse of Varn?", reads, MODEL)
    best = evidence.best
    assert best is not None
    text = reads[best.passage].text[slice(*best.span)]
    assert text == "Mira Olsen built the lighthouse of Varn in 1874."
    assert evidence.enough


def test_a_cue_decides_between_sentences_that_are_alike() -> None:
    text = "The ferry to Varn is slow. The ferry to Varn costs 12 crowns."
    evidence = weigh("How much is the ferry to Varn?", [by_words(text)], MODEL)
    assert evidence.best is not None
    assert "12 crowns" in text[slice(*evidence.best.span)]


def test_passages_about_something_else_are_not_enough() -> None:
    for reads in ([by_words(CATS)], [meant(CATS, "Cats", 0.25)], [], [by_words("")]):
        assert not weigh("Who built the lighthouse of Varn?", reads, MODEL).enough


def test_embeddings_that_nothing_was_fitted_to_keep_their_own_measure() -> None:
    question = "How long do kittens doze?"
    near = [meant(CATS, "Cats", 0.86)]
    assert weigh(question, near, MODEL, about_cosine=0.8).enough
    assert not weigh(question, near, MODEL, about_cosine=0.9).enough


def test_what_stands_in_two_files_is_no_less_sure() -> None:
    question = "Who built the lighthouse of Varn?"
    once = weigh(question, [by_words(COAST)], MODEL)
    twice = weigh(question, [by_words(COAST), by_words(COAST)], MODEL)
    assert twice.enough == once.enough


def test_strong_words_are_names_and_numbers() -> None:
    assert strong_words("Who met Mira Olsen in 1874?") == ["mira", "olsen", "1874"]
    assert strong_words("Why is the sky blue?") == []


@given(st.text(max_size=60), st.lists(st.text(max_size=120), max_size=4))
def test_any_text_can_be_weighed(question: str, texts: list[str]) -> None:
    reads = [by_words(text) for text in texts]
    evidence = weigh(question, reads, MODEL)
    assert 0 <= evidence.odds <= 1
    for _, _, values in describe(question, reads):
        assert set(values) == set(FEATURES)
        assert all(0 <= value <= 1 for value in values.values())
