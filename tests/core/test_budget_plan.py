from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.budget.disk import RESERVE_BYTES, ROOM_TO_RISE, index_parts
from core.budget.facts import MB, Corpus, Limits, ModelNeeds, Speeds, Wishes
from core.budget.plan import SMALLEST, Plan, check_limits, make_plan
from core.budget.ram import (
    EXTRACTOR_BYTES,
    LEAST_JOINED,
    MOST_CHUNKS,
    room_for_model,
    service_bytes,
    smallest_memory,
)
from core.budget.words import changes, why
from core.errors import UserError
from core.index.levels import DEFAULT_LEVEL, LEVELS, OWN_CHUNKS, Level, level_named
from core.index.store import KEPT_SHARE
from core.messages import CellType

DISK = st.integers(0, 10**13) | st.integers(0, 10**9)
RAM = st.integers(0, 10**12) | st.integers(0, 3 * 10**9)
SIZE = st.integers(0, 10**9)
SECONDS = st.none() | st.floats(1e-4, 10)
LIMITS = st.builds(Limits, DISK, RAM)
CORPORA = st.builds(
    Corpus,
    st.none() | st.sampled_from(LEVELS),
    st.booleans(),
    *([st.integers(0, 10**6)] * 2),
    *([SIZE] * 11),
    dimensions=st.sampled_from((384, 768)),
)
WISHES = st.builds(
    Wishes,
    st.sampled_from(LEVELS),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(512, 131_072),
    st.integers(100, 32_000),
    st.integers(16, 4096),
    st.sampled_from(get_args(CellType)),
    st.booleans(),
)
SPEEDS = st.builds(Speeds, SECONDS, SECONDS, *([st.none() | st.floats(1, 1e4)] * 2))
NEEDS = st.none() | st.builds(
    lambda least, experts, *rest: ModelNeeds("a-model", least + experts, least, *rest),
    st.integers(1, 10**11),
    st.just(0) | st.integers(0, 10**11),
    st.integers(0, 10**8),
    st.integers(1, 10**6),
    st.integers(0, 10**6),
)


@given(LIMITS, CORPORA, WISHES, SPEEDS, NEEDS)
def test_every_plan_adds_up_to_its_limits_and_says_why(
    limits: Limits, corpus: Corpus, wishes: Wishes, speeds: Speeds, needs: ModelNeeds | None
) -> None:
    plan = make_plan(limits, corpus, wishes, speeds, needs)
    assert sum(plan.disk.values()) == limits.disk_bytes
    assert sum(plan.memory.values()) == limits.ram_bytes
    assert min(*plan.disk.values(), *plan.memory.values()) >= 0
    assert plan.text_cache_bytes <= wishes.text_cache_bytes
    assert plan.level.bytes_a_chunk <= wishes.level.bytes_a_chunk
    assert plan.can_answer == (plan.memory["model_weights"] > 0) == (plan.cell_type is not None)
    if needs is not None and plan.context_tokens is not None:
        assert plan.context_tokens <= wishes.context_tokens
        if needs.trained_context_tokens:
            assert plan.context_tokens <= needs.trained_context_tokens
    reasons = why(plan, corpus, wishes, needs)
    assert len(reasons) >= 3
    assert all(reason.endswith(".") for reason in reasons)


@given(LIMITS, LIMITS, CORPORA, WISHES, SPEEDS, NEEDS)
def test_more_never_makes_anything_worse(
    one: Limits,
    other: Limits,
    corpus: Corpus,
    wishes: Wishes,
    speeds: Speeds,
    needs: ModelNeeds | None,
) -> None:
    low = Limits(min(one.disk_bytes, other.disk_bytes), min(one.ram_bytes, other.ram_bytes))
    high = Limits(max(one.disk_bytes, other.disk_bytes), max(one.ram_bytes, other.ram_bytes))
    less, more = (make_plan(each, corpus, wishes, speeds, needs) for each in (low, high))
    assert less.level.bytes_a_chunk <= more.level.bytes_a_chunk
    assert less.fits <= more.fits
    assert less.can_answer <= more.can_answer
    assert less.extractors <= more.extractors
    assert (less.context_tokens or 0) <= (more.context_tokens or 0)
    for before, after in (
        (less.query_s, more.query_s),
        (less.first_token_s, more.first_token_s),
    ):
        if before is not None and wishes.level.kept != "hubs":
            assert after is not None
            assert after <= before + 1e-9


@given(st.integers(10**7, 10**12), CORPORA, st.sampled_from(LEVELS), st.floats(1, 1.1))
def test_a_little_more_room_does_not_bring_a_level_back(
    disk: int, corpus: Corpus, wished: Level, noise: float
) -> None:
    """Or an index at the edge of its budget would be made anew again and again."""
    corpus = replace(corpus, level=None)
    first = make_plan(Limits(disk, 10**9), corpus, Wishes(wished), Speeds(),
                      None)  # fmt: skip
    settled = replace(corpus, level=first.level, **index_parts(corpus, first.level))
    again = make_plan(Limits(round(disk * noise), 10**9), settled, Wishes(wished), Speeds(), None)
    assert again.level == first.level


def test_a_home_that_outgrows_its_budget_gives_up_its_embeddings() -> None:
    wishes = Wishes(level_named("embeddings"), 25 * MB)
    taken = []
    for chunks in (1_000, 20_000, 200_000, 500_000, 1_000_000, 3_000_000):
        corpus = Corpus(
            None, True, chunks // 8, chunks, 800 * chunks, 25 * chunks, graph=6 * chunks,
            spans=2 * chunks, lexical=80 * chunks,
        )  # fmt: skip
        made = make_plan(Limits(150 * MB, 10**9), corpus, wishes, Speeds(), None)
        taken.append(made.level.name)
        assert made.fits == 1 or made.level.name == "codes-16"
    assert taken == ["embeddings"] * 3 + ["codes-16"] * 3
    assert made.fits < 0.5
    assert any("new content waits" in reason for reason in why(made, corpus, wishes, None))


def test_it_rises_again_only_with_room_to_spare() -> None:
    low, high = level_named("codes-16"), level_named("embeddings")
    corpus = Corpus(
        low, True, 1000, 100_000, 80 * MB, 0, codes=1_647_400, graph=0, spans=0, lexical=0
    )
    needed = sum(index_parts(corpus, high).values()) + RESERVE_BYTES
    wishes = Wishes(high)
    just = make_plan(Limits(needed + 1, 10**9), corpus, wishes, Speeds(), None)
    ample = make_plan(Limits(round(needed / ROOM_TO_RISE) + 1000, 10**9), corpus, wishes, Speeds(),
                      None)  # fmt: skip
    assert just.level == low
    assert any("embeddings that was chosen has no room" in one for one in why(just, corpus, wishes,
                                                                            None))  # fmt: skip
    assert ample.level == high


def plan(
    disk_mb: float = 500,
    ram_mb: float = 2000,
    level: str = DEFAULT_LEVEL,
    speeds: Speeds | None = None,
    needs: ModelNeeds | None = None,
) -> Plan:
    chunks = 60_000
    corpus = Corpus(
        None, True, 8000, chunks, 48 * MB, 1_500_000, graph=4 * chunks, spans=2 * chunks,
        lexical=4 * MB,
    )  # fmt: skip
    limits = Limits(round(disk_mb * MB), round(ram_mb * MB))
    return make_plan(limits, corpus, Wishes(level_named(level)), speeds or Speeds(), needs)


STARTER = ModelNeeds("starter", 98 * MB, 98 * MB, 68 * MB, 23_040, 8192)


def test_what_a_change_does_is_told_in_words() -> None:
    speeds = Speeds(0.008, 0.05, 200.0, 60.0)
    now, then = plan(speeds=speeds, needs=STARTER), plan(60, 700, "embeddings", speeds, STARTER)
    used = {"text_cache": 20 * MB, "codes": now.disk["codes"]}
    assert changes(now, now, used) == []
    told = changes(now, then, used)
    assert "A search takes about 50 ms instead of 0.2 s." in told
    moves = "The index goes from the level codes-16 to embeddings"
    assert any(line.startswith(moves) for line in told)
    assert "The index takes 22 MB more on disk." in told
    assert changes(then, now, used | {"embeddings": then.disk["embeddings"]})[2] == (
        "Frees 22 MB on disk."
    )
    poor = changes(now, plan(500, 540, speeds=speeds, needs=STARTER), used)
    assert "There is no memory for the language model any more: search, but no answers." in poor
    assert any(line.startswith("Takes up to ") and "of memory instead of" in line for line in poor)


def test_without_measurements_nothing_is_predicted() -> None:
    made = plan(needs=STARTER)
    assert made.can_answer
    assert (made.query_s, made.first_token_s, made.tokens_per_s) == (None, None, None)


def test_a_model_gets_as_much_context_as_there_is_memory_for() -> None:
    big = replace(STARTER, kv_bytes_a_token=400_000)
    wide = plan(ram_mb=4000, needs=big)
    tight = plan(ram_mb=1100, needs=big)
    assert wide.context_tokens == 2048
    assert tight.context_tokens is not None
    assert Wishes(level_named(DEFAULT_LEVEL)).task_tokens <= tight.context_tokens < 2048
    assert not plan(ram_mb=800, needs=big).can_answer


def test_experts_that_have_no_room_are_read_from_disk() -> None:
    mixture = replace(STARTER, weight_bytes=4_000 * MB, least_weight_bytes=900 * MB)
    made = plan(ram_mb=3000, needs=mixture)
    assert made.can_answer
    assert 900 * MB <= made.memory["model_weights"] < 4_000 * MB
    assert made.context_tokens == 2048
    told = why(made, Corpus(), Wishes(level_named(DEFAULT_LEVEL)), mixture)
    assert any("read from disk when they are needed" in reason for reason in told)
    assert not plan(ram_mb=1400, needs=mixture).can_answer
    assert plan(ram_mb=6000, needs=mixture).memory["model_weights"] == 4_000 * MB


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Limits(0, 10**9), "disk budget of 0 B is too small"),
        (Limits(SMALLEST.disk_bytes - 1, 10**9), "holds the index of about"),
        (Limits(10**9, -5), "memory budget of -5 B is too small"),
        (Limits(10**9, SMALLEST.ram_bytes - 1), "enough to index and to search"),
        (Limits(SMALLEST.disk_bytes - 1, 10**9), "disk budget of 3.999999 MB is too small"),
        (Limits(9 * 10**20, 10**9), "disk budget of 900 EB is more than this computer has"),
        (Limits(10**9, 10**400), "budget of more than 1000 EB is more than this computer has"),
        (Limits(10**400, 10**9), "It has 1.0 TB; give less than that."),
        (Limits(10**13, 10**9), "disk budget of 10 TB is more than this computer has"),
        (Limits(10**9, 10**13), "memory budget of 10 TB is more than this computer has"),
    ],
)
def test_limits_that_cannot_be(limits: Limits, told: str) -> None:
    with pytest.raises(UserError) as error:
        check_limits(limits, Limits(10**12, 10**10), level_named(DEFAULT_LEVEL))
    assert told in str(error.value)


def test_limits_that_can_be() -> None:
    check_limits(SMALLEST, Limits(10**12, 10**10), level_named(DEFAULT_LEVEL))
    check_limits(Limits(10**13, 10**13), None, level_named(DEFAULT_LEVEL))


@given(st.integers(0, 3 * 10**9), st.integers(0, 10**7), WISHES, NEEDS)
def test_a_plan_never_promises_more_than_it_has(
    ram: int, chunks: int, wishes: Wishes, needs: ModelNeeds | None
) -> None:
    """Either what indexing and searching take is in it whole, or it says how much is missing."""
    corpus = Corpus(chunks=chunks)
    made = make_plan(Limits(10**9, ram), corpus, wishes, Speeds(), needs)
    needed = service_bytes(chunks, made.joined_chunks) + made.extractors * EXTRACTOR_BYTES
    told = why(made, corpus, wishes, needs)
    least = smallest_memory(chunks)
    assert made.short_bytes == max(0, least - ram)
    assert LEAST_JOINED <= made.joined_chunks <= MOST_CHUNKS
    if made.short_bytes:
        assert (made.extractors, made.can_answer) == (1, False)
        assert any("needs at least" in one and "satchel budget --ram" in one for one in told)
        with pytest.raises(UserError):
            check_limits(made.limits, None, wishes.level, chunks)
    else:
        assert made.memory["service"] + made.memory["extractors"] == needed <= ram
        assert not any("needs at least" in one for one in told)
        check_limits(Limits(10**9, max(ram, SMALLEST.ram_bytes)), None, wishes.level, chunks)


@given(st.integers(0, 10**6))
def test_the_smallest_memory_is_told_so_that_it_can_be_set(chunks: int) -> None:
    least = smallest_memory(chunks)
    assert SMALLEST.ram_bytes <= least
    with pytest.raises(UserError) as error:
        check_limits(Limits(10**9, least - 1), None, level_named(DEFAULT_LEVEL), chunks)
    told = re.search(r"The smallest is (\d+) MB", str(error.value))
    assert told is not None
    check_limits(Limits(10**9, int(told[1]) * MB), None, level_named(DEFAULT_LEVEL), chunks)


def test_a_large_index_in_a_small_budget_is_joined_in_smaller_parts() -> None:
    ample, tight, short = plan(ram_mb=600), plan(ram_mb=430), plan(ram_mb=400)
    assert ample.joined_chunks == MOST_CHUNKS
    assert ample.memory["service"] == 434 * MB, "as it was measured"
    assert LEAST_JOINED < tight.joined_chunks < MOST_CHUNKS
    assert tight.memory["free"] < 10_000
    assert (short.joined_chunks, short.short_bytes) == (LEAST_JOINED, 20 * MB)
    corpus, wishes = Corpus(chunks=60_000), Wishes(level_named(DEFAULT_LEVEL))
    assert any("13,000 passages are joined" in one for one in why(tight, corpus, wishes, None))
    [told] = [one for one in why(short, corpus, wishes, None) if "needs at least" in one]
    assert "An index of 60,000 passages needs at least 420 MB" in told
    assert "satchel budget --ram 420MB" in told
    least = round(KEPT_SHARE * LEAST_JOINED)
    assert least >= OWN_CHUNKS, "codes of the home's own can be fitted to what is at hand"


@given(RAM, st.integers(0, 10**6), st.integers(1, 10**9))
def test_the_room_for_a_model_is_what_the_plan_gives_it(ram: int, chunks: int, size: int) -> None:
    needs = ModelNeeds("a-model", size, size, 0, 1, 0)
    wishes = Wishes(level_named(DEFAULT_LEVEL), context_tokens=512)
    made = make_plan(Limits(10**9, ram), Corpus(chunks=chunks), wishes, Speeds(), needs)
    kept = needs.kv_bytes(min(512, wishes.task_tokens), wishes.cell_type)
    assert made.can_answer == (room_for_model(ram, chunks) >= size + kept)


def test_a_plan_is_made_fast() -> None:
    """Far under 20 ms; this only sees that it does not search through anything large."""
    started = time.process_time()
    for _ in range(20):
        plan(needs=STARTER)
    assert time.process_time() - started < 0.4


def test_a_model_whose_heads_are_odd_has_cells_of_16_bits() -> None:
    odd = replace(STARTER, quantizable=False)
    wishes = Wishes(level_named("codes-16"))
    plan = make_plan(Limits(500 * MB, 2_000 * MB), Corpus(), wishes, Speeds(), odd)
    assert plan.cell_type == "f16"
    assert plan.memory["kv"] == (plan.context_tokens or 0) * odd.kv_bytes_a_token


def test_smaller_cells_are_taken_where_the_context_has_no_room_else() -> None:
    """With a room that shrinks: 8 bits, then 4 for the values, then a shorter context; 4 bits for
    all only where a question would not fit.
    """
    needs = replace(STARTER, kv_bytes_a_token=200_000, trained_context_tokens=8192)
    wishes = Wishes(level_named("codes-16"), context_tokens=4096, cells_by_room=True)
    seen = []
    for ram in range(1_500, 600, -5):
        made = make_plan(Limits(500 * MB, ram * MB), Corpus(), wishes, Speeds(), needs)
        if made.cell_type is not None:
            seen.append((made.cell_type, made.context_tokens == 4096))
    assert list(dict.fromkeys(seen)) == [
        ("q8_0", True), ("q8_q4", True), ("q8_q4", False), ("q4_0", False),
    ]  # fmt: skip
    kept = replace(wishes, cells_by_room=False)
    limits = Limits(500 * MB, 1_000 * MB)
    assert make_plan(limits, Corpus(), kept, Speeds(), needs).cell_type == "q8_0"
