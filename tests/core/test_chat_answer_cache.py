"""Which kept answer a question gets, and which answers stay when room is short."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.chat.answer_cache import (
    HALF_LIFE_S,
    FileMark,
    KeptAnswer,
    Rests,
    other_words,
    same_words,
    speaks_of_now,
    stands_alone,
    to_drop,
    worth,
)

NOW_S = 1e9


def kept(
    turn: int = 1,
    question: str = "When is the rent due?",
    angle: float = 0.0,
    text: str = "x" * 500,
    cost_ms: float = 900.0,
    used: int = 0,
    age_s: float = 0.0,
) -> KeptAnswer:
    vector = np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)
    when = NOW_S - age_s
    return KeptAnswer(
        turn, question, vector, Rests("m", "s", "i"), (FileMark("/a", 1, 2),), (text,),
        cost_ms, when, used, when,
    )  # fmt: skip


def test_the_same_words_come_newest_first() -> None:
    old, new, other = kept(1, age_s=50), kept(2), kept(3, "Who pays?")
    assert same_words("when is the RENT due", [old, new, other]) == [new, old]


def test_other_words_come_nearest_first_and_only_when_near_enough() -> None:
    asked = "On what day is rent for the flat to be paid?"
    near, nearer = kept(1, angle=0.2), kept(2, angle=0.1)
    far, number = kept(3, angle=0.6), kept(4, "When is rent 2 due?")
    vector = np.array([1.0, 0.0], dtype=np.float32)
    assert other_words(asked, vector, [near, far, nearer, number]) == [nearer, near]
    assert other_words(asked, vector[:1], [near]) == []
    assert other_words(asked, vector, []) == []


def test_what_costs_more_is_asked_more_and_takes_less_is_worth_more() -> None:
    plain = worth(kept(), NOW_S)
    assert worth(kept(cost_ms=1800), NOW_S) == 2 * plain
    assert worth(kept(used=1), NOW_S) == 2 * plain
    assert worth(kept(text="x" * 5000), NOW_S) < plain / 2
    assert np.isclose(worth(kept(age_s=HALF_LIFE_S), NOW_S), plain / 2)


@given(
    st.lists(
        st.tuples(st.integers(0, 5000), st.floats(0, 1e5), st.integers(0, 50), st.floats(0, 1e8)),
        max_size=20,
    ),
    st.integers(0, 50_000),
)
def test_what_stays_fits_and_nothing_worth_more_is_dropped(
    made: list[tuple[int, float, int, float]], most_bytes: int
) -> None:
    answers = [
        kept(turn, text="x" * size, cost_ms=cost, used=used, age_s=age)
        for turn, (size, cost, used, age) in enumerate(made)
    ]
    dropped = set(to_drop(answers, most_bytes, NOW_S))
    stays = [one for one in answers if one.turn not in dropped]
    goes = [one for one in answers if one.turn in dropped]
    assert sum(one.size_bytes for one in stays) <= most_bytes
    if goes:
        assert sum(one.size_bytes for one in answers) > most_bytes
        worst_kept = min((worth(one, NOW_S) for one in stays), default=np.inf)
        assert max(worth(one, NOW_S) for one in goes) <= worst_kept


def test_a_question_that_leans_on_another_is_told() -> None:
    assert stands_alone("When is the rent due?")
    for question in ("And the rent?", "When is it due?", "Why?", "What about the deposit now?"):
        assert not stands_alone(question)


def test_a_question_of_today_is_told() -> None:
    assert speaks_of_now("What is due this month?")
    assert not speaks_of_now("What was due in May?")
