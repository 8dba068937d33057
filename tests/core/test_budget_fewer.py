"""Fewer experts a token: only where memory is short and it costs little, or where chosen."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from core.budget.facts import MB, Corpus, FewerExperts, Limits, ModelNeeds, Speeds, Wishes
from core.budget.fewer import MOST_COST, PRESSED_SHARE, share_with_model
from core.budget.plan import Plan, make_plan
from core.budget.ram import share_memory
from core.budget.words import changes, why
from core.index.levels import DEFAULT_LEVEL, level_named

GB = 1000 * MB
WISHES = Wishes(level_named(DEFAULT_LEVEL))
DENSE, EXPERTS, ACTIVE, ALL = GB, 8 * GB, 4, 32


def needs(costs: dict[int, float | None]) -> ModelNeeds:
    each = EXPERTS // ALL
    return ModelNeeds(
        "mixture", DENSE + EXPERTS, DENSE + ACTIVE * each, 60 * MB, 20_000, 8192, EXPERTS, ACTIVE,
        tuple(FewerExperts(n, costs.get(n), DENSE + n * each) for n in range(1, ACTIVE)),
    )  # fmt: skip


def plan(ram_bytes: int, model: ModelNeeds, wishes: Wishes = WISHES) -> Plan:
    return make_plan(Limits(500 * MB, ram_bytes), Corpus(), wishes, Speeds(), model)


def chosen(ram_bytes: int, model: ModelNeeds, wishes: Wishes = WISHES) -> int | None:
    fewer = plan(ram_bytes, model, wishes).fewer
    return fewer.active if fewer else None


def test_only_what_was_measured_and_costs_little_is_taken_unasked() -> None:
    short, ample = 5 * GB, 20 * GB
    assert chosen(short, needs({})) is None
    assert chosen(short, needs({3: 0.01, 2: 0.04, 1: 0.3})) == 2
    assert chosen(short, needs({3: 0.06, 2: 0.2})) is None
    assert chosen(short, needs({2: -0.01})) == 2
    assert chosen(ample, needs({3: 0.01, 2: 0.04})) is None


def test_it_begins_where_much_of_the_experts_is_on_disk() -> None:
    model = needs({3: 0.01})
    unpressed = share_with_model(20 * GB, 0, WISHES, model).memory
    others = sum(size for part, size in unpressed.parts.items() if part not in ("free",)) - GB * 9
    for share, expected in ((PRESSED_SHARE + 0.05, None), (PRESSED_SHARE - 0.05, 3)):
        assert chosen(round(others + DENSE + share * EXPERTS), model) == expected


def test_a_model_that_would_not_answer_otherwise_does() -> None:
    """With the context of a question and no more, so that more memory never means less."""
    model = needs({2: 0.02})
    least = next(ram for ram in range(GB, 4 * GB, 10 * MB) if plan(ram, model).can_answer)
    without = next(ram for ram in range(GB, 4 * GB, 10 * MB) if plan(ram, needs({})).can_answer)
    assert without - least >= 400 * MB
    assert plan(least, model).context_tokens == WISHES.task_tokens
    assert plan(least, model).fewer == model.fewer[1]


def test_what_the_person_chose_is_taken_always() -> None:
    wishes = replace(WISHES, active_experts=3)
    for ram in (3 * GB, 5 * GB, 20 * GB):
        assert chosen(ram, needs({}), wishes) == 3
    # More than the model uses changes nothing, nor does it for one without experts.
    assert chosen(5 * GB, needs({}), replace(WISHES, active_experts=9)) is None
    dense = ModelNeeds("dense", DENSE, DENSE, 60 * MB, 20_000, 8192)
    assert chosen(5 * GB, dense, wishes) is None


def test_the_words_say_what_it_costs() -> None:
    def said(model: ModelNeeds, wishes: Wishes = WISHES) -> str:
        return " ".join(why(plan(5 * GB, model, wishes), Corpus(), wishes, model))

    assert "2 of its experts instead of 4" in said(needs({2: 0.0423}))
    assert "perplexity is 4.2% higher" in said(needs({2: 0.0423}))
    assert "perplexity is not higher" in said(needs({2: -0.01}))
    assert "not measured; run `satchel models measure mixture`" in said(
        needs({}), replace(WISHES, active_experts=1)
    )
    assert "finds out what that would cost" in said(needs({}))
    assert "experts a token" not in said(needs({3: 0.2}))
    now, then = plan(20 * GB, needs({2: 0.01})), plan(5 * GB, needs({2: 0.01}))
    assert "A token uses 2 of the model's experts." in changes(now, then, {})
    assert "A token uses as many as usual of the model's experts." in changes(then, now, {})


COSTS = st.dictionaries(st.integers(1, ACTIVE - 1), st.none() | st.floats(-0.1, 2 * MOST_COST))


@given(st.integers(0, 20 * GB), st.integers(0, 20 * GB), COSTS, st.integers(0, ACTIVE))
def test_more_memory_never_takes_anything_away(
    one: int, other: int, costs: dict[int, float | None], active: int
) -> None:
    model, wishes = needs(costs), replace(WISHES, active_experts=active)
    less, more = plan(min(one, other), model, wishes), plan(max(one, other), model, wishes)
    assert sum(less.memory.values()) == min(one, other)
    assert less.can_answer <= more.can_answer
    assert (less.context_tokens or 0) <= (more.context_tokens or 0)
    assert less.memory["model_weights"] <= more.memory["model_weights"]
    if not active and less.can_answer and more.can_answer:
        assert (less.fewer is not None) >= (more.fewer is not None)


def test_a_model_that_answers_anyway_keeps_what_it_has() -> None:
    for ram in range(2 * GB, 12 * GB, 250 * MB):
        plain = share_memory(ram, 0, WISHES, needs({}))
        if plain.context_tokens:
            assert share_with_model(ram, 0, WISHES, needs({2: 0.01})).memory == plain
