"""What goes from the search hits into the prompt."""

from hypothesis import given
from hypothesis import strategies as st

from core.chat.passages import Candidate, PassageConfig, bears_on, choose
from core.chat.words import GAP, estimate_tokens

FILLER = "The committee met on a grey morning and spoke about nothing of note. " * 8
LONG = FILLER + "The harbour of Varn closes at nine. Boats wait outside. " + FILLER


def hit(text: str, cosine: float | None = 0.6, lexical: bool = True) -> Candidate:
    return Candidate(text, cosine, lexical)


def test_nothing_near_the_question_is_not_found() -> None:
    question = "When does the harbour of Varn close?"
    assert not choose([], question)
    assert not choose([hit("Apples are red.", 0.1, lexical=False)], question)
    assert not choose([hit("A harbour.", 0.1, lexical=True)], question)
    assert choose([hit("Apples are red.", 0.31, lexical=False)], question)
    assert choose([hit("Varn: the harbour closes early.", None, lexical=True)], question)
    assert not choose([hit("Apples", 0.5)], question, PassageConfig(min_cosine=0.6))


def test_question_without_words_needs_the_cosine() -> None:
    assert not bears_on(hit("Any text.", 0.2), "What is it?", PassageConfig())


def test_short_passages_are_kept_whole_and_in_order() -> None:
    texts = ["First about Varn.", "Second about Varn.", "Third about Varn."]
    chosen = choose([hit(text) for text in texts], "Varn?")
    assert [one.text for one in chosen] == texts
    assert [one.index for one in chosen] == [0, 1, 2]


def test_what_does_not_bear_on_it_and_repeats_are_left_out() -> None:
    candidates = [hit("Varn is big."), hit("Apples.", 0.1, lexical=False), hit("Varn is big.")]
    assert [one.index for one in choose(candidates, "Is Varn big?")] == [0]


def test_a_long_passage_keeps_the_sentence_asked_for_and_its_neighbour() -> None:
    (chosen,) = choose(
        [hit(LONG)], "When does the harbour of Varn close?", PassageConfig(budget_tokens=120)
    )
    assert "The harbour of Varn closes at nine." in chosen.text
    assert "Boats wait outside." in chosen.text
    assert estimate_tokens(chosen.text) <= 120
    assert chosen.text == GAP.join(LONG[start:end] for start, end in chosen.spans)


@given(
    st.lists(st.text(alphabet="ab c.\n东1", max_size=400), max_size=8),
    st.integers(0, 300),
)
def test_never_over_the_budget_and_always_exact_spans(texts: list[str], budget: int) -> None:
    config = PassageConfig(budget_tokens=budget)
    chosen = choose([hit(text) for text in texts], "a b 东 1?", config)
    assert sum(estimate_tokens(one.text) for one in chosen) <= max(budget, 0)
    assert len(chosen) <= len(config.shares)
    for one in chosen:
        assert one.text.strip()
        assert GAP.join(texts[one.index][start:end] for start, end in one.spans) == one.text
        assert list(one.spans) == sorted(one.spans)
