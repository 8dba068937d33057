"""Whether a model fits, how fast it is likely to be, and how fast it was."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm.facts import ModelFacts
from core.llm.fit import (
    SHARE_OF_PLAIN_READ,
    WORKER_BYTES,
    Pace,
    Run,
    fits,
    least_memory_needed,
    memory_needed,
    nearest_run,
    pace_of,
    predicted_prefill_per_s,
    predicted_tokens_per_s,
    resident_share,
    steps,
    work_bytes,
)
from core.llm.speeds import KEPT, Speeds

MB = 1_000_000
DENSE = ModelFacts("d", 100 * MB, 98 * MB, 0, 0, 0, 20_000, 4096, "llama", 4.5, True)
MIXTURE = dataclasses.replace(
    DENSE, file_bytes=10_000 * MB, dense_bytes=1_000 * MB, expert_bytes=9_000 * MB,
    experts=64, active_experts=8, vocabulary=100_000,
)  # fmt: skip


def test_a_dense_model_fits_or_does_not() -> None:
    needed = memory_needed(DENSE, 2048, 1.0)
    assert needed == 100 * MB + 2048 * 20_000 + WORKER_BYTES
    assert fits(DENSE, needed, 2048, 1.0) == "yes"
    assert fits(DENSE, needed - 1, 2048, 1.0) == "no"
    assert fits(DENSE, needed - 1, 2047, 1.0) == "yes"
    assert memory_needed(DENSE, 99_999, 1.0) == memory_needed(DENSE, 4096, 1.0)
    assert fits(DENSE, 0, 512, 1.0) == fits(DENSE, -5, 512, 1.0) == "no"


def test_a_mixture_may_leave_experts_on_disk() -> None:
    whole = memory_needed(MIXTURE, 2048, 1.0)
    least = least_memory_needed(MIXTURE, 2048, 1.0)
    assert whole - least == 9_000 * MB * 56 // 64
    assert fits(MIXTURE, whole, 2048, 1.0) == "yes"
    assert fits(MIXTURE, whole - 1, 2048, 1.0) == "with experts on disk"
    assert fits(MIXTURE, least, 2048, 1.0) == "with experts on disk"
    assert fits(MIXTURE, least - 1, 2048, 1.0) == "no"
    assert resident_share(MIXTURE, whole, 2048, 1.0) == 1.0
    assert resident_share(MIXTURE, least, 2048, 1.0) == pytest.approx(8 / 64)


def test_the_speed_is_that_of_reading() -> None:
    assert MIXTURE.active_bytes == 1_000 * MB + 9_000 * MB // 8
    assert predicted_tokens_per_s(DENSE, Pace(980e6)) == pytest.approx(10)
    assert predicted_tokens_per_s(DENSE, None) is None
    assert predicted_tokens_per_s(MIXTURE, Pace(4_250e6)) == pytest.approx(2)
    half = {"resident_expert_share": 0.5}
    assert predicted_tokens_per_s(MIXTURE, Pace(4_250e6), **half) is None, "what of the disk?"
    slow = predicted_tokens_per_s(MIXTURE, Pace(4_250e6), disk_bytes_per_s=1_125e6, **half)
    assert slow == pytest.approx(1 / (0.5 + 0.5))


def test_few_bits_cost_as_much_as_more() -> None:
    few = dataclasses.replace(DENSE, bits_a_weight=1.125)
    assert work_bytes(DENSE) == DENSE.active_bytes
    assert work_bytes(few) == 4 * DENSE.active_bytes
    more = dataclasses.replace(DENSE, bits_a_weight=8.5)
    assert work_bytes(more) == DENSE.active_bytes


def test_steps_on_the_way_count_too() -> None:
    deep = dataclasses.replace(DENSE, layers=20)
    assert predicted_tokens_per_s(deep, Pace(980e6, 0.005)) == pytest.approx(1 / (0.1 + 0.1))
    mixture = dataclasses.replace(MIXTURE, layers=20)
    assert steps(mixture) == 2 * steps(deep)


def test_a_run_tells_what_a_token_costs() -> None:
    runs = [Run(10 * MB, 300.0), Run(100 * MB, 60.0), Run(4_000 * MB, 2.0)]
    assert nearest_run(DENSE, runs) == runs[1]
    assert nearest_run(MIXTURE, runs) == runs[2]
    assert nearest_run(DENSE, [Run(0, 5.0), Run(5, 0.0)]) is None
    assert pace_of(runs[1], None) == Pace(100e6 * 60)
    assert pace_of(None, 50e9) == Pace(50e9 * SHARE_OF_PLAIN_READ)
    assert pace_of(None, None) is None
    # 10 ms a token, of which memory explains 2: the rest is of 16 steps.
    small = pace_of(Run(10 * MB, 100.0, steps=16), 5e9 / SHARE_OF_PLAIN_READ)
    assert small is not None
    assert (small.read_bytes_per_s, small.step_s) == (5e9, pytest.approx(0.0005))
    # Faster than memory was said to be: then it is the run that is right.
    assert pace_of(Run(100 * MB, 60.0, steps=16), 1e9) == Pace(100e6 * 60)


def test_a_prompt_is_bound_by_computing() -> None:
    run = Run(50 * MB, 60.0, DENSE.active_weights / 2, 400.0)
    assert predicted_prefill_per_s(DENSE, run) == pytest.approx(200)
    assert predicted_prefill_per_s(DENSE, Run(50 * MB, 60.0)) is None
    assert predicted_prefill_per_s(DENSE, None) is None


@given(
    memory=st.integers(0, 20_000 * MB),
    more=st.integers(0, 1_000 * MB),
    context=st.integers(128, 8192),
)
def test_more_memory_never_fits_less(memory: int, more: int, context: int) -> None:
    order = ["no", "with experts on disk", "yes"]
    before = order.index(fits(MIXTURE, memory, context, 0.53))
    assert order.index(fits(MIXTURE, memory + more, context, 0.53)) >= before


def learn(speeds: Speeds, decode_ms: float, model: str = "m", tokens: int = 50) -> None:
    speeds.learn(model, 7, prefill_tokens=200, prefill_ms=1000, decode_tokens=tokens,
                 decode_ms=decode_ms)  # fmt: skip


def test_a_speed_is_the_middle_of_the_newest_answers(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "speeds.json"
    speeds = Speeds(path, "here")
    assert speeds.of("m", 7) is None
    learn(speeds, 1000)
    found = speeds.of("m", 7)
    assert found is not None
    assert (found.decode_tokens_per_s, found.prefill_tokens_per_s, found.answers) == (50, 200, 1)
    learn(speeds, 100_000)  # something else had the processor
    learn(speeds, 1000)
    found = speeds.of("m", 7)
    assert found is not None
    assert found.decode_tokens_per_s == 50
    for _ in range(KEPT):
        learn(speeds, 2000)
    found = speeds.of("m", 7)
    assert found is not None
    assert (found.decode_tokens_per_s, found.answers) == (25, KEPT), "it follows what changes"


def test_speeds_are_of_one_model_file_and_machine(tmp_path: Path) -> None:
    path = tmp_path / "speeds.json"
    here, there = Speeds(path, "here"), Speeds(path, "there")
    learn(here, 1000)
    learn(there, 500)
    learn(here, 250, "other")
    assert here.of("m", 8) is None
    assert [s and s.decode_tokens_per_s for s in (here.of("m", 7), there.of("m", 7))] == [50, 100]
    assert path.stat().st_mode & 0o077 == 0


def test_what_is_too_short_says_nothing_and_damage_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "speeds.json"
    speeds = Speeds(path, "here")
    speeds.learn("m", 7, prefill_tokens=3, prefill_ms=1, decode_tokens=2, decode_ms=1)
    speeds.learn("m", 7, prefill_tokens=300, prefill_ms=0, decode_tokens=50, decode_ms=0)
    assert not path.exists()
    learn(speeds, 1000, tokens=2)
    found = speeds.of("m", 7)
    assert found is not None
    assert (found.decode_tokens_per_s, found.prefill_tokens_per_s) == (None, 200)
    path.write_text('[{"machine": 5}]')
    assert speeds.of("m", 7) is None
    learn(speeds, 1000)
    assert speeds.of("m", 7) is not None
