"""Ends of sentences."""

from __future__ import annotations

import pytest

from core.text.sentences import HEADING, LINE, PARAGRAPH, SENTENCE, WORD, segments


def cut(text: str, headings: frozenset[int] = frozenset(), max_chars: int = 1_000) -> list[str]:
    return [text[one.start : one.end] for one in segments(text, headings, max_chars)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It rains. We stay.", ["It rains.", "We stay."]),
        ("Dr. Quill and Mr. Tom left. Why?", ["Dr. Quill and Mr. Tom left.", "Why?"]),
        ("See e.g. Chapter 4, cf. Fig. 2 there.", ["See e.g. Chapter 4, cf. Fig. 2 there."]),
        ("J. R. Marlow wrote it.", ["J. R. Marlow wrote it."]),
        ("Am 3. Oktober fuhr er.", ["Am 3. Oktober fuhr er."]),
        ("That was in 1998. Then it ended.", ["That was in 1998.", "Then it ended."]),
        ('"Come in." He came.', ['"Come in."', "He came."]),
        ("It costs 4.50 now! Really?", ["It costs 4.50 now!", "Really?"]),
        ("今天很好。明天呢？好！", ["今天很好。", "明天呢？", "好！"]),
        ("他说：「走吧。」我们走了。", ["他说：「走吧。」", "我们走了。"]),
        ("本当！！もう？」と聞いた。", ["本当！！", "もう？」", "と聞いた。"]),
        ("बारिश हुई। हम रुके।। क्यों?", ["बारिश हुई।", "हम रुके।", "।", "क्यों?"]),
        ("هل جاء؟ نعم. ذهب۔ ثم", ["هل جاء؟", "نعم.", "ذهب۔", "ثم"]),
        ("ዝናብ ዘነበ። ቤት ገባን፧ አዎ", ["ዝናብ ዘነበ።", "ቤት ገባን፧", "አዎ"]),
        ("မိုးရွာသည်။ အိမ်ပြန်သည်။", ["မိုးရွာသည်။", "အိမ်ပြန်သည်။"]),
        ("one\ntwo\n\n\nthree", ["one", "two", "three"]),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert cut(text) == parts


def test_strengths() -> None:
    text = "Up they go. Down.\nC\n\nD\n\nE"
    found = [one.strength for one in segments(text, frozenset([text.index("E")]), 100)]
    assert found == [PARAGRAPH, SENTENCE, LINE, PARAGRAPH, HEADING]


def test_an_endless_segment_is_cut_at_a_blank_or_anywhere() -> None:
    parts = list(segments("ab " * 100, frozenset(), 50))
    assert all(one.end - one.start <= 50 for one in parts)
    assert all(one.strength == WORD for one in parts[1:])
    assert "".join(cut("x" * 120, max_chars=50)) == "x" * 120
