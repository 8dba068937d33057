"""Words of texts in any script: what meets what."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from languages import SAMPLES

from core.text.folding import folded, is_single, words

TEXTS = st.lists(
    st.text(max_size=9) | st.sampled_from([sample.text for sample in SAMPLES.values()]), max_size=6
).map(" ".join)


def keys(text: str) -> list[str]:
    return [word.key for word in words(text)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("Łódź", "lodz"),
        ("œuvre", "OEUVRE"),
        ("cafe\u0301", "Café"),
        ("ΕΛΛΆΔΟΣ", "ελλάδος"),
        ("ISPARTA", "ısparta"),
        ("İzmir", "izmir"),
        ("ёлка", "елка"),
        ("الْكِتَابُ", "كتاب"),
        ("والأولاد", "الاولاد"),
        ("שָׁלוֹם", "שלום"),
        ("ＡＢＣ", "abc"),
        ("ｶﾞｯｺｳ", "ガッコウ"),
        ("٢٠٢٤", "2024"),
        ("می\u200cخواهم", "ميخواهم"),
    ],
)
def test_writings_of_one_word_meet(one: str, other: str) -> None:
    assert keys(one) == keys(other)


@pytest.mark.parametrize(
    ("one", "other"), [("мой", "мои"), ("か", "が"), ("ि", "ी"), ("कि", "की"), ("ก่", "ก้")]
)
def test_other_letters_stay_apart(one: str, other: str) -> None:
    assert folded(one) != folded(other)


def test_words_and_pairs() -> None:
    assert keys("don't stop_it x1") == ["don", "t", "stop", "it", "x1"]
    assert keys("हिन्दी में।") == ["हिन्दी", "में"]
    assert keys("図書館は") == ["図書", "書館", "館は"]
    assert keys("iPhone15を買う") == ["iphone15", "を買", "買う"]
    assert keys("猫") == ["猫"]
    assert [word.key for word in words("黒猫", alone="last")] == ["黒猫", "猫"]
    assert keys("กุญแจ") == ["กุญ", "ญแ", "แจ"]
    assert keys("🎉 done 👍🏽") == ["🎉", "done", "👍", "🏽"]
    assert is_single("猫") and is_single("กุ") and not is_single("a") and not is_single("黒猫")


@given(TEXTS)
def test_places_are_those_of_the_words(text: str) -> None:
    for word in words(text, alone="all"):
        assert 0 <= word.start < word.end <= len(text)
        assert word.key
        assert not any(char.isspace() for char in word.key)
        assert word.key == "".join(w.key for w in words(text[word.start : word.end])) or is_single(
            word.key
        )


@given(TEXTS)
def test_case_and_composition_do_not_count(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    assert keys(composed) == keys(unicodedata.normalize("NFC", composed))
    ascii_only = text.encode("ascii", "ignore").decode()
    assert keys(ascii_only) == keys(ascii_only.upper())
