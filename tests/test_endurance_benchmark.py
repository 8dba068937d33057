"""The endurance benchmark: how days are compared, how requests are spread, and a short run."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from statistics import mean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from endurance import pauses  # noqa: E402
from endurance_gates import Figure, Sample, compare, enough  # noqa: E402


def sample(day: int, phase: str = "work", megabytes: float = 100.0, descriptors: int = 30,
           threads: int = 20, search: float = 2.0) -> Sample:  # fmt: skip
    size = round(megabytes * 10**6)
    return Sample(day, phase, {"service": size}, {"service": descriptors}, {"service": threads},
                  search)  # fmt: skip


def failing(samples: list[Sample]) -> set[tuple[str, str]]:
    return {(f.phase, f.what) for f in compare(samples) if not f.passes}


def test_a_flat_week_passes_and_warming_up_counts_for_nothing() -> None:
    week = [sample(0, megabytes=500, descriptors=900, search=99), *map(sample, range(1, 7))]
    assert enough(compare(week))
    assert [f.what for f in compare(week)] == ["memory", "descriptors", "threads", "search"]


def test_each_growth_is_seen_where_it_is() -> None:
    assert failing([sample(d, megabytes=100 + 3 * d) for d in range(7)]) == {("work", "memory")}
    assert failing([sample(d, megabytes=100 + 0.5 * d) for d in range(7)]) == set()
    assert failing([sample(d, descriptors=30 + d) for d in range(7)]) == {("work", "descriptors")}
    assert failing([sample(d, threads=20 + d) for d in range(7)]) == {("work", "threads")}
    assert failing([sample(d, search=2 + 0.1 * d) for d in range(7)]) == {("work", "search")}
    week = [sample(d, phase, megabytes=100 + 3 * d * (phase == "rest"))
            for d in range(7) for phase in ("work", "rest")]  # fmt: skip
    assert failing(week) == {("rest", "memory")}


def test_a_file_that_is_open_for_a_moment_is_no_leak() -> None:
    assert failing([sample(d, descriptors=30 + 5 * (d == 5)) for d in range(7)]) == set()


def test_nothing_compared_does_not_pass() -> None:
    assert compare([sample(0), sample(1)]) == []
    assert not enough([])
    assert not Figure("rest", "descriptors", 0, 3, 1.0).passes
    assert Figure("rest", "descriptors", 0, 0, 1.0).passes


@given(st.lists(st.floats(1, 1000), min_size=2, max_size=20))
def test_only_the_halves_count_and_not_their_order(sizes: list[float]) -> None:
    week = [sample(day, megabytes=size) for day, size in enumerate(sizes)]
    figures = compare(week)
    assert bool(figures) == (len(sizes) > 2)
    assert figures == compare(week[::-1])


def test_pauses_are_bursts_that_fill_their_time() -> None:
    found = pauses(random.Random(0), 4000, 100.0)
    assert sum(found) == pytest.approx(100.0)
    assert 1.7 < pstdev(found) / mean(found) < 2.3, "their deviation is about twice their mean"


@pytest.mark.slow
def test_a_short_run_measures_what_it_names() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/endurance.py", "--minutes", "0.2", "--days", "3", "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    assert {(f["phase"], f["what"]) for f in told["figures"]} == {
        *((phase, what) for phase in ("work", "rest")
          for what in ("memory", "descriptors", "threads")), ("work", "search"),
    }  # fmt: skip
    assert told["done"]["sleeps"] == 3
    assert told["done"]["questions"] == 3
    assert all(f["early"] > 0 for f in told["figures"])
