import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.terms import LONGEST_TERM, Tokenizer, Wanted, query_terms, term_of


def terms(text: str) -> list[str]:
    return Tokenizer().terms(text)


def query(text: str, every: bool = False) -> list[str]:
    return [wanted.term for wanted in query_terms(text, every=every)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The HARBOUR closes", ["the", "harbour", "close"]),
        ("max_tokens, snake_case", ["max", "token", "snake", "case"]),
        ("mira.olsen@varn.org", ["mira", "olsen", "varn", "org"]),
        ("3.14 and A4-2019", ["3", "14", "and", "a4", "2019"]),
        ("Übersee, Straße, cafe\u0301s", ["uberse", "strass", "cafe"]),
        ("Ｆｕｌｌ ｗｉｄｔｈｓ", ["full", "width"]),
        ("図書館は closes", ["図書", "書館", "館は", "は", "close"]),
        ("iPhone手机 5", ["iphon", "手机", "机", "5"]),
        ("도서관", ["도서", "서관", "관"]),
        ("—…!?", []),
    ],
)
def test_terms_of_texts(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_a_very_long_word_is_cut() -> None:
    assert terms("é" * 200) == ["e" * LONGEST_TERM]
    assert terms("7f" * 200) == [("7f" * 200)[:LONGEST_TERM]]


@settings(deadline=None)
@given(st.text())
def test_any_text_has_terms_that_can_be_kept(text: str) -> None:
    for term in terms(text):
        assert 0 < len(term) <= LONGEST_TERM
        assert min(term.encode()) >= 0x20


@settings(deadline=None)
@given(st.text(), st.text())
def test_a_text_has_the_terms_of_its_words_in_any_company(text: str, other: str) -> None:
    tokenizer = Tokenizer()
    both = tokenizer.terms(f"{text} {other}")
    assert both == tokenizer.terms(text) + tokenizer.terms(other)
    assert both == terms(f"{text} {other}")


@settings(deadline=None)
@given(st.text())
def test_all_terms_of_a_query_are_terms_of_the_same_text(text: str) -> None:
    found = terms(text)
    for wanted in query_terms(text, every=True):
        assert wanted.term in found or any(
            term.startswith(wanted.beginning or "\0") for term in found
        )


def test_words_that_were_met_are_forgotten_beyond_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tokenizer, "_MOST_WORDS", 3)
    tokenizer = Tokenizer()
    for number in range(9):
        assert tokenizer.terms(f"closes ein{number} Übersee") == ["close", f"ein{number}", "uberse"]


def test_common_words_are_left_out_only_beside_others() -> None:
    assert query("who built the lighthouse") == ["built", "lighthous"]
    assert query("what is it") == ["what", "is", "it"]
    assert query("who built the lighthouse", every=True) == ["who", "built", "the", "lighthous"]
    assert query("who is 図書") == ["図書"]
    assert len(query(" ".join(f"w{n}" for n in range(500)))) == 64


def test_words_with_the_same_stem_are_one() -> None:
    assert query("light lights lighting") == ["light"]
    assert term_of("lighting") == "light"


def test_only_the_last_word_may_be_unfinished() -> None:
    assert query_terms("red lighth", typing=True) == (Wanted("red"), Wanted("lighth", "lighth"))
    assert query_terms("red lighth ", typing=True) == (Wanted("red"), Wanted("lighth"))
    assert query_terms("Happiness", typing=True) == (Wanted("happi", "happiness"),)
    assert query_terms("lighthouse of the", typing=True) == (Wanted("lighthous"),)
    assert query_terms("a b", typing=True) == (Wanted("b"),)
    assert query_terms("図書館", typing=True) == (Wanted("図書"), Wanted("書館"))


def test_one_character_of_a_script_without_spaces_is_a_beginning() -> None:
    assert query_terms("水") == (Wanted("水", "水"),)
