"""What a question asks for."""

import pytest

from core.chat.expected import candidates, is_request, kind_of

TEXT = (
    'In March 1874 Mira Olsen, whom sailors called "the lamp", built it in Varn for 1,200 crowns.'
)


@pytest.mark.parametrize(
    ("question", "kind", "found"),
    [
        ("Who built it?", "who", "Mira Olsen"),
        ("When was it built?", "when", "1874"),
        ("In what year was it built?", "when", "1874"),
        ("How much did it cost?", "count", "1,200"),
        ("Where does it stand?", "where", "Varn"),
        ("What city is it in?", "where", "Varn"),
        ("What was she called?", "name", "called"),
        ("Why was it built?", "why", None),
        ("What is it made of?", "other", None),
    ],
)
def test_kinds_and_what_is_there(question: str, kind: str, found: str | None) -> None:
    assert kind_of(question) == kind
    texts = [TEXT[start:end] for start, end in candidates(kind_of(question), TEXT, question)]
    assert any(found in text for text in texts) if found else not texts


def test_what_the_question_names_itself_is_no_answer() -> None:
    assert not candidates("when", "It burned in 1901.", "When did it burn, in 1901?")
    assert not candidates("who", "There was Mira Olsen.", "Who was Mira Olsen?")


def test_a_request_is_told_from_a_question() -> None:
    assert is_request("Tell me everything about the rent.")
    assert is_request("please describe the garden")
    assert is_request("Could you summarise the minutes?")
    assert not is_request("When does the lease end?")
    assert not is_request("Who described the garden?")
