"""Which model a question goes to, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chat.routing import Route, Size, route, signs_of, why_hard

SMALL, LARGE = Size("small", 100), Size("large", 1000)
LEASE = "The lease of the workshop ends on 31 May 2028. The rent is 540 pounds a month."
COUNCIL = "The council closes the forge in spring."


@pytest.mark.parametrize(
    ("question", "passages", "words"),
    [
        ("When does the lease of the workshop end?", (LEASE, COUNCIL), ""),
        ("How much is the rent a month?", (LEASE,), ""),
        ("Why does the lease of the workshop end?", (LEASE,), "more than a fact"),
        ("Compare the lease and the rent.", (LEASE,), "more than a fact"),
        ("How does the lease of the workshop end?", (LEASE,), "more than a fact"),
        ("When does the lease end? How much is the rent?", (LEASE,), "several things"),
        ("the lease of the workshop ends " * 6, (LEASE,), "it is long"),
        ("Which forge of the council pays rent for its workshop?", (LEASE, COUNCIL), "no single"),
        ("When does the lease end?", (), "no single"),
        ("", (LEASE,), "no single"),
    ],
)
def test_what_makes_a_question_hard(question: str, passages: tuple[str, ...], words: str) -> None:
    why = why_hard(signs_of(question, passages))
    assert words in why
    assert bool(why) == bool(words)


def test_passages_needed_are_counted() -> None:
    assert signs_of("When does the lease end?", (LEASE, COUNCIL)).passages_needed == 1
    assert signs_of("Does the council end the lease?", (LEASE, COUNCIL)).passages_needed == 2
    assert signs_of("Anything else?", ()).passages_needed == 0


def test_easy_goes_to_the_small_and_hard_to_the_large() -> None:
    easy = signs_of("When does the lease of the workshop end?", (LEASE,))
    hard = signs_of("Why does the lease of the workshop end?", (LEASE,))
    assert route(easy, (LARGE, SMALL), "usual").name == "small"
    assert route(hard, (LARGE, SMALL), "usual").name == "large"
    assert "more than a fact" in route(hard, (LARGE, SMALL), "usual").why
    for few in ((), (SMALL,), (SMALL, Size("copy", 120))):
        assert route(hard, few, "usual") == Route("usual")


@given(
    st.text(max_size=60),
    st.lists(st.text(max_size=60), max_size=4),
    st.lists(st.builds(Size, st.sampled_from("abc"), st.integers(0, 10**6)), max_size=4),
)
def test_any_question_has_a_model(question: str, passages: list[str], models: list[Size]) -> None:
    signs = signs_of(question, passages)
    assert 0 <= signs.sure_share <= 1.0001
    assert 0 <= signs.passages_needed <= len(passages)
    chosen = route(signs, models, "usual")
    assert chosen.name in {"usual", *(model.name for model in models)}
    assert bool(chosen.why) == (chosen.name != "usual")
