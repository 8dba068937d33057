from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.snippet import make_snippet

WORDS = st.sampled_from(["crank", "bolts", "Bolts", "torque", "the", "東京都", "É", "İ", ".", "x"])
TEXTS = st.lists(WORDS | st.text(max_size=8), max_size=120).map(" ".join)


@settings(max_examples=300)
@given(TEXTS, TEXTS, st.integers(20, 400))
def test_marks_lie_inside_and_in_order(passage: str, query: str, width: int) -> None:
    snippet = make_snippet(passage, query, width)
    assert len(snippet.text) <= width + 4
    assert "\n" not in snippet.text
    at = 0
    for start, end in snippet.marks:
        assert at <= start < end <= len(snippet.text)
        at = end
        assert not snippet.text[start:end].isspace()


def test_words_of_the_query_are_marked_in_their_forms() -> None:
    snippet = make_snippet("Tighten both crank bolts. A bolt rusts.", "crank bolt")
    assert [snippet.text[a:b] for a, b in snippet.marks] == ["crank", "bolts", "bolt"]


def test_a_long_passage_is_cut_around_its_match() -> None:
    passage = "Nothing here. " * 80 + "The crank bolts take 40 Nm. " + "More of nothing. " * 80
    snippet = make_snippet(passage, "crank bolts")
    assert "crank bolts take 40 Nm" in snippet.text
    assert snippet.text.startswith("… ")
    assert snippet.text.endswith(" …")
    assert [snippet.text[a:b] for a, b in snippet.marks] == ["crank", "bolts"]


def test_chinese_is_marked_inside_a_run() -> None:
    snippet = make_snippet("我住在東京都的房子", "東京")
    assert [snippet.text[a:b] for a, b in snippet.marks] == ["東京"]


def test_no_match_gives_the_beginning() -> None:
    snippet = make_snippet("alpha beta " * 90, "gamma")
    assert snippet.text.startswith("alpha beta")
    assert snippet.marks == ()
