"""The recent searches: bounded, newest first, and gone when they are to be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserError
from core.store.recent import LONGEST_CHARS, MOST_SEARCHES, RecentSearches


@pytest.fixture
def recent(tmp_path: Path) -> RecentSearches:
    return RecentSearches(tmp_path / "searches.json")


def test_newest_first_each_once_and_what_was_on_the_way_is_left_out(recent: RecentSearches) -> None:
    for text in ("rent", "lea", "lease  end", "Rent"):
        recent.note(text)
    assert recent.all() == ("Rent", "lease end")
    recent.note("  ")
    recent.note("x" * (LONGEST_CHARS + 1))
    recent.note("odd \udcff")
    assert recent.all() == ("odd ?", "Rent", "lease end")


def test_they_are_removed_one_by_one_or_all(recent: RecentSearches, tmp_path: Path) -> None:
    for text in ("one", "two", "the secret words of a file"):
        recent.note(text)
    recent.remove("ONE")
    with pytest.raises(UserError):
        recent.remove("one")
    recent.forget(["secret  words of"])
    assert recent.all() == ("two",)
    assert (tmp_path / "searches.json").stat().st_mode & 0o777 == 0o600
    recent.clear()
    recent.clear()
    assert recent.all() == ()
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_begun_anew(recent: RecentSearches, tmp_path: Path) -> None:
    (tmp_path / "searches.json").write_bytes(b'{"no": ')
    assert recent.all() == ()
    recent.note("again")
    assert recent.all() == ("again",)


@given(st.lists(st.text(max_size=8), max_size=80))
def test_never_too_many_nor_twice(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    recent = RecentSearches(tmp_path_factory.mktemp("r") / "searches.json")
    for text in texts:
        recent.note(text)
    kept = recent.all()
    assert len(kept) <= MOST_SEARCHES
    assert len({text.casefold() for text in kept}) == len(kept)
