"""Marks, quotes and what has no support."""

import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.chat.citations import CitationFilter, check_answer, drop_unknown, is_refusal

PASSAGES = (
    "The harbour of Varn closes at nine. Boats wait outside until dawn.",
    "Mira Olsen built the lighthouse in 1874. It burned in 1901 and was built anew.",
    "The ferry costs 12 crowns. Children travel free.",
)
ANSWERS = st.text(alphabet="[]0123456789,; ab.", max_size=60)


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("At nine [1].", "At nine [1]."),
        ("At nine [7].", "At nine."),
        ("Both [1][2][9].", "Both [1][2]."),
        ("Both [1, 9; 2].", "Both [1, 2]."),
        ("None [0] of [12, 99] these", "None of these"),
        ("As in [1987] and [sic] and [", "As in [1987] and [sic] and ["),
        ("Open [1", "Open [1"),
        ("x  ", "x  "),
    ],
)
def test_drops_marks_of_unknown_passages(answer: str, shown: str) -> None:
    assert drop_unknown(answer, 3) == shown


@given(ANSWERS, st.lists(st.integers(0, 60), max_size=12), st.integers(0, 12))
@example("a [1", [], 3)
@example("[[9]8]", [1], 2)
def test_pieces_do_not_matter(answer: str, cuts: list[int], passages: int) -> None:
    stream = CitationFilter(passages)
    places = sorted({0, len(answer), *(cut for cut in cuts if cut < len(answer))})
    pieces = [answer[a:b] for a, b in itertools.pairwise(places)]
    shown = "".join(stream.feed(piece) for piece in pieces) + stream.finish()
    assert shown == drop_unknown(answer, passages)


@given(ANSWERS, st.integers(0, 12))
@example("[[9]8]", 2)
@example("[ [9]8]", 2)
@example("[8[99],1]", 1)
def test_no_unknown_mark_is_ever_shown(answer: str, passages: int) -> None:
    shown = drop_unknown(answer, passages)
    for mark in re.findall(r"\[ ?\d{1,3}(?: ?[,;] ?\d{1,3}){0,5} ?\]", shown):
        assert all(1 <= int(number) <= passages for number in re.findall(r"\d+", mark))


@given(st.text(max_size=80).filter(lambda text: "[" not in text))
def test_text_without_brackets_passes_unchanged(text: str) -> None:
    assert drop_unknown(text, 0) == text


def test_a_mark_gets_the_exact_sentence() -> None:
    checked = check_answer("It closes at nine [1].", "When does the harbour close?", PASSAGES)
    assert checked.found
    (citation,) = checked.citations
    assert (citation.n, citation.quote) == (1, "The harbour of Varn closes at nine.")
    assert PASSAGES[0][citation.start : citation.end] == citation.quote
    assert checked.answer == "It closes at nine [1]."


def test_a_mark_after_the_full_stop_belongs_to_its_sentence() -> None:
    answer = "Mira Olsen built it. [2] The ferry costs 12 crowns. [3]"
    checked = check_answer(answer, "Who built the lighthouse?", PASSAGES)
    assert [citation.n for citation in checked.citations] == [2, 3]
    assert checked.citations[0].quote == "Mira Olsen built the lighthouse in 1874."
    assert checked.answer == answer


def test_a_mark_on_the_wrong_passage_moves_to_the_right_one() -> None:
    checked = check_answer("The harbour closes at nine [3].", "When?", PASSAGES)
    assert [citation.n for citation in checked.citations] == [1]
    assert checked.answer == "The harbour closes at nine [1]."


def test_a_mark_that_nothing_supports_goes() -> None:
    checked = check_answer("Dragons guard it [3]. At nine [1].", "When?", PASSAGES)
    assert [citation.n for citation in checked.citations] == [1]
    assert checked.answer == "Dragons guard it. At nine [1]."


def test_an_answer_without_marks_gets_them_where_it_is_supported() -> None:
    answer = "Mira Olsen built the lighthouse in 1874. Dragons guard it at midnight."
    checked = check_answer(answer, "Who built the lighthouse?", PASSAGES)
    assert checked.answer == (
        "Mira Olsen built the lighthouse in 1874 [2]. Dragons guard it at midnight."
    )
    assert [citation.n for citation in checked.citations] == [2]
    assert checked.found


@pytest.mark.parametrize(
    "answer",
    [
        "The ferry costs 15 crowns.",
        "The ferry costs 15 crowns [3].",
        "In 1901 Arne Berg built the lighthouse [2].",
        "The ferry sails on Sunday, and it costs 12 crowns [3].",
    ],
)
def test_a_wrong_number_date_or_name_is_no_support(answer: str) -> None:
    checked = check_answer(answer, "What does it cost?", PASSAGES)
    assert checked.citations == ()
    assert "[" not in checked.answer
    assert checked.unsupported == ((0, len(checked.answer)),)


def test_the_words_of_the_question_need_no_support() -> None:
    answer = "In Varn, Mira Olsen built the lighthouse [2]."
    assert not check_answer(answer, "Who built the lighthouse in Varn?", PASSAGES).unsupported


def test_sentences_without_support_are_marked_where_they_stand() -> None:
    answer = "It closes at nine [1]. Dragons guard it. The passages do not say why."
    checked = check_answer(answer, "When does the harbour close?", PASSAGES)
    assert [checked.answer[a:b] for a, b in checked.unsupported] == ["Dragons guard it."]


def test_a_sentence_beside_marked_ones_gets_its_own_mark() -> None:
    answer = "It closes at nine [1]. Mira Olsen built the lighthouse in 1874."
    checked = check_answer(answer, "When does the harbour close?", PASSAGES)
    assert checked.answer.endswith("in 1874 [2].")
    assert checked.unsupported == ()


def test_a_short_answer_is_quoted_where_the_question_points() -> None:
    passages = ("Olsen was born in Varn. The harbour of Varn closes at nine.",)
    checked = check_answer("Varn", "Which harbour closes at nine?", passages)
    assert checked.citations[0].quote == "The harbour of Varn closes at nine."


@pytest.mark.parametrize(
    "answer",
    [
        "The passages do not say.",
        "I don't know.",
        "I cannot find this in the passages [1].",
        "The text does not mention the price of tea.",
        "There is no information about that.",
        "It is not stated in the passages.",
        "",
        " \n",
    ],
)
def test_an_answer_that_does_not_know_is_not_found(answer: str) -> None:
    checked = check_answer(answer, "What does tea cost?", PASSAGES)
    assert not checked.found
    assert checked.citations == ()


def test_a_refusal_that_echoes_the_question_is_none_the_less_one() -> None:
    answer = "The text does not say what the harbour of Varn costs."
    checked = check_answer(answer, "What does the harbour of Varn cost?", PASSAGES)
    assert (checked.found, checked.citations, checked.answer) == (False, (), answer)


def test_a_partial_answer_is_found() -> None:
    answer = "The ferry costs 12 crowns [3]. The passages do not say when it leaves."
    assert check_answer(answer, "What about the ferry?", PASSAGES).found


def test_a_passage_that_itself_speaks_of_not_knowing_is_an_answer() -> None:
    passages = ("The report does not mention the costs of the bridge.",)
    checked = check_answer(
        "The report does not mention the costs of the bridge.", "What is missing?", passages
    )
    assert checked.found
    assert [citation.n for citation in checked.citations] == [1]


def test_plain_statements_are_no_refusals() -> None:
    assert not is_refusal("The ferry costs 12 crowns.")
    assert not is_refusal("No dogs are allowed on board.")


def test_no_passages_no_citations() -> None:
    assert check_answer("Nine o'clock [1].", "When?", ()).citations == ()
