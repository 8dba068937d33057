"""Questions that lean on their conversation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chat.followups import leans, stand_alone
from core.messages import ChatTurn

RENT = (
    ChatTurn("user", "How long is the lease of the workshop in Mill Lane?"),
    ChatTurn("assistant", "It runs for five years [1]."),
)
LAMP = (
    ChatTurn("user", "Who built the lighthouse?"),
    ChatTurn("assistant", "Mira Olsen built it in 1874 [2]."),
)


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("and how much does it cost?", ("Mill Lane", "lease", "workshop")),
        ("When does it end?", ("Mill Lane", "lease")),
        ("What about the deposit?", ("workshop",)),
        ("Why?", ("lease",)),
    ],
)
def test_what_was_spoken_of_is_added(question: str, terms: tuple[str, ...]) -> None:
    whole = stand_alone(question, RENT)
    assert whole.startswith(question)
    assert all(term in whole for term in terms)


@pytest.mark.parametrize(
    "question",
    [
        "Who painted the frame of the red bicycle?",
        "And who was the mother of Anna Berg?",
        "What happened in Varn this year?",
        "Which birds nest on the cliffs of the northern coast?",
    ],
)
def test_a_question_that_stands_alone_stays_as_it_is(question: str) -> None:
    assert stand_alone(question, RENT) == question


def test_a_person_of_the_last_answer_is_meant_by_she() -> None:
    assert "Mira Olsen" in stand_alone("When was she born?", LAMP)
    assert "[2]" not in stand_alone("When was she born?", LAMP)


def test_a_chain_of_follow_ups_reaches_its_topic_and_no_further() -> None:
    later = (*LAMP, ChatTurn("user", "And when?"), ChatTurn("assistant", "In 1874 [1]."))
    assert "lighthouse" in stand_alone("And how tall is it?", later)
    assert "lease" not in stand_alone("And how tall is it?", (*RENT, *later))


def test_without_a_conversation_nothing_is_added() -> None:
    assert stand_alone("and how much does it cost?", ()) == "and how much does it cost?"


@given(st.text(max_size=80), st.lists(st.text(max_size=80), max_size=6))
def test_the_question_is_never_lost(question: str, texts: list[str]) -> None:
    roles = ("user", "assistant")
    history = [ChatTurn(roles[at % 2], text) for at, text in enumerate(texts)]  # type: ignore[arg-type]
    whole = stand_alone(question, history)
    assert whole.startswith(question.rstrip())
    if not leans(question):
        assert whole == question
