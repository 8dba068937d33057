"""Foreign text made fit to be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import Locator
from ui.text import one_line, place_text, shown, size_text, tame, time_left, utf16

ANY = st.text(st.characters(codec=None, exclude_categories=()))


@given(ANY)
def test_a_tamed_text_keeps_its_length_and_hides_nothing(text: str) -> None:
    assert len(tame(text)) == len(text)
    assert all(c.isprintable() or c in "\n\t\u200c\u200d\u2068\u2069" for c in tame(text))
    assert tame(text).count("\u2068") == tame(text).count("\u2069")
    assert "\n" not in one_line(text)


@given(ANY)
def test_a_shown_name_has_no_controls(name: str) -> None:
    inner = shown(name).strip("\u2068\u2069")
    assert all(c.isprintable() or c in "\u200c\u200d" for c in inner)


def test_overrides_become_visible_and_right_to_left_names_are_isolated() -> None:
    assert shown("invoice\u202efdp.exe") == "invoice\\u202efdp.exe"
    assert shown("a\nb\x1b[31m") == "a\\nb\\x1b[31m"
    assert shown("عقد.pdf") == "\u2068عقد.pdf\u2069"
    assert shown("bad\udcff") == "bad\\udcff"


def test_a_name_stays_isolated_in_a_sentence() -> None:
    assert tame("Remove \u2068عقد.pdf\u2069?") == "Remove \u2068عقد.pdf\u2069?"
    assert tame("no end \u2068 and \u202e") == "no end \ufffd and \ufffd"


@given(st.text(), st.integers(0, 50))
def test_places_are_counted_as_qt_counts_them(text: str, at: int) -> None:
    assert utf16(text, at) == sum(1 + (ord(c) > 0xFFFF) for c in text[:at])


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (812, "812 B"), (3400, "3.4 kB"), (120_000_000, "120 MB"), (2.1e9, "2.1 GB")],
)
def test_sizes(size: float, text: str) -> None:
    assert size_text(size) == text


def test_places_and_times() -> None:
    assert place_text(Locator(page=3, line=9, heading="Rent")) == "page 3 · Rent"
    assert place_text(Locator(member="sheet 2", line=4)) == "sheet 2 · line 4"
    assert place_text(Locator()) == ""
    assert time_left(None) == ""
    assert time_left(20) == "less than a minute left"
    assert time_left(240) == "about 4 minutes left"
