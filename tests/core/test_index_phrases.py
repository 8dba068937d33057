import re

import pytest
from helpers import Lab
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Cancelled
from core.index.phrases import parse, pattern


@pytest.mark.parametrize(
    ("query", "phrases", "text"),
    [
        ('"red fox" den', ("red fox",), " red fox  den"),
        ("“red fox” and „blaue Maus“", ("red fox", "blaue Maus"), " red fox  and  blaue Maus "),
        ("«bon mot»", ("bon mot",), " bon mot "),
        ('6" of "fresh   snow"', ("of",), None),
        ('a 19" monitor', (), 'a 19" monitor'),
        ('""', (), '""'),
        ('" "', (), '" "'),
        ("plain words", (), "plain words"),
    ],
)
def test_quotation_marks_are_understood(
    query: str, phrases: tuple[str, ...], text: str | None
) -> None:
    found = parse(query)
    assert found.phrases == phrases
    assert text is None or found.text == text


@given(st.text(alphabet='ab" “”„«»\n', max_size=30))
def test_any_query_can_be_parsed(query: str) -> None:
    for phrase in parse(query).phrases:
        assert phrase
        assert pattern(phrase).search(phrase)


@pytest.mark.parametrize(
    ("phrase", "text", "times"),
    [
        ("red fox", "A Red\n  Fox and a red foxhole, the red fox.", 2),
        ("fox", "foxes fox_ fox-hole fox", 2),
        ("C++", "C++ and C and C+++", 2),
        ("京都", "東京都庁と京都", 2),
        ("naïve", "Naïve NAÏVE naive", 2),
        ("a.b", "a.b axb", 1),
    ],
)
def test_whole_words_are_matched(phrase: str, text: str, times: int) -> None:
    assert len(pattern(phrase).findall(text)) == times


TEXTS = {
    "one.txt": "The red fox jumps. A fox is red. The red   fox sleeps.",
    "two.txt": "Red foxes are shy. Not the fox red, nor a fox.",
    "three.txt": "Where is the red\nfox? "
    + "Filler about gardens and rain. " * 60
    + "The RED FOX!",
    "four.txt": "Nothing to see here.",
}


def test_a_phrase_is_counted_in_the_texts(lab: Lab) -> None:
    for name, text in TEXTS.items():
        lab.write(name, text)
    lab.index()
    found = lab.search('"red fox"', k=10)
    assert {hit.path.rsplit("/", 1)[-1] for hit in found.hits} == {"one.txt", "three.txt"}
    assert found.phrases is not None
    expected = sum(len(re.findall(r"(?i)\bred\s+fox\b", text)) for text in TEXTS.values())
    assert (found.phrases.occurrences, found.phrases.documents) == (expected, 2)
    assert found.phrases.unread == 0
    both = lab.search('"red fox" "fox is red"', k=10)
    assert [hit.path.rsplit("/", 1)[-1] for hit in both.hits] == ["one.txt"]
    nothing = lab.search('"fox the red"', k=10)
    assert nothing.hits == ()
    assert nothing.phrases is not None
    assert nothing.phrases.occurrences == 0


def test_every_passage_with_the_phrase_can_be_had(lab: Lab) -> None:
    """More passages than any candidate list holds, all with the phrase and nothing else alike."""
    for number in range(90):
        lab.write(f"{number}.txt", f"Word{number} other{number} and then the odd turnip {number}.")
    lab.index()
    for mode in ("hybrid", "lexical", "semantic"):
        found = lab.search('"odd turnip"', k=200, mode=mode)
        assert len(found.hits) == 90, mode


def test_files_that_cannot_be_read_are_told(lab: Lab) -> None:
    for name, text in TEXTS.items():
        lab.write(name, text)
    lab.index()
    lab.write("one.txt", "Changed in the meantime.")
    found = lab.search('"red fox"', k=10)
    assert found.phrases is not None
    assert (found.phrases.documents, found.phrases.unread) == (1, 1)


def test_looking_for_a_phrase_can_be_given_up(lab: Lab) -> None:
    for number in range(30):
        lab.write(f"{number}.txt", f"The odd turnip number {number}.")
    lab.index()
    seen: list[tuple[int, int]] = []

    def cancelled() -> bool:
        return len(seen) > 1

    with pytest.raises(Cancelled):
        lab.searcher().search(
            lab.query('"odd turnip"'), 32, 60.0, cancelled, on_phrases=lambda *p: seen.append(p)
        )
    assert seen == [(0, 30), (8, 30)]
