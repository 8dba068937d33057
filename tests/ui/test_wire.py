"""Bytes to lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.wire import Lines, LineTooLong


@given(st.binary(max_size=300), st.lists(st.integers(1, 40), max_size=20))
def test_lines_are_the_same_however_the_bytes_come(data: bytes, cuts: list[int]) -> None:
    lines, at, found = Lines(), 0, []
    for cut in [*cuts, len(data)]:
        lines.feed(data[at : at + cut])
        at += cut
        while (line := lines.take()) is not None:
            found.append(line)
    assert found == data.split(b"\n")[:-1]


def test_a_line_without_end_is_refused() -> None:
    lines = Lines(longest_bytes=100)
    lines.feed(b"x" * 90)
    with pytest.raises(LineTooLong):
        lines.feed(b"x" * 20)
