"""The pure parts of the benchmark of keys and values."""

from __future__ import annotations

import math
import struct
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from kv_gates import Figures, misses, table  # noqa: E402
from kv_parts import Decoding, FirstToken, Losses, Stream, cells_in, ratio  # noqa: E402
from kv_recall import Remembered  # noqa: E402
from kv_texts import found, long_texts  # noqa: E402

ALL = Figures(
    perplexity_ratio={"4x": 1.01, "8x": 1.03},
    recall_ratio=1.0,
    argmax_agreement=1.0,
    prefix_first_token_ratio=0.01,
    peak_over_budget=0,
    decode_speedup_16k=3.5,
)


def test_the_json_has_these_keys_and_no_others() -> None:
    assert ALL.as_json() == {
        "perplexity_ratio": {"4x": 1.01, "8x": 1.03},
        "recall_ratio": 1.0,
        "argmax_agreement": 1.0,
        "prefix_first_token_ratio": 0.01,
        "peak_over_budget": 0,
        "decode_speedup_16k": 3.5,
    }
    assert set(Figures().as_json()) == set(ALL.as_json())


def test_a_gate_that_is_missed_is_named_and_what_was_not_measured_is_not() -> None:
    assert misses(ALL) == []
    assert misses(Figures()) == []
    assert len(table(ALL)) == 8
    assert len(table(Figures(recall_ratio=1.0))) == 2
    bad = Figures({"4x": 1.05, "8x": 1.08}, 0.8, 0.999, 0.04, 1, 1.4)
    assert len(misses(bad)) == 7
    assert "1.0500" in misses(bad)[0]
    only = ALL.joined(Figures(peak_over_budget=12_240))
    assert [line.split(":")[0] for line in misses(only)] == ["bytes over the budget, 50,000 tokens"]


def test_perplexities_of_texts_are_joined_by_their_losses() -> None:
    losses = [
        Losses("one", 3.0, {4: 3.0 + math.log(1.02)}),
        Losses("two", 2.0, {4: 2.0 + math.log(1.08)}),
    ]
    assert ratio(losses, 4) == pytest.approx(math.sqrt(1.02 * 1.08))


def test_ratios_are_of_bounded_over_full() -> None:
    assert FirstToken(6000.0, 100.0, 1).ratio == pytest.approx(1 / 60)
    assert Decoding(20.0, 60.0).speedup == 3.0
    assert Stream(900, 1000, 5, 0).over_bytes == 0
    assert Stream(1010, 1000, 5, 0).over_bytes == 10
    seen = Remembered(10, 8, 6, 9) + Remembered(2, 2, 2, 2)
    assert (seen.asked, seen.ratio) == (12, 0.8)
    assert Remembered().ratio == 0.0


def test_the_cells_of_a_state_are_counted() -> None:
    assert cells_in(struct.pack("<IIII", 7, 0, 1, 1024) + bytes(40)) == 1024


def test_a_fact_counts_in_whatever_case() -> None:
    assert found("It is the PURPLE one.", "purple")
    assert not found("It is the red one.", "purple")


def test_texts_that_are_too_short_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("too short")
    (tmp_path / "book.txt").write_text("head " + "word " * 40_000)
    [(name, text)] = long_texts(tmp_path, 3)
    assert name == "book"
    assert not text.startswith("head")
