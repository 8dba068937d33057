"""Texts with gaps are found in whole sentences, and what stands in the gaps is kept."""

from __future__ import annotations

import re

from hypothesis import assume, given
from hypothesis import strategies as st

from ui.phrases import LONGEST_CHARS, Phrases, gaps_of

TEXTS = {
    "Cancelled.": "Abgebrochen.",
    "There is no folder %1.": "Es gibt keinen Ordner %1.",
    "There is no %1.": "Es gibt nicht: %1.",
    "%1 of %2 files wait.": "Von %2 Dateien warten %1.",
    "It takes %1 instead of %2.": "Es dauert %L1 statt %L2.",
    "because %1": "weil %T1",
    "the disk is nearly full": "die Platte fast voll ist",
    "an app is in full screen": "ein Programm den Bildschirm füllt",
}
JOINTS = {" and ": " und ", "; ": "; "}


def phrases() -> Phrases:
    return Phrases(TEXTS, JOINTS, point=",", group=".")


def test_a_whole_text_and_one_with_gaps_are_found() -> None:
    found = phrases()
    assert found.say("Cancelled.") == "Abgebrochen."
    assert found.say("12 of 100 files wait.") == "Von 100 Dateien warten 12."
    assert found.say("There is no folder /home/ana/a b.") == "Es gibt keinen Ordner /home/ana/a b."


def test_the_text_that_says_most_is_taken() -> None:
    assert phrases().say("There is no folder x.") == "Es gibt keinen Ordner x."
    assert phrases().say("There is no tag x.") == "Es gibt nicht: tag x."


def test_numbers_get_the_separators_of_the_language() -> None:
    said = phrases().say("It takes 1,200 ms instead of 0.4 s.")
    assert said == "Es dauert 1.200 ms statt 0,4 s."


def test_parts_are_texts_of_the_catalogue_or_nothing_is_found() -> None:
    found = phrases()
    assert found.say("because the disk is nearly full") == "weil die Platte fast voll ist"
    both = "because the disk is nearly full and an app is in full screen"
    assert found.say(both) == "weil die Platte fast voll ist und ein Programm den Bildschirm füllt"
    assert found.say("because Cancelled. said so") is None


def test_several_sentences_are_said_only_when_each_is_known() -> None:
    found = phrases()
    assert found.say("Cancelled.; There is no tag x.") == "Abgebrochen.; Es gibt nicht: tag x."
    assert found.say("Cancelled.; Nobody knows this.") is None


def test_a_path_may_hold_what_stands_between_it_and_the_reason() -> None:
    texts = {"%1 %2.": "%1 %T2.", "is no longer there": "ist nicht mehr da"}
    found = Phrases(texts, JOINTS, ",", ".")
    assert found.say("/home/ana/my old lease.pdf is no longer there.") == (
        "/home/ana/my old lease.pdf ist nicht mehr da."
    )
    assert found.say("/home/ana/my old lease.pdf is nowhere.") is None


def test_a_gap_may_be_empty() -> None:
    assert phrases().say("There is no .") == "Es gibt nicht: ."
    assert phrases().say("because ") == "weil "


def test_what_is_no_text_of_the_catalogue_is_left() -> None:
    assert phrases().say("The lease ends in May.") is None
    assert phrases().say("") is None
    assert phrases().say("There is no folder " + "x" * LONGEST_CHARS + ".") is None


@given(st.text(min_size=1, max_size=40))
def test_what_stands_in_a_gap_goes_over_untouched(name: str) -> None:
    assert phrases().say(f"There is no folder {name}.") == f"Es gibt keinen Ordner {name}."


@given(st.lists(st.text(min_size=1, max_size=9), min_size=2, max_size=2))
def test_every_gap_of_a_text_is_filled(values: list[str]) -> None:
    assume(not any(" of " in value or " files wait." in value for value in values))
    text = f"{values[0]} of {values[1]} files wait."
    assume(" of ".join(re.split(" of ", text)[:1]) == values[0])
    assert phrases().say(text) == f"Von {values[1]} Dateien warten {values[0]}."


def test_gaps_are_told_in_their_order() -> None:
    assert gaps_of("%2 of %L1, %T3 and 50 %") == ("2", "1", "3")
