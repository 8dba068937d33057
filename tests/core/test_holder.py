"""The mark of the machine that has a home: refused to others, never in the way of its own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import holder
from core.errors import UserError
from core.holder import Holder, hold, let_go, look, same_machine, take_over, this_machine
from core.home import Home, find_home

NAMES = st.sampled_from(["", "desk", "lap"])
HOLDERS = st.builds(Holder, NAMES, NAMES, NAMES, st.floats(0, 2e9))
ELSEWHERE = Holder("elsewhere", "other-machine", "other-boot", 1_700_000_000.0)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = find_home(str(tmp_path / "home"), {})
    found.create()
    return found


@given(HOLDERS, HOLDERS)
def test_a_machine_is_itself_and_others_are_told_from_both_sides(
    one: Holder, other: Holder
) -> None:
    assert same_machine(one, one)
    assert same_machine(one, other) == same_machine(other, one)


def test_what_tells_machines_apart() -> None:
    here = Holder("desk", "m", "b")
    assert same_machine(here, Holder("desk", "m", "after a restart"))
    assert same_machine(here, Holder("another name", "n", "b")), "while the system runs"
    assert not same_machine(here, Holder("lap", "m", "other")), "copied from one another"
    assert not same_machine(here, Holder("desk", "n", "other"))
    assert not same_machine(Holder("desk", "m", ""), Holder("lap", "m", ""))


def test_a_home_is_held_and_let_go(home: Home) -> None:
    hold(home)
    taken = look(home)
    assert taken is not None
    assert not taken.by_another
    assert home.holder.stat().st_mode & 0o777 == 0o600
    hold(home)  # as after a service that was killed
    let_go(home)
    assert look(home) is None


def test_another_machine_has_it(home: Home) -> None:
    home.holder.write_bytes(msgspec.json.encode(ELSEWHERE))
    with pytest.raises(UserError, match="elsewhere, since 14 November 2023") as caught:
        hold(home)
    assert "--take-over" in caught.value.advice
    let_go(home)
    assert home.holder.exists(), "the other's mark stays"
    take_over(home)
    hold(home)
    taken = look(home)
    assert taken is not None
    assert not taken.by_another


@pytest.mark.parametrize("left", [b"", b"{", b'{"host": 3}'])
def test_a_mark_that_cannot_be_read_keeps_nobody_out(
    home: Home, left: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder, "WRITTEN_IN_S", 0.0)
    home.holder.write_bytes(left)
    hold(home)
    assert look(home) is not None


def test_the_machine_id_itself_is_not_written(home: Home) -> None:
    hold(home)
    written = home.holder.read_text()
    for path in holder._MACHINES:
        if path.exists():
            assert path.read_text().strip() not in written
    assert this_machine(0.0).host in written
