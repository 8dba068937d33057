"""Reports of crashes: they say where, and nothing of what was being worked on."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from pathlib import Path

import pytest
from helpers import PATIENCE_S, ROOT, Indexed, satchel_json, watching

import app.changes
from app.cli import run
from app.crash_reports import (
    MOST_REPORTS,
    keep_report,
    kept_reports,
    native_lines,
    report_of,
    watched,
)
from core.atomic import write_atomic
from core.home import Home, find_home

SENTINEL = "zorvexsecret"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = find_home(str(tmp_path / "home"), {})
    found.create()
    return found


def failure() -> BaseException:
    """An error from a file whose name and text are private, with another as its cause."""
    try:
        try:
            write_atomic(Path("/nowhere", SENTINEL), SENTINEL.encode())
        except OSError as error:
            error.add_note(SENTINEL)
            raise ValueError(f"cannot use {SENTINEL}") from error
    except ValueError as error:
        return error
    raise AssertionError


def test_a_report_says_where_and_not_what() -> None:
    told = report_of(failure(), "service")
    assert SENTINEL not in told
    assert str(ROOT) not in told
    assert "Satchel 0." in told
    assert "ValueError at" in told
    assert "FileNotFoundError (ENOENT) at" in told
    assert "core/atomic.py:" in told
    assert "write_atomic" in told


def test_the_newest_reports_are_kept_and_each_once(home: Home) -> None:
    for number in range(MOST_REPORTS + 3):
        kept = keep_report(home, f"report {number}")
        assert kept is not None
        kept.rename(kept.with_name(f"2026-01-{number + 1:02d}{kept.name[10:]}"))
    assert len(kept_reports(home)) == MOST_REPORTS
    assert kept_reports(home)[0].read_text() == f"report {MOST_REPORTS + 2}"
    again = keep_report(home, f"report {MOST_REPORTS + 1}")
    assert again == kept_reports(home)[0]
    assert len(kept_reports(home)) == MOST_REPORTS
    assert stat.S_IMODE(home.crashes.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept_reports(home)} == {0o600}


def test_a_place_that_cannot_be_written_is_no_other_failure(home: Home) -> None:
    home.crashes.write_text("a file is in the way")
    assert keep_report(home, "report") is None
    with watched(home, "service"):
        pass


def test_a_thread_that_stops_is_reported_without_its_message(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop() -> None:
        raise failure()

    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    with watched(home, "service"):
        thread = threading.Thread(target=stop)
        thread.start()
        thread.join()
    assert threading.excepthook is threading.__excepthook__
    assert SENTINEL not in capsys.readouterr().err
    (report,) = kept_reports(home)
    assert SENTINEL not in report.read_text()


def test_a_bug_in_the_service_is_reported(
    home: Home,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def examine(*_: object) -> None:
        raise failure()

    environment = {"SATCHEL_MODELS": str(models)}
    where = ["--home", str(home.data.parent)]
    with monkeypatch.context() as patched:
        patched.setattr(app.changes, "examine", examine)
        assert run([*where, "doctor"], environment) == 1
    told = capsys.readouterr()
    assert "`satchel doctor` names a report" in told.err
    assert SENTINEL not in told.err
    (report,) = kept_reports(home)
    assert SENTINEL not in report.read_text()
    assert run([*where, "doctor"], environment) == 0
    assert str(report) in capsys.readouterr().out


def test_a_bug_in_the_window_is_reported(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    window = pytest.importorskip("app.window", exc_type=ImportError)
    error = failure()
    window.tell_mistake(str(home.data.parent), type(error), error, error.__traceback__)
    assert SENTINEL not in capsys.readouterr().err
    (report,) = kept_reports(home)
    assert ", window\n" in report.read_text()
    assert SENTINEL not in report.read_text()


def test_the_places_of_a_native_crash_hold_no_folders() -> None:
    trace = (
        "Fatal Python error: Aborted\n\nCurrent thread 0x00007f (most recent call first):\n"
        f'  File "/home/{SENTINEL}/lib/llama_cpp/_ctypes.py", line 12 in decode\n'
        f'  File "{ROOT}/app/worker.py", line 7 in main\n  Extension modules: x (total: 1)\n'
    )
    assert native_lines(trace) == [
        "Fatal Python error: Aborted",
        "Current thread at",
        "  llama_cpp/_ctypes.py:12 decode",
        "  app/worker.py:7 main",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
def test_a_native_crash_is_reported_at_the_next_start(own_sample: Indexed) -> None:
    with watching(own_sample.home) as service:
        os.kill(service.pid, signal.SIGSEGV)
        assert service.wait(PATIENCE_S) == -signal.SIGSEGV
    body = satchel_json(own_sample.home, "doctor")
    assert body["healthy"]
    (report,) = map(Path, body["crash_reports"])
    told = report.read_text()
    assert "Segmentation fault" in told
    assert "app/" in told
    assert str(ROOT) not in told
    satchel_json(own_sample.home, "folders", "list")  # another start does not report it again
    assert list(report.parent.glob("*.txt")) == [report]
