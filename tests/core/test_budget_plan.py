import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.budget.plan import MB, Limits, Plan, make_plan
from core.errors import UserError
from core.home import SMALLEST_DISK_BUDGET_BYTES
from core.index.levels import DEFAULT_LEVEL, LEVELS, Level, level_named

DISK = st.integers(SMALLEST_DISK_BUDGET_BYTES, 10**13)
RAM = st.integers(0, 10**12)
WISH = st.integers(0, 10**10)
LEVEL = level_named(DEFAULT_LEVEL)
MODEL = st.just(0) | st.integers(1, 10**11)


@given(DISK, RAM, WISH, MODEL)
def test_never_over_a_limit(disk: int, ram: int, wish: int, model: int) -> None:
    plan = make_plan(Limits(disk, ram), wish, model, LEVEL)
    assert plan.text_cache_bytes + plan.index_bytes <= disk
    assert plan.text_cache_bytes <= wish
    bought = plan.embedding_cache_bytes + plan.model_bytes
    assert bought == 0 or bought + plan.service_bytes + plan.extractor_bytes <= ram
    assert plan.embedding_cache_entries * 1536 <= plan.embedding_cache_bytes
    numbers = [v for v in dataclasses.asdict(plan).values() if isinstance(v, int)]
    assert min(numbers) >= 0
    assert plan.can_answer == (plan.model_bytes > 0)


@given(st.integers(1, 10**10), st.integers(0, 200 * MB))
def test_a_model_that_just_fits_leaves_no_room_for_more(model: int, spare: int) -> None:
    fixed = plan().service_bytes + plan().extractor_bytes
    made = make_plan(Limits(10**9, fixed + model + spare), 0, model, LEVEL)
    assert made.can_answer
    assert made.embedding_cache_bytes <= spare
    assert not make_plan(Limits(10**9, fixed + model - 1), 0, model, LEVEL).can_answer


@given(DISK, st.sampled_from(LEVELS), st.sampled_from(LEVELS))
def test_a_level_of_more_bytes_holds_less_text(disk: int, one: Level, other: Level) -> None:
    plans = {level.name: make_plan(Limits(disk, 10**9), 0, 0, level) for level in (one, other)}
    for level in (one, other):
        made = plans[level.name]
        assert (made.level, made.code_bytes_a_chunk) == (level.name, level.code_bytes)
        assert made.index_bytes_a_chunk == level.bytes_a_chunk
        assert f"level {level.name}" in made.reasons[0]
    fixed, other_fixed = one.fixed_bytes, other.fixed_bytes
    if one.bytes_a_chunk <= other.bytes_a_chunk and fixed <= other_fixed:
        least = plans[other.name].text_bytes_that_fit
        assert plans[one.name].text_bytes_that_fit >= least


@given(DISK, RAM, WISH, MODEL)
def test_every_plan_says_why(disk: int, ram: int, wish: int, model: int) -> None:
    plan = make_plan(Limits(disk, ram), wish, model, LEVEL)
    assert len(plan.reasons) >= 3
    assert all(reason.endswith(".") for reason in plan.reasons)


@given(DISK, DISK, RAM, WISH, MODEL)
def test_more_disk_never_holds_less(one: int, two: int, ram: int, wish: int, model: int) -> None:
    less, more = (make_plan(Limits(d, ram), wish, model, LEVEL) for d in sorted((one, two)))
    assert less.text_bytes_that_fit <= more.text_bytes_that_fit
    assert less.text_cache_bytes <= more.text_cache_bytes


@given(DISK, RAM, RAM, WISH, MODEL)
def test_more_memory_never_takes_the_answers_away(
    disk: int, one: int, two: int, wish: int, model: int
) -> None:
    less, more = (make_plan(Limits(disk, r), wish, model, LEVEL) for r in sorted((one, two)))
    assert less.can_answer <= more.can_answer
    if less.can_answer == more.can_answer:
        assert less.embedding_cache_entries <= more.embedding_cache_entries


def plan(disk_mb: float = 500, ram_mb: float = 2000, model_mb: float = 0) -> Plan:
    return make_plan(
        Limits(int(disk_mb * MB), int(ram_mb * MB)), 25 * MB, int(model_mb * MB), LEVEL
    )


def test_too_small_a_disk_budget_is_refused_with_what_would_do() -> None:
    with pytest.raises(UserError, match="too small") as caught:
        plan(disk_mb=3.99)
    assert "4 MB" in caught.value.advice
    assert plan(disk_mb=4).index_bytes > 0


def test_a_model_that_does_not_fit_leaves_the_search() -> None:
    assert plan(ram_mb=2000, model_mb=300).can_answer
    small = plan(ram_mb=700, model_mb=300)
    assert not small.can_answer
    assert any("no answers" in reason for reason in small.reasons)
    assert any("No language model" in reason for reason in plan().reasons)
