"""The real window with the real service on a virtual display."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import PATIENCE_S, ROOT, SAMPLE, Indexed, comes, satchel

DRIVER = Path(__file__).with_name("drive_window.py")
LIMIT_S = 500.0  # of a scenario, whose steps are each waited for by the driver


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A screen that nobody sees; skips where there is none to be had."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed; packaging/debian_deps.sh installs it")
    read, write = os.pipe()
    process = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x900x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as numbers:
            number = numbers.readline().strip()
        if not number:
            pytest.skip("Xvfb does not start here")
        trial = subprocess.run(
            [sys.executable, "-c", "from PySide6.QtWidgets import QApplication; QApplication([])"],
            env=screen(f":{number}"),
            capture_output=True,
            text=True,
            check=False,
        )
        if trial.returncode != 0:
            reason = trial.stderr.strip().splitlines()[:1]
            pytest.skip(f"Qt cannot open a window here: {' '.join(reason)}")
        yield f":{number}"
    finally:
        process.terminate()
        process.wait()


def screen(display: str) -> dict[str, str]:
    """The environment of a program on this display."""
    kept = {k: v for k, v in os.environ.items() if k not in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    return {**kept, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(ROOT)}


@contextlib.contextmanager
def started(
    scenario: str, home: Path, display: str, **more: str
) -> Iterator[subprocess.Popen[str]]:
    """The window with a scenario; killed where it does not end by itself."""
    with subprocess.Popen(
        [sys.executable, str(DRIVER), scenario, "--home", str(home)],
        cwd=ROOT,
        env={**screen(display), **more},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def drive(scenario: str, home: Path, display: str, **more: str) -> dict[str, Any]:
    """What a scenario found."""
    with started(scenario, home, display, **more) as process:
        output, _ = process.communicate(timeout=LIMIT_S)
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    assert "late" not in found, found
    assert process.returncode == 0
    return found


def test_search_preview_and_what_the_process_holds(own_sample: Indexed, display: str) -> None:
    found = drive("search", own_sample.home, display)
    assert found["hits"][0].endswith("workshop-lease.pdf")
    assert set(found["sources"]) <= {"both", "semantic", "lexical"}
    assert "31 May 2028" in found["preview"]
    assert found["marked"] > 1  # the passage, and in it what was looked for
    assert found["picture_px"] > 200
    assert found["boxes"] > 0
    assert len(found["related"]) > 1
    assert {Path(path).suffix for path in found["mail"]} == {".eml"}
    assert (own_sample.home / "data" / "searches.json").stat().st_mode & 0o777 == 0o600
    assert "on disk" in found["storage"]
    assert found["folders"] == 1
    assert found["threads"] == 1
    assert not found["numpy"]
    assert {name for name in found["core"] if not name.startswith("core.messages.")} <= {
        "core", "core.bundle", "core.errors", "core.home", "core.messages",
    }  # fmt: skip
    assert set(found["app"]) <= {"app", "app.cli", "app.identity", "app.mistakes", "app.window"}


def test_ask_cite_stop_keep_and_delete(own_sample: Indexed, display: str) -> None:
    found = drive("ask", own_sample.home, display)
    assert found["state"] in ("answered", "unsupported", "not found")
    assert found["sources"] > 0
    assert "lease" in found["cited_preview"].lower()
    assert found["cited_words"]
    assert found["stop_ms"] < 200
    assert found["kept_turns"] >= 1
    assert found["deleted"]


def test_a_conversation_has_versions_and_scopes_and_goes_for_good(
    tmp_path: Path,
    models: Path,  # noqa: ARG001
    display: str,
) -> None:
    home, files, export = tmp_path / "home", tmp_path / "files", tmp_path / "quince.md"
    for part, names in (
        ("papers", ("workshop-lease.pdf", "letter-from-the-council.txt", "club-minutes.rtf")),
        ("home", ("house-notes.md", "workshop-expenses-2025.csv", "insurance-renewal.eml")),
    ):
        (files / part).mkdir(parents=True)
        for name in names:
            shutil.copy(SAMPLE / name, files / part)
    home.mkdir(mode=0o700)
    (home / "settings.toml").write_text("[assistant]\nanswer_tokens = 16\n", "utf-8")
    found = drive(
        "converse", home, display, SATCHEL_TEST_FOLDER=str(files), SATCHEL_TEST_EXPORT=str(export)
    )
    first, second = (f"When does the lease of the workshop {word}?" for word in ("end", "begin"))
    assert len(found["ends"]) == 3
    assert set(found["ends"]) <= {"answered", "unsupported", "not found"}
    # What both ask for stands in the lease, which is not where they were to look.
    assert {Path(path).parent for path in found["in_folder"]} == {files / "home"}
    assert set(found["in_file"]) == {str(files / "papers" / "letter-from-the-council.txt")}
    assert found["edited"] == found["other"] == ["2 of 2", second]
    assert found["back"] == found["reopened"] == ["1 of 2", first]
    assert found["digest"].strip()
    written = export.read_text("utf-8")
    assert "The quince lease" in written
    assert first in written
    assert export.stat().st_mode & 0o777 == 0o600
    assert found["left"] == [0, 0]
    # Neither the database nor anything beside it has a word of it.
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert [p for p in kept if any(w in p.read_bytes() for w in (b"quince", first.encode()))] == []


def test_pause_and_go_on(own_sample: Indexed, display: str) -> None:
    found = drive("pause", own_sample.home, display)
    assert (found["paused"], found["resumed"]) == ("Resume", "Pause")


def test_a_budget_is_previewed_applied_and_undone(own_sample: Indexed, display: str) -> None:
    found = drive("budget", own_sample.home, display)
    assert found["before"].endswith("of 2.0 GB in memory")
    assert found["preview"] == "What changes"
    assert found["applied"].endswith("of 1.5 GB in memory")
    assert found["undone"].endswith("of 2.0 GB in memory")
    assert "1 MB" in found["refused"]
    assert not found["apply"]
    assert found["models"]["all-minilm-l6-v2"]
    assert "smollm2-135m-instruct" in found["models"]


def test_a_worker_killed_during_an_answer(own_sample: Indexed, display: str) -> None:
    found = drive("worker_killed", own_sample.home, display)
    assert found["killed"] == 1
    assert "stopped working" in found["message"]
    assert found["link"] == "ready"
    assert found["again"] in ("streaming", "answered", "unsupported", "not found")


def test_a_killed_service_comes_back(own_sample: Indexed, display: str) -> None:
    found = drive("service_killed", own_sample.home, display)
    assert "stopped unexpectedly" in found["notice"]
    assert found["notice_gone"]
    assert found["hits"] > 0


def test_a_second_start_raises_the_first(own_sample: Indexed, display: str) -> None:
    with started("raised", own_sample.home, display) as first:
        assert first.stdout is not None
        assert json.loads(first.stdout.readline()) == {"hidden": True}
        second = satchel(own_sample.home, environment=screen(display), timeout_s=PATIENCE_S)
        assert second.returncode == 0, second.stderr
        output, _ = first.communicate(timeout=LIMIT_S)
        assert json.loads(output.splitlines()[-1])["raised"]


def test_quit_while_indexing(tmp_path: Path, models: Path, display: str) -> None:  # noqa: ARG001
    files = tmp_path / "files"
    files.mkdir()
    for number in range(300):
        text = f"Note {number}. " + f"The {number} lanterns of the pier were lit again. " * 60
        (files / f"note-{number:03}.txt").write_text(text, "utf-8")
    home = tmp_path / "home"
    found = drive("quit_while_indexing", home, display, SATCHEL_TEST_FOLDER=str(files))
    assert "Indexing" in found["phase"] or "Looking" in found["phase"]
    assert not Path(f"/proc/{found['pid']}").exists()
    assert not (home / "data" / "socket").exists()


def test_the_first_run_leads_to_an_answer(
    tmp_path: Path,
    models: Path,  # noqa: ARG001
    display: str,
) -> None:
    home, session = tmp_path / "home", tmp_path / "session"
    found = drive("first_run", home, display, XDG_CONFIG_HOME=str(session))
    assert found["chosen"] == []
    assert found["focus"]
    assert "of memory" in found["device"]
    assert "a disk of" in found["device"]
    assert "1 MB" in found["refused"]
    assert "smollm2-135m-instruct" in found["models"]
    assert "all-minilm-l6-v2" not in found["models"]
    assert found["turn"] in ("answered", "unsupported")
    assert found["sources"] > 0
    assert found["ram"].endswith("of 1.2 GB in memory")
    (entry,) = (session / "autostart").iterdir()
    assert f"--home {home} --hidden" in entry.read_text("utf-8")
    again = drive("second_run", home, display, XDG_CONFIG_HOME=str(session))
    assert again["welcomed"]


def test_a_command_beside_the_window_answers(own_sample: Indexed, display: str) -> None:
    with started("raised", own_sample.home, display) as first:
        assert first.stdout is not None
        first.stdout.readline()
        done = satchel(own_sample.home, "search", "lease", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["results"]
        first.terminate()
        first.communicate(timeout=LIMIT_S)


def test_started_hidden_it_is_seen_only_when_it_is_asked_for(
    own_sample: Indexed, display: str
) -> None:
    if shutil.which("xwininfo") is None:
        pytest.skip("xwininfo is not installed; packaging/debian_deps.sh installs it")
    environment = screen(display)
    first = subprocess.Popen(
        [sys.executable, "-m", "app.window", "--home", str(own_sample.home), "--hidden"],
        cwd=ROOT,
        env=environment,
    )
    try:
        assert comes((own_sample.home / "data" / "socket").exists)
        assert not comes(lambda: seen(display), 2.0)  # one that is to be seen is there by then
        assert first.poll() is None
        second = satchel(own_sample.home, environment=environment, timeout_s=PATIENCE_S)
        assert second.returncode == 0, second.stderr
        assert comes(lambda: seen(display))
        first.terminate()
        assert first.wait(LIMIT_S) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            first.kill()


def seen(display: str) -> bool:
    """Whether the window is on the screen, as the screen itself has it."""

    def asked(*what: str) -> str:
        command = ["xwininfo", "-display", display, *what]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    # Helpers of Qt's have the name of the window, but are of no class.
    found = re.search(r'(0x\w+) "Satchel": \("', asked("-root", "-tree"))
    return found is not None and "IsViewable" in asked("-id", found[1])
