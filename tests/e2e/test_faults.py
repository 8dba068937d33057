"""A machine that lacks something: each fault is told in one line, and goes by without a trace."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import Indexed, one_line, satchel, satchel_json
from running import Passages, Running

from core.messages import Failed, FoldersRemove, Index, StatusRequest

resource = pytest.importorskip("resource", reason="the tests are of POSIX systems")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, which can be made read-only."""
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(mount)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a disk cannot be mounted here (needs the rights of root)")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def test_a_home_on_a_read_only_disk(own_sample: Indexed, disk: Path) -> None:
    shutil.copytree(own_sample.home, disk / "home")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for command in ("search rent", "status", "doctor"):
        said = one_line(satchel(disk / "home", *command.split()))
        assert "Read-only" in said
        assert str(disk / "home") in said
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert satchel_json(disk / "home", "search", "rent", "-k", "1")["results"]
    assert satchel_json(disk / "home", "doctor")["findings"] == []


@pytest.mark.parametrize("files", [14, 20, 26, 32])
def test_too_few_files_may_be_open(own_sample: Indexed, files: int) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    done = satchel(own_sample.home, "search", "rent of the workshop", preexec_fn=limit)
    assert done.returncode in (0, 1)
    assert "made a mistake" not in done.stderr
    assert "Traceback" not in done.stderr
    if done.returncode:
        one_line(done)
    assert not list((own_sample.home / "data").glob("*damaged*")), "nothing is set aside for it"
    assert satchel_json(own_sample.home, "search", "rent", "-k", "1")["results"]
    assert satchel_json(own_sample.home, "status")["index"]["files"]["indexed"] == 14


@pytest.mark.parametrize("removed", [("one",), ("one", "two")], ids=["one of two", "all"])
def test_a_service_killed_while_a_removal_can_be_undone(
    tmp_path: Path, models: Path, removed: tuple[str, ...]
) -> None:
    """The removal holds: nothing of it is found or kept where the home is opened again."""
    environment = {"SATCHEL_MODELS": str(models)}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "note.txt").write_text(f"The ferry number {name} leaves at noon.")
        satchel_json(tmp_path / "home", "folders", "add", str(tmp_path / name))
    running = Running(tmp_path / "home", environment, window=False)
    try:
        running.ask(Index(running.next_id()))
        assert len(found(running)) == 2
        gone = tuple(str(tmp_path / name) for name in removed)
        running.ask(FoldersRemove(running.next_id(), gone, undo_s=30.0))
        assert len(found(running)) == 2 - len(removed)
        running.process.kill()
        running.process.wait()
        running.end()
        running = Running(tmp_path / "home", environment, window=False)
        # A change waits for what is done when a home is opened.
        running.ask(Index(running.next_id()))
        assert len(found(running)) == 2 - len(removed)
        files = running.report(StatusRequest(running.next_id()))["index"]["files"]
        assert files["indexed"] == 2 - len(removed)
    finally:
        running.end()


def found(running: Running) -> Passages:
    hits = running.search("the ferry leaves at noon", "semantic")
    assert not isinstance(hits, Failed), hits
    return hits
