"""Sizes in words, and as they were given."""

from __future__ import annotations

import argparse
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli import size_bytes
from core.budget.sizes import LARGEST_BYTES, in_words, plainly

SIZES = st.integers(0, LARGEST_BYTES) | st.integers(0, 10**7)


@pytest.mark.parametrize(
    ("size", "words", "plain"),
    [
        (0, "0 B", "0 B"),
        (999, "999 B", "999 B"),
        (3_400, "3.4 kB", "3.4 kB"),
        (3_999_999, "4.0 MB", "3.999999 MB"),
        (380_000_000, "380 MB", "380 MB"),
        (12_300_000_000, "12.3 GB", "12.3 GB"),
        (900 * 10**12, "900 TB", "900 TB"),
        (10**19, "10 EB", "10 EB"),
        (10**300, "more than 1000 EB", "more than 1000 EB"),
        (-5, "-5 B", "-5 B"),
        (999_999_999, "1.0 GB", "999.999999 MB"),
    ],
)
def test_sizes(size: int, words: str, plain: str) -> None:
    assert (in_words(size), plainly(size)) == (words, plain)


@given(SIZES)
def test_no_size_is_told_in_a_form_that_nobody_says(size: int) -> None:
    for said in (in_words(size), plainly(size)):
        assert re.fullmatch(r"\d{1,4}(\.\d{1,6})? ([kMGTPE]?B)", said), said


@given(st.integers(0, 999 * 10**12))
def test_what_is_told_plainly_can_be_typed(size: int) -> None:
    typed = size_bytes(plainly(size))
    assert 0 <= size - typed <= size // 10**6


@pytest.mark.parametrize(
    "text", ["9" * 400 + "GB", "9" * 5000, "100000000 TB", "-5MB", "1e3MB", ""]
)
def test_what_is_no_size_is_told(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as error:
        size_bytes(text)
    assert "is more than any computer" in str(error.value) or "is not a size" in str(error.value)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 500_000_000), ("500 mb", 500_000_000), ("300", 300_000_000), ("2GB", 2 * 10**9),
        ("1.5g", 1_500_000_000), ("1,5 GB", 1_500_000_000), ("4000k", 4_000_000),
        ("4000000 B", 4_000_000), ("1TB", 10**12), ("2 tib", 2 * 2**40), ("1GiB", 2**30),
        ("3Mi", 3 * 2**20), ("900000GB", 9 * 10**14), (" 7 kb ", 7_000), ("1KiB", 1024),
    ],
)  # fmt: skip
def test_every_spelling_of_a_unit(text: str, size: int) -> None:
    assert size_bytes(text) == size
