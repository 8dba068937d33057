"""Removing what Satchel keeps deletes that, and nothing of the person's."""

from __future__ import annotations

from pathlib import Path

import filelock
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserError
from core.holder import Holder, take_over
from core.home import Home, find_home
from core.removal import is_own, kept_in_home, kept_models, not_own, remove

SOME_HOME = Home(Path("/h/config"), Path("/h/data"), Path("/h/cache"), Path("/m"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = find_home(str(tmp_path / "home"), {"SATCHEL_MODELS": str(tmp_path / "models")})
    made.create()
    return made


def fill(home: Home) -> list[Path]:
    """One file at or in each place that a home names."""
    places = [value for name in dir(Home) if isinstance(value := getattr(home, name), Path)]
    for place in places:
        if place in (home.config, home.data, home.cache, home.models):
            continue
        if place.is_dir() or not place.suffix:
            place.mkdir(exist_ok=True) if place not in (home.lock, home.socket) else place.touch()
        else:
            place.write_bytes(b"12345")
    return places


def test_a_whole_home_goes_with_every_place_it_names(home: Home) -> None:
    fill(home)
    (home.data / "catalogue.db-wal").write_bytes(b"1")
    (home.data / "history-before-4.db").write_bytes(b"1")
    (home.config / ".settings.toml.tmp").write_bytes(b"1")
    (home.data / "next").mkdir()
    kept = kept_in_home(home)
    assert {one.part for one in kept} == {"settings", "data", "cache"}
    assert sum(one.size_bytes for one in kept if one.path == home.history) == 5
    remove(home, kept)
    assert not home.config.parent.exists()


def test_what_is_not_satchels_stays_with_its_folder(home: Home, tmp_path: Path) -> None:
    fill(home)
    mine = [home.data / "history-of-rome.pdf", home.config / "notes", home.cache / "machine.jsonx"]
    for path in mine:
        path.write_bytes(b"mine")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "letter.txt").write_bytes(b"mine")
    home.rotations.rmdir()
    home.rotations.symlink_to(outside)
    assert set(not_own(home)) == set(mine)
    remove(home, kept_in_home(home))
    assert [path.read_bytes() for path in mine] == [b"mine"] * 3
    assert (outside / "letter.txt").read_bytes() == b"mine"
    assert not home.rotations.is_symlink()
    assert kept_in_home(home) == []


def test_models_go_only_where_they_are_named(home: Home) -> None:
    (home.models / "llm").mkdir(parents=True)
    (home.models / "llm" / "small.gguf").write_bytes(b"123")
    remove(home, kept_in_home(home))
    assert [one.size_bytes for one in kept_models(home)] == [3]
    remove(home, kept_models(home))
    assert not home.models.exists()


def test_a_home_of_another_machine_is_left_whole(home: Home) -> None:
    home.history.write_bytes(b"1")
    home.holder.write_bytes(msgspec.json.encode(Holder("elsewhere", "m", "b", 1.0)))
    with pytest.raises(UserError, match="in use on another machine, elsewhere"):
        remove(home, kept_in_home(home))
    assert home.history.exists()
    take_over(home)
    remove(home, kept_in_home(home))
    assert not home.history.exists()


def test_a_home_in_use_is_left_whole(home: Home) -> None:
    home.history.write_bytes(b"1")
    with (
        filelock.FileLock(home.lock, mode=0o600),
        pytest.raises(UserError, match="running"),
    ):
        remove(home, kept_in_home(home))
    assert home.history.exists()


@given(st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1))
def test_a_file_is_satchels_only_by_a_name_that_satchel_gives(name: str) -> None:
    if name not in (".", ".."):
        assert not is_own(SOME_HOME, Path("/h/data") / f"{name}.pdf")
        assert not is_own(SOME_HOME, Path("/h") / name)
