import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.terms import LONGEST_TERM, Tokenizer, Wanted, query_terms


def terms(text: str) -> list[str]:
    return Tokenizer().terms(text)


def query(text: str, **how: bool) -> list[str]:
    return [wanted.term for wanted in query_terms(text, **how)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The HARBOUR closes", ["the", "harbour", "close"]),
        ("max_tokens, snake_case", ["max", "token", "snake", "case"]),
        ("mira.olsen@varn.org", ["mira", "olsen", "varn", "org"]),
        ("3.14 and A4-2019", ["3", "14", "and", "a4", "2019"]),
        ("Übersee, Straße, cafe\u0301", ["uberse", "strass", "cafe"]),
        ("Ｆｕｌｌ ｗｉｄｔｈ", ["full", "width"]),
        ("Ελλάδα Москва́", ["ελλαδα", "москва"]),
        ("مُحَمَّد كـــتاب", ["محمد", "كتاب"]),
        ("हिन्दी", ["हिन्दी"]),
        ("図書館は", ["図書", "書館", "館は", "は"]),
        ("iPhone手机 5", ["iphon", "手机", "机", "5"]),
        ("ｶﾞｲﾄﾞ", ["ガイ", "イド", "ド"]),
        ("도서관", ["도서", "서관", "관"]),
        ("ภาษา", ["ภา", "าษ", "ษา", "า"]),
        ("—…!?", []),
    ],
)
def test_terms_of_texts(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_a_very_long_word_is_cut() -> None:
    assert terms("é9" * 200) == [("e9" * LONGEST_TERM)[:LONGEST_TERM]]


@settings(deadline=None)
@given(st.text())
def test_any_text_has_terms_that_can_be_kept(text: str) -> None:
    for term in terms(text):
        assert 0 < len(term) <= 4 * LONGEST_TERM
        assert min(term.encode()) >= 0x20


@settings(deadline=None)
@given(st.text())
def test_all_terms_of_a_query_are_terms_of_the_same_text(text: str) -> None:
    assert set(query(text, every=True)) <= set(terms(text))


def test_common_words_are_left_out_only_beside_others() -> None:
    assert query("who built the lighthouse") == ["built", "lighthous"]
    assert query("what is it") == ["what", "is", "it"]
    assert query("what is it", every=True) == ["what", "is", "it"]
    assert query("who is 図書") == ["図書"]
    assert len(query(" ".join(f"w{n}" for n in range(500)))) == 64


def test_words_with_the_same_stem_are_one() -> None:
    assert query("light lights lighting") == ["light"]


def test_only_the_last_word_may_be_unfinished() -> None:
    assert query_terms("red lighth", typing=True) == (Wanted("red"), Wanted("lighth", "lighth"))
    assert query_terms("red lighth ", typing=True) == (Wanted("red"), Wanted("lighth"))
    assert query_terms("happiness", typing=True) == (Wanted("happi", "happiness"),)
    assert query_terms("lighthouse of the", typing=True) == (Wanted("lighthous"),)


def test_one_character_of_a_script_without_spaces_is_a_beginning() -> None:
    assert query_terms("水") == (Wanted("水", "水"),)
