"""Spans of time and kinds of files."""

from __future__ import annotations

from datetime import date, datetime

from hypothesis import given
from hypothesis import strategies as st

from ui.spans import ENDINGS, kind_names, seconds, span_days, span_names

DAYS = st.dates(date(1971, 1, 2), date(2999, 12, 31))


@given(DAYS, DAYS)
def test_this_year_last_year_and_older_share_all_days(today: date, day: date) -> None:
    inside = []
    for name in ("year", "last year", "older"):
        first, behind = span_days(name, today)
        inside.append((first is None or first <= day) and (behind is None or day < behind))
    assert sum(inside) == 1


@given(DAYS)
def test_every_span_has_a_name_and_begins_at_midnight(today: date) -> None:
    for name in span_names():
        first, _ = span_days(name, today)
        at = seconds(first)
        if at is not None:
            assert datetime.fromtimestamp(at).astimezone().date() == first
            assert first is not None
            assert first <= today


def test_kinds_have_names_and_no_ending_twice() -> None:
    assert set(kind_names()) == set(ENDINGS)
    endings = [ending for kind in ENDINGS.values() for ending in kind]
    assert len(endings) == len(set(endings))
