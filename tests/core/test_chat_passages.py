"""What goes from the passages found into the prompt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chat.evidence import Evidence, Read, Sentence
from core.chat.passages import QUOTE_CHARS, PassageConfig, choose, quoted
from core.chat.words import GAP, estimate_tokens, sentence_spans

LIGHT = "The coast is long. Mira Olsen built the lighthouse. It burned in 1901. Boats pass by."


def read(text: str) -> Read:
    return Read(text, spans=tuple(sentence_spans(text)))


def weighed(passages: list[Read], *scores: float) -> Evidence:
    spans = [(number, span) for number, one in enumerate(passages) for span in one.spans]
    found = zip(spans, scores, strict=True)
    sentences = tuple(Sentence(number, span, score) for (number, span), score in found)
    return Evidence(sentences, 0.9, enough=True)


def test_one_sure_sentence_is_all_that_is_taken() -> None:
    passages = [read(LIGHT)]
    (chosen,) = choose(passages, weighed(passages, 0, 9, 0, 0))
    assert chosen.text == "Mira Olsen built the lighthouse."
    assert chosen.spans == (chosen.best.span,)


def test_unsure_ones_come_in_their_documents_order_best_document_first() -> None:
    passages = [read("Apples are red. Pears are green."), read("Plums. Figs are sweet.")]
    chosen = choose(passages, weighed(passages, 0.1, 0.3, 0.2, 0.4), PassageConfig(enough=1.0))
    assert [one.index for one in chosen] == [1, 0]
    assert chosen[1].text == passages[0].text
    assert chosen[1].spans == ((0, len(passages[0].text)),)


def test_a_sentence_that_leans_brings_the_one_before() -> None:
    passages = [read(LIGHT)]
    (chosen,) = choose(passages, weighed(passages, 0, 0, 9, 0))
    assert chosen.text == "Mira Olsen built the lighthouse. It burned in 1901."
    assert LIGHT[slice(*chosen.best.span)] == "It burned in 1901."


def test_what_repeats_is_taken_once() -> None:
    passages = [read("The ferry costs 12 crowns."), read("The ferry costs 12 crowns.")]
    chosen = choose(passages, weighed(passages, 2.0, 1.9), PassageConfig(enough=1.0))
    assert [one.index for one in chosen] == [0]


def test_of_a_sentence_that_does_not_fit_the_beginning_is_kept() -> None:
    long = read("word " * 80 + "end.")
    (chosen,) = choose([long], weighed([long], *[1.0] * len(long.spans)), PassageConfig(20))
    assert estimate_tokens(chosen.text) <= 20
    assert long.text.startswith(chosen.text)


@pytest.mark.parametrize(
    ("scores", "quote"),
    [
        ((0, 9, 0, 0), "Mira Olsen built the lighthouse."),
        ((0, 0, 9, 0), "Mira Olsen built the lighthouse. It burned in 1901."),
        ((0, 9, 8.9, 0), "Mira Olsen built the lighthouse. It burned in 1901."),
        ((9, 0, 8.9, 0), "The coast is long."),
    ],
)
def test_a_quote_can_be_understood_alone(scores: tuple[float, ...], quote: str) -> None:
    evidence = weighed([read(LIGHT)], *scores)
    assert evidence.best is not None
    assert LIGHT[slice(*quoted(LIGHT, evidence.sentences, evidence.best))] == quote


def test_a_quote_is_never_long() -> None:
    text = "It was " + "very " * 60 + "long. It was " + "very " * 60 + "wide."
    evidence = weighed([read(text)], 1, 1)
    assert evidence.best is not None
    start, end = quoted(text, evidence.sentences, evidence.best)
    assert end - start <= QUOTE_CHARS


@given(
    st.lists(st.text(alphabet="ab c.\n东1", max_size=300), max_size=5),
    st.lists(st.floats(-9, 9), min_size=1, max_size=7),
    st.integers(0, 200),
)
def test_never_over_the_budget_and_always_exact_spans(
    texts: list[str], scores: list[float], budget: int
) -> None:
    passages = [read(text) for text in texts]
    count = sum(len(one.spans) for one in passages)
    some = [scores[at % len(scores)] for at in range(count)]
    chosen = choose(passages, weighed(passages, *some), PassageConfig(budget_tokens=budget))
    assert sum(estimate_tokens(one.text) for one in chosen) <= budget
    assert bool(chosen) or budget <= 1 or not count
    for one in chosen:
        assert one.text.strip()
        assert GAP.join(texts[one.index][start:end] for start, end in one.spans) == one.text
        assert list(one.spans) == sorted(one.spans)
        assert any(start <= one.best.span[0] for start, _ in one.spans)
