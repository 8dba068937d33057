"""The ladder: at once down, with care up, never without a reason, never to and fro."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.budget.govern import (
    AWAY_S,
    MB,
    ON_BATTERY,
    RUNGS,
    Cause,
    Decision,
    Readings,
    Stage,
    State,
    Wishes,
    govern,
    waive,
)

MINDFUL = Wishes("below half", under_load=True, in_full_screen=True, when_metered=True)

maybe_share = st.none() | st.floats(0, 1)
maybe_bytes = st.none() | st.integers(0, 64_000 * MB)
any_readings = st.builds(
    Readings,
    memory_available_bytes=st.none() | st.integers(0, 1_000 * MB) | maybe_bytes,
    memory_pressure=maybe_share,
    disk_bytes=maybe_bytes,
    disk_free_bytes=maybe_bytes,
    on_battery=st.none() | st.booleans(),
    battery_share=maybe_share,
    others_share=maybe_share,
    person_idle_s=st.none() | st.floats(0, 10_000),
    full_screen=st.none() | st.booleans(),
    metered=st.none() | st.booleans(),
)
any_wishes = st.builds(
    Wishes, st.sampled_from(ON_BATTERY), st.booleans(), st.booleans(), st.booleans()
)


def run(
    readings: Iterable[Readings], wishes: Wishes = MINDFUL, every_s: float = 1.0
) -> list[Decision]:
    """The decisions for one reading after another."""
    state, found = State(), []
    for number, reading in enumerate(readings):
        decision, state = govern(state, reading, wishes, number * every_s)
        found.append(decision)
    return found


def memory(free_mb: float) -> Readings:
    return Readings(memory_available_bytes=round(free_mb * MB))


@settings(max_examples=40, deadline=None)
@given(st.lists(any_readings, max_size=30), any_wishes, st.floats(0, 100))
def test_any_readings_give_a_decision_with_a_reason_for_all_that_is_held(
    readings: list[Readings], wishes: Wishes, every_s: float
) -> None:
    for decision in run(readings, wishes, every_s):
        assert bool(decision.reasons) == bool(decision.why) == (decision.stage > Stage.ALL)
        assert len(decision.reasons) == len(decision.causes) == len(set(decision.reasons))
        assert not decision.holds_work or decision.stage >= Stage.WORK_HELD
        assert not decision.gives_up_texts or Cause.DISK in decision.causes
        assert decision.stage <= Stage.WORK_HELD or Cause.MEMORY in decision.causes
        if not wishes.under_load:
            assert Cause.LOAD not in decision.causes
        if wishes.on_battery == "never":
            assert Cause.BATTERY not in decision.causes


@settings(max_examples=40, deadline=None)
@given(st.lists(any_readings, max_size=20), any_wishes)
def test_what_is_unknown_is_no_reason_and_all_comes_back_without_readings(
    readings: list[Readings], wishes: Wishes
) -> None:
    assert run([Readings()] * 5, wishes)[-1] == Decision()
    decisions = run([*readings, *[Readings()] * 40], wishes)
    assert decisions[-1] == Decision()
    stages = [decision.stage for decision in decisions[len(readings) :]]
    assert all(after <= before for before, after in itertools.pairwise(stages))


@settings(max_examples=40, deadline=None)
@given(st.lists(any_readings, max_size=20), any_readings, st.integers(0, 3_000), st.integers(0, 99))
def test_less_memory_never_gives_more(
    before: list[Readings], now: Readings, free_mb: int, less_mb: int
) -> None:
    def stage(free_bytes: int) -> Stage:
        return run([*before, replace(now, memory_available_bytes=free_bytes)])[-1].stage

    assert stage(max(0, free_mb - less_mb) * MB) >= stage(free_mb * MB)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 1_500),
    st.lists(st.integers(-50, 50), min_size=30, max_size=120),
    st.floats(0.5, 2),
)
def test_noise_makes_it_step_down_once_and_never_to_and_fro(
    level_mb: int, noise_mb: list[int], every_s: float
) -> None:
    around = (memory(max(0, level_mb + noise)) for noise in noise_mb)
    stages = [decision.stage for decision in run(around, every_s=every_s)]
    assert all(after >= before for before, after in itertools.pairwise(stages))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), min_size=10, max_size=60))
def test_a_share_around_the_half_does_not_flap(above: list[bool]) -> None:
    shares = [Readings(on_battery=True, battery_share=0.52 if up else 0.48) for up in above]
    causes = [decision.causes for decision in run(shares)]
    first = above.index(False) if False in above else len(above)
    assert causes == [()] * first + [(Cause.BATTERY,)] * (len(above) - first)


@pytest.mark.parametrize("rung", RUNGS)
def test_a_worse_moment_acts_at_once_and_skips_rungs(rung: object) -> None:
    assert [decision.stage for decision in run([memory(3_000), memory(40)])] == [0, 5]
    stage, begins = rung.stage, rung.begins_bytes  # type: ignore[attr-defined]
    steady = [Readings(memory_available_bytes=begins - 1)] * 2
    assert run(steady)[-1].stage == stage


def test_memory_that_falls_fast_is_met_early() -> None:
    falling = [memory(free) for free in (1_000, 800, 600, 400)]
    assert run(falling, every_s=0.5)[-1].stage >= Stage.WORK_HELD
    assert run([memory(400)] * 4, every_s=0.5)[-1].stage == Stage.ALL


def test_after_a_squeeze_all_is_back_within_half_a_minute_rung_by_rung() -> None:
    every_s = 0.5
    squeezed = [memory(50)] * 40
    decisions = run([*squeezed, *[memory(3_000)] * 60], every_s=every_s)
    stages = [int(decision.stage) for decision in decisions]
    assert stages[:40] == [5] * 40
    after = stages[40:]
    assert all(a - b in (0, 1) for a, b in itertools.pairwise(after))
    assert after.index(0) * every_s <= 20


def test_a_return_that_does_not_last_makes_the_next_one_wait_longer() -> None:
    readings = ([memory(100)] * 5 + [memory(900)] * 25) * 4
    stages = [decision.stage for decision in run(readings)]
    back = [stages[at * 30 + 5 :].index(Stage.ALL) for at in range(3)]
    assert back[0] < back[1] < back[2]


def test_pressure_counts_where_memory_is_short_or_unknown() -> None:
    pressed = Readings(memory_available_bytes=500 * MB, memory_pressure=0.7)
    assert run([pressed])[-1].stage == Stage.MODELS_UNLOADED
    assert run([replace(pressed, memory_available_bytes=None)])[-1].stage == 4
    assert run([replace(pressed, memory_available_bytes=9_000 * MB)])[-1].stage == Stage.ALL


def test_why_is_said_in_words() -> None:
    battery = Readings(on_battery=True, battery_share=0.31)
    assert run([battery])[-1].why == "paused because the computer runs on battery (31 %)"
    assert run([battery], Wishes("never"))[-1].why is None
    assert run([replace(battery, battery_share=0.9)])[-1].why is None
    always = Wishes("always")
    assert "battery (90 %)" in str(run([replace(battery, battery_share=0.9)], always)[-1].why)
    assert run([replace(battery, on_battery=False)], always)[-1].why is None
    assert run([Readings(full_screen=True)])[-1].why == "paused because an app is in full screen"
    assert "connection is metered" in str(run([Readings(metered=True)])[-1].why)
    assert run([Readings(metered=True)], Wishes())[-1].why is None
    assert "processor" in str(run([Readings(others_share=0.8)])[-1].why)
    assert run([Readings(others_share=0.8, person_idle_s=AWAY_S)])[-1].why is None
    nearly = Readings(disk_bytes=10**11, disk_free_bytes=123 * MB)
    assert run([nearly])[-1].why == "paused because the disk is nearly full (120 MB free)"
    assert run([replace(nearly, disk_bytes=3 * MB, disk_free_bytes=2 * MB)])[-1].why is None
    assert run([replace(nearly, disk_free_bytes=20 * MB)])[-1].gives_up_texts
    both = run([replace(battery, memory_available_bytes=130 * MB)])[-1]
    assert (both.stage, both.causes) == (3, (Cause.MEMORY, Cause.BATTERY))
    assert "memory and the computer runs on battery" in str(both.why)
    assert "words only" in str(run([memory(100)])[-1].why)
    assert "questions have to wait" in str(run([memory(10)])[-1].why)


def test_what_the_person_wished_for_can_be_set_aside_until_it_is_over() -> None:
    battery, plugged = Readings(on_battery=True, battery_share=0.3), Readings(on_battery=False)
    _, state = govern(State(), battery, MINDFUL, 0)
    decision, state = govern(waive(state), battery, MINDFUL, 1)
    assert decision == Decision()
    decision, state = govern(state, replace(battery, full_screen=True), MINDFUL, 2)
    assert decision.causes == (Cause.SCREEN,)
    _, state = govern(state, plugged, MINDFUL, 3)
    decision, _ = govern(state, battery, MINDFUL, 4)
    assert Cause.BATTERY in decision.causes
    squeezed, state = govern(State(), memory(10), MINDFUL, 0)
    assert govern(waive(state), memory(10), MINDFUL, 1)[0] == squeezed
