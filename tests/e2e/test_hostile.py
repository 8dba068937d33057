"""A folder of files that mean harm: all accounted for, nothing fetched, nothing left behind."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers import PATIENCE_S, models_folder, satchel
from hostile import SECRET, bombs, calls_home, odd_contents, odd_names, regular_files

from app.local import InProcess
from core.files.folders import save_folders, with_added
from core.home import find_home
from core.messages import Index, IndexProgress, Report

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the files are of POSIX systems")


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """An address, and what connected to it so far."""
    calls: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                try:
                    caller, _ = server.accept()
                except TimeoutError:
                    continue
                with caller:
                    calls.append(repr(caller.recv(200)))

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", calls
        finally:
            stop.set()
            thread.join()


def snapshot(folder: Path) -> dict[bytes, tuple[int, ...]]:
    """What the disk says of everything below a folder, but when it was last read."""
    found = {}
    for where, folders, names in os.walk(os.fsencode(folder)):
        for name in (*folders, *names, b"."):
            path = os.path.join(where, name)  # noqa: PTH118 - bytes
            now = os.lstat(path)
            found[path] = (now.st_mode, now.st_uid, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
    return found


def left_behind(home: Path) -> list[str]:
    """Processes that were started for a home and still run."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        if process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        words = [*(process.info["cmdline"] or []), process.info["cwd"] or ""]
        if process.pid != os.getpid() and any(str(home) in word for word in words):
            found.append(" ".join(words))
    return found


class Place:
    """A home and a person's folder, with every other place a program might write to."""

    def __init__(self, root: Path) -> None:
        self.files, self.home, self.person = root / "files", root / "home", root / "person"
        self.temporary = root / "temporary"
        for folder in (self.files, self.person, self.temporary):
            folder.mkdir()
        self.secret = root / "secret.txt"
        self.secret.write_text(SECRET)
        (self.home / "config").mkdir(parents=True)
        (self.home / "config" / "settings.toml").write_text("[extract]\ntimeout_s = 15\n")
        self.environment = {
            "HOME": str(self.person),
            "TMPDIR": str(self.temporary),
            "SATCHEL_MODELS": str(models_folder()),
            "PYTHONDONTWRITEBYTECODE": "1",
            **dict.fromkeys(("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), ""),
        }

    def run(self, *arguments: str, timeout_s: float = PATIENCE_S) -> Any:
        done = satchel(
            self.home, *arguments, "--json", environment=self.environment, timeout_s=timeout_s
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout)

    def outside(self) -> dict[bytes, tuple[int, ...]]:
        folders = (self.files, self.person, self.temporary)
        return {path: now for folder in folders for path, now in snapshot(folder).items()}


def check_indexing(place: Place, calls: list[str], timeout_s: float) -> Any:
    """Index the folder and check all that holds for every folder."""
    before = place.outside()
    place.run("folders", "add", str(place.files))
    started = time.monotonic()
    body = place.run("index", timeout_s=timeout_s)
    assert time.monotonic() - started < timeout_s
    assert sum(body["files"].values()) == regular_files(place.files)
    assert body["waiting"] == 0
    assert all(failure["reason"] for failure in body["failures"])
    assert left_behind(place.home) == []
    assert calls == []
    assert place.outside() == before
    assert not (place.home / "cache" / "scratch").exists() or not list(
        (place.home / "cache" / "scratch").rglob("*")
    )
    # The secret of another file was drawn in by none.
    assert place.run("search", "snickersnee", "--mode", "lexical")["results"] == []
    return body


def fill(place: Place, url: str, *, seed: int, depth: int, line_bytes: int, more: bool) -> None:
    bombs(place.files, megabytes=450, depth=depth, more=more)
    calls_home(place.files, url, place.secret)
    odd_contents(place.files, seed, line_bytes)
    odd_names(place.files)
    (place.files / "good.txt").write_text("The ferry to the island leaves at noon.")


def test_a_folder_of_hostile_files(tmp_path: Path, models: Path) -> None:  # noqa: ARG001
    place = Place(tmp_path)
    with listening() as (url, calls):
        fill(place, url, seed=7, depth=3_000, line_bytes=70_000, more=False)
        body = check_indexing(place, calls, timeout_s=500)
    reasons = {Path(failure["path"]).name: failure["reason"] for failure in body["failures"]}
    assert not any("fault in Satchel" in reason for reason in reasons.values()), reasons
    assert not any("its reader fail" in reason for reason in reasons.values()), reasons
    assert body["files"]["indexed"] >= 30
    results = place.run("search", "ferry to the island", "-k", "1")["results"]
    assert [Path(result["path"]).name for result in results] == ["good.txt"]
    again = place.run("index")
    assert again["files"] == body["files"]
    assert again["embedded_chunks"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_more_and_larger_hostile_files(tmp_path: Path, models: Path, seed: int) -> None:  # noqa: ARG001
    place = Place(tmp_path)
    with listening() as (url, calls):
        line_bytes = 50_000_000 if seed == 0 else 1_000_000
        fill(place, url, seed=seed, depth=100_000, line_bytes=line_bytes, more=True)
        body = check_indexing(place, calls, timeout_s=1_500)
    assert not any("fault in Satchel" in failure["reason"] for failure in body["failures"])
    results = place.run("search", "ferry to the island", "-k", "1")["results"]
    assert [Path(result["path"]).name for result in results] == ["good.txt"]


def test_files_that_change_between_the_scan_and_their_reading(
    tmp_path: Path,
    models: Path,  # noqa: ARG001
) -> None:
    place = Place(tmp_path)
    for number in range(40):
        (place.files / f"{number}.txt").write_text(f"Notes about the harbour, part {number}. " * 40)
    names = ("folder", "gone", "closed", "pipe", "link", "growing", "swapped")
    odd = {name: place.files / f"{name}.txt" for name in names}
    for path in odd.values():
        path.write_text("Words that were there at first. ")
        os.utime(path, (1_000_000_000, 1_000_000_000))  # the oldest are read last
    save_home = find_home(str(place.home), {**os.environ, "SATCHEL_MODELS": str(models_folder())})
    caller = InProcess(save_home, os.environ)
    stop = threading.Event()
    grower = threading.Thread(target=grow, args=(odd["growing"], stop))
    try:
        home = caller._service.home
        save_folders(home.folders, with_added((), [str(place.files)], ()))
        replies: list[object] = []
        for reply in caller.ask(Index(caller.next_id())):
            if isinstance(reply, IndexProgress) and reply.phase == "indexing" and not replies:
                replies.append(reply)
                disturb(odd)
                grower.start()
        assert replies and isinstance(reply, Report), reply
        stop.set()
        grower.join()
        counts = caller._service.engine.catalogue.files
        for name in ("folder", "gone", "pipe", "link"):
            assert counts.standing(str(odd[name])) is None or reply.body["waiting"]
        # When all is quiet again the next run finds what is there now.
        [*_, last] = caller.ask(Index(caller.next_id()))
        assert isinstance(last, Report), last
        assert last.body["waiting"] == 0
        assert sum(last.body["files"].values()) == regular_files(place.files)
        assert not any("fault" in failure["reason"] for failure in last.body["failures"])
        pids = caller._service.pids()["extractors"]
    finally:
        stop.set()
        caller.close()
    assert all(not psutil.pid_exists(pid) for pid in pids)


def disturb(odd: dict[str, Path]) -> None:
    """Make something else of files that the scan has seen and nobody has read yet."""
    for name in ("folder", "gone", "pipe", "link", "swapped"):
        odd[name].unlink()
    odd["folder"].mkdir()
    os.mkfifo(odd["pipe"])
    odd["link"].symlink_to("/dev/zero")
    odd["swapped"].write_text("Other words of another length, by the same name.")
    odd["closed"].chmod(0)


def grow(path: Path, stop: threading.Event) -> None:
    while not stop.wait(0.002):
        with path.open("a") as file:
            file.write("and more ")
