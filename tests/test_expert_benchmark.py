"""The pure parts of the benchmark of experts larger than memory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from expert_model import fit_router  # noqa: E402
from expert_rows import Row, middle, misses, row_of, same_answer  # noqa: E402
from experts import cached_share, read_ahead, read_ahead_file  # noqa: E402
from groups import numbers  # noqa: E402
from hidden_states import texts  # noqa: E402


def run(speed: float = 10.0, **changes: object) -> Row:
    """A run of 64 tokens."""
    return {
        "text": "so it is",
        "answer_tokens": 64,
        "decoded": 64,
        "cut": False,
        "same": True,
        "decode_s": 64 / speed,
        "decode_bytes": 64_000_000,
        "prefill_s": 2.0,
        "load_s": 1.0,
        "hits": 3,
        "misses": 1,
        "peak_bytes": 900_000_000,
        "limit_bytes": 900_000_000,
        "step": "pool",
    } | changes


def test_a_row_is_medians_over_medians() -> None:
    stock = [run(2.0), run(4.0), run(100.0)]
    managed = [run(12.0, decode_bytes=32_000_000), run(1.0, decode_bytes=6_400_000), run(16.0)]
    row = row_of("plain", 0.5, stock, managed)
    assert row["stock_tokens_per_s"] == pytest.approx(4.0)
    assert row["managed_tokens_per_s"] == pytest.approx(12.0)
    assert row["ratio"] == pytest.approx(3.0)
    assert row["mb_per_token_ratio"] == pytest.approx(0.5)
    assert row["prefill_ratio"] == 1.0
    assert row["hit_rate"] == 0.75
    assert misses(row) == []


def test_each_gate_that_is_missed_is_named() -> None:
    row = row_of("skewed", 0.5, [run(4.0)], [run(8.0, prefill_s=3.0)])
    found = misses(row)
    assert [line.split(":")[1].split()[0] for line in found] == [
        "ratio",
        "mb_per_token_ratio",
        "prefill_ratio",
    ]
    assert all(line.startswith("skewed at 50%") for line in found)
    dense = row_of(None, 0.6, [run(4.0)], [run(5.3)])
    assert misses(dense) == []
    assert misses(row_of("plain", 1.0, [run(4.0)], [run(3.7)]))


def test_another_answer_fails_however_fast_it_came() -> None:
    row = row_of("plain", 0.25, [run(1.0)], [run(9.0), run(9.0, same=False)])
    assert [line for line in misses(row) if "not the one without a limit" in line]


def test_an_answer_that_was_cut_is_compared_as_far_as_it_came() -> None:
    reference = run()
    assert same_answer(run(), reference)
    assert same_answer(run(text="so it", answer_tokens=9, cut=True), reference)
    assert not same_answer(run(text="so it", answer_tokens=9), reference)
    assert not same_answer(run(text="so that", answer_tokens=9, cut=True), reference)


def test_a_run_without_a_token_makes_no_median() -> None:
    assert middle([1.0, None, 3.0]) is None
    assert middle([1.0, 3.0, 2.0]) == 2.0
    row = row_of("plain", 0.25, [run(decoded=0, decode_s=None, cut=True)], [run()])
    assert row["stock_tokens_per_s"] is None
    assert row["ratio"] is None
    assert misses(row)


def test_a_router_likes_no_expert_unless_it_is_skewed() -> None:
    chance = np.random.default_rng(3)
    mean = 4 * chance.standard_normal(48)
    groups = chance.standard_normal((16, 48))
    inputs = (mean + groups[chance.integers(0, 16, 3000)]).astype(np.float32)
    inputs += 0.3 * chance.standard_normal(inputs.shape).astype(np.float32)

    def shares(skew: float) -> np.ndarray:
        router = fit_router(inputs, 16, skew, 0)
        assert router.shape == (16, 48)
        first = np.argsort(-(inputs @ router.T), axis=1)[:, :4]
        return np.sort(np.bincount(first.ravel(), minlength=16))[::-1] / first.size

    plain, skewed = shares(0.0), shares(2.0)
    assert plain[-1] > 0.01  # none is never taken
    assert skewed[:4].sum() > plain[:4].sum() + 0.1


def test_what_is_measured_on_was_not_fitted_on() -> None:
    fitted, held_out = texts(held_out=False), texts(held_out=True)
    assert not set(fitted) & set(held_out)
    assert len(fitted) > len(held_out) >= 3


def test_numbers_of_a_control_group_are_read(tmp_path: Path) -> None:
    file = tmp_path / "memory.oom_control"
    file.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\nsome words here\n")
    assert numbers(file) == {"oom_kill_disable": 0, "under_oom": 0, "oom_kill": 2}


def test_the_read_ahead_of_a_partition_is_that_of_its_disk(tmp_path: Path) -> None:
    number = tmp_path.stat().st_dev
    disk = tmp_path / "sys" / "disk"
    part = disk / "part"
    part.mkdir(parents=True)
    (part / "partition").write_text("1\n")
    devices = tmp_path / "devices"
    devices.mkdir()
    (devices / f"{os.major(number)}:{os.minor(number)}").symlink_to(part)
    assert read_ahead_file(tmp_path, devices) == disk / "queue" / "read_ahead_kb"


def test_the_read_ahead_is_restored_whatever_happens(tmp_path: Path) -> None:
    file = tmp_path / "read_ahead_kb"
    file.write_text("8192\n")
    with pytest.raises(KeyError), read_ahead(file) as before:
        assert (before, file.read_text()) == (8192, "128")
        raise KeyError
    assert file.read_text() == "8192"
    with pytest.raises(SystemExit, match="2"), read_ahead(tmp_path / "not-there"):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="mincore of a whole file")
def test_what_of_a_file_is_cached_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1 << 20))
    with path.open("rb") as file:
        assert cached_share(file.fileno()) == 1.0
