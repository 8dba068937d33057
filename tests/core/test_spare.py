"""The room that is kept to open a home where the disk is full, and when it is given up."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import spare
from core.home import Home, find_home
from core.spare import PLENTY_BYTES, SPARE_BYTES, keep_spare, use_spare


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = find_home(str(tmp_path / "home"), {})
    made.create()
    return made


def test_it_is_kept_where_disk_and_budget_have_plenty(home: Home) -> None:
    keep_spare(home, lambda: PLENTY_BYTES - 1)
    assert not home.spare.exists()
    keep_spare(home, lambda: PLENTY_BYTES)
    kept = home.spare.read_bytes()
    assert len(kept) == SPARE_BYTES
    keep_spare(home, lambda: PLENTY_BYTES)
    assert home.spare.read_bytes() == kept, "it is not written again"
    use_spare(home)
    assert home.spare.exists(), "this disk is not full"


def test_it_is_given_up_where_the_disk_is_full(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_spare(home, lambda: PLENTY_BYTES)
    monkeypatch.setattr(spare, "measure_free", lambda _: (10 * PLENTY_BYTES, SPARE_BYTES - 1))
    use_spare(home)
    assert not home.spare.exists()
    use_spare(home)  # that there is none is no fault
