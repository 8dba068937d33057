import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.files.watch import LONGEST_DELAY_S, QUIET_S, Watcher, due_in_s

TIMES = st.floats(0, 1000)


@given(TIMES, TIMES, TIMES)
def test_a_scan_is_due_after_quiet_and_never_too_late(a: float, b: float, now: float) -> None:
    first, last = sorted((a, b))
    due = due_in_s(first, last, now)
    assert due is not None
    assert due >= 0
    assert now + due >= min(first + LONGEST_DELAY_S, last + QUIET_S) - 1e-6
    assert due == 0 or now + due <= first + LONGEST_DELAY_S + 1e-6


def test_nothing_is_due_without_events() -> None:
    assert due_in_s(None, None, 5) is None
    assert due_in_s(10, 10, 10) == pytest.approx(QUIET_S)
    assert due_in_s(10, 12.9, 12.9) == pytest.approx(0.1)
    assert due_in_s(10, 10, 50) == 0.0


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[Watcher]:
    found = Watcher([str(tmp_path)])
    assert found.limited is None
    yield found
    found.close()


def test_a_change_is_seen_once(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    assert watcher.wait(10)
    assert not watcher.wait(0.3)


def test_changes_below_new_folders_are_seen(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    assert watcher.wait(10)
    (tmp_path / "deep" / "a.txt").write_text("x")
    assert watcher.wait(10)


def test_renames_and_deletions_are_changes(watcher: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x")
    assert watcher.wait(10)
    path.rename(tmp_path / "b.txt")
    assert watcher.wait(10)
    (tmp_path / "b.txt").unlink()
    assert watcher.wait(10)


def test_reading_is_no_change(watcher: Watcher, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x")
    assert watcher.wait(10)
    path.read_text()
    assert not watcher.wait(QUIET_S + 0.5)


def test_steady_writing_does_not_put_it_off_for_ever(watcher: Watcher, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.1):
            with (tmp_path / "log.txt").open("a") as file:
                file.write("x")

    thread = threading.Thread(target=write)
    thread.start()
    started = time.monotonic()
    try:
        assert watcher.wait(20)
        assert time.monotonic() - started < LONGEST_DELAY_S + 5
    finally:
        stop.set()
        thread.join()


def test_a_folder_that_cannot_be_watched_is_told(tmp_path: Path) -> None:
    watcher = Watcher([str(tmp_path / "none")])
    assert watcher.limited is not None
    assert not watcher.wait(0.1)
    watcher.close()
