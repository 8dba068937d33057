"""Sentences and words, as the chat weighs them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chat.words import MAX_SENTENCE_CHARS, estimate_tokens, rarity, sentence_spans, words


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Ray paid 3.50 to J. Doe, e.g. in May. Then he left.",
         ["Dr. Ray paid 3.50 to J. Doe, e.g. in May.", "Then he left."]),
        ('He said "Go." Then he left.', ['He said "Go."', "Then he left."]),
        ("东京很大。人口很多。", ["东京很大。", "人口很多。"]),
        ("Heading\n\nText over\ntwo lines.", ["Heading", "Text over\ntwo lines."]),
        ("List:\n- one\n- two", ["List:", "- one", "- two"]),
        ("Kept. … Kept too.", ["Kept.", "Kept too."]),
        ("  \n ", []),
    ],
)  # fmt: skip
def test_cuts_sentences(text: str, sentences: list[str]) -> None:
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences


@given(st.text(alphabet=st.sampled_from("ab .!?\n…。-1东\t[]\"'"), max_size=1500))
def test_spans_are_in_order_bounded_and_lose_only_space(text: str) -> None:
    spans = sentence_spans(text)
    at = 0
    for start, end in spans:
        assert at <= start < end <= len(text)
        assert text[at:start].replace("…", "").strip() == ""
        assert end - start <= MAX_SENTENCE_CHARS
        at = end
    assert text[at:].replace("…", "").strip() == ""


def test_words_meet_across_forms() -> None:
    assert words("The walkers were walking") == words("walkers walked")
    assert words("In 1,250 CITIES") == ["1250", "city"]
    assert words("東京都") == ["東京", "京都"]
    assert words("What is it?") == []


def test_rare_words_tell_more() -> None:
    weights = rarity(["red house", "red boat", "red car"])
    assert weights["boat"] > weights["red"] > 0


def test_estimates_tokens() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("four" * 10) == 10
    assert estimate_tokens("東京") == 2
