"""The index follows the files, through real events, processes and models."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers import PATIENCE_S, ROOT, satchel, satchel_json, watching
from vandal import NAMES, Vandal, grow

from app.local import Caller, connect
from core.home import find_home
from core.messages import FoldersCheck, Report, Search, SearchResults, StatusRequest
from core.store.catalogue import Catalogue

WORDS = (
    "walrus", "ferry", "harbour", "lighthouse", "bicycle", "garden", "recipe", "lease",
    "insurance", "club", "piano", "orchard", "candle", "glacier", "saddle", "thimble",
)  # fmt: skip


class Watched:
    """A folder, a home whose service watches it, and a client of that service."""

    def __init__(self, root: Path) -> None:
        self.files = root / "files"
        self.home = root / "home"
        self.files.mkdir()
        satchel_json(self.home, "folders", "add", str(self.files))
        self.caller: Caller | None = None

    def write(self, name: str, text: str) -> Path:
        path = self.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def ask(self, make: Callable[[int], object]) -> object:
        assert self.caller is not None
        return list(self.caller.ask(make(self.caller.next_id())))[-1]  # type: ignore[arg-type]

    def found(self, query: str, k: int = 10) -> list[tuple[str, str]]:
        """Names and states of the files found by a word."""
        results = self.ask(lambda number: Search(number, query, k=k, mode="lexical"))
        assert isinstance(results, SearchResults), results
        return [(Path(hit.path).name, hit.state) for hit in results.hits]

    def names(self, query: str) -> list[str]:
        return [name for name, state in self.found(query) if state == "ok"]

    def status(self) -> dict[str, object]:
        report = self.ask(StatusRequest)
        assert isinstance(report, Report), report
        index = dict(report.body)["index"]  # type: ignore[call-overload]
        assert isinstance(index, dict)
        return index

    def check(self, path: Path) -> str:
        report = self.ask(lambda number: FoldersCheck(number, str(path)))
        assert isinstance(report, Report), report
        return str(dict(report.body)["rule"])  # type: ignore[call-overload]


@pytest.fixture
def watched(tmp_path: Path, models: Path) -> Watched:  # noqa: ARG001
    return Watched(tmp_path)


@contextmanager
def service(watched: Watched) -> Iterator[int]:
    """The service after its first run; gives its process id."""
    with watching(watched.home) as process, client(watched):
        yield process.pid


@contextmanager
def service_at_once(watched: Watched, *before: str) -> Iterator[None]:
    """The service with its first run just begun, started by way of another command."""
    command = [sys.executable, "-m", "app.cli", "--home", str(watched.home), "index", "--watch"]
    with subprocess.Popen(
        [*before, *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            until((watched.home / "data" / "socket").exists)
            with client(watched):
                yield
        finally:
            process.terminate()


@contextmanager
def client(watched: Watched) -> Iterator[None]:
    watched.caller = connect(find_home(str(watched.home), os.environ), os.environ)
    try:
        yield
    finally:
        watched.caller.close()


def until(true: Callable[[], object], timeout_s: float = PATIENCE_S) -> float:
    """Seconds until something is true."""
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < timeout_s
        time.sleep(0.05)
    return time.monotonic() - started


def test_changes_are_searchable_soon(watched: Watched) -> None:
    watched.write("a.txt", "the ferry leaves at noon")
    with service(watched):
        watched.write("sub/deep/b.txt", "a walrus was seen")
        until(lambda: watched.names("walrus") == ["b.txt"])
        watched.write("a.txt", "the glacier is melting")
        until(lambda: watched.names("glacier") == ["a.txt"] and not watched.names("ferry"))
        (watched.files / "sub").rename(watched.files / "moved")
        until(lambda: watched.names("walrus") == ["b.txt"])
        watched.write(".gitignore", "moved/\n")
        until(lambda: watched.names("walrus") == [])
        assert "line 1 of" in watched.check(watched.files / "moved" / "deep" / "b.txt")
        (watched.files / ".gitignore").unlink()
        until(lambda: watched.names("walrus") == ["b.txt"])
        shutil.rmtree(watched.files / "moved")
        until(lambda: watched.found("walrus") == [])


@pytest.mark.slow
def test_a_drive_comes_and_goes(watched: Watched, tmp_path: Path) -> None:
    watched.write("a.txt", "the ferry leaves at noon")
    watched.write("b.txt", "the walrus sleeps")
    with service(watched):
        watched.files.rename(tmp_path / "unplugged")
        until(lambda: watched.found("ferry") == [("a.txt", "offline")])
        assert "cannot be reached" in watched.check(watched.files / "a.txt")
        (tmp_path / "unplugged" / "b.txt").write_text("the glacier is melting")
        (tmp_path / "unplugged").rename(watched.files)
        until(lambda: watched.names("ferry") == ["a.txt"] and watched.names("glacier") == ["b.txt"])
        assert watched.found("walrus") == []


@pytest.mark.slow
def test_a_change_is_searchable_while_much_is_indexed(watched: Watched) -> None:
    """The first run has a minute's work or more; a note saved meanwhile does not wait for it."""
    chance = random.Random(5)
    for number in range(1_500):
        words = " ".join(chance.choices(WORDS, k=150))
        watched.write(f"heap/{number % 30}/{number}.txt", f"note {number} {words}")
    before = time.monotonic()
    with service_at_once(watched):
        until(lambda: watched.status()["chunks"])
        watched.write("fresh.txt", "zanzibar is an island")
        spent_s = until(lambda: watched.names("zanzibar") == ["fresh.txt"])
        counts = watched.status()["files"]
        assert isinstance(counts, dict)
        assert counts["waiting"] > 200, "the first run is over already"
        print(f"searchable after {spent_s:.1f} s, {time.monotonic() - before:.0f} s into the run")
        watched.write("fresh.txt", "madagascar is an island")
        assert until(lambda: watched.names("madagascar") == ["fresh.txt"], 40) < 20


@pytest.mark.slow
def test_a_system_that_watches_no_more_folders_is_told(watched: Watched) -> None:
    """The kernel's real limit, lowered in a user namespace."""
    lower = "echo {} > /proc/sys/user/max_inotify_watches"
    unshare = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    try:
        subprocess.run([*unshare, lower.format(99)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs unshare and user namespaces, to lower the limit")
    for number in range(20):
        watched.write(f"{number}/a.txt", "the ferry leaves at noon")
    with service_at_once(watched, *unshare, f'{lower.format(9)} && exec "$@"', "sh"):
        until(lambda: watched.status()["state"] == "attention")
        assert "scanning every 10 minutes" in str(watched.status()["reason"])
        assert len(watched.names("ferry")) == 1
        assert "max_user_watches" in str(watched.status()["reason"])


@pytest.mark.slow
def test_an_idle_service_is_quiet_though_its_home_is_watched(tmp_path: Path, models: Path) -> None:  # noqa: ARG001
    """The home lies in the watched folder: what the service writes is no reason to write again."""
    watched = Watched(tmp_path)
    inner = watched.files / "home"
    satchel_json(inner, "folders", "add", str(watched.files))
    watched.home = inner
    watched.write("a.txt", "the ferry leaves at noon")
    with service(watched) as pid:
        until(lambda: watched.names("ferry") == ["a.txt"])
        time.sleep(4)
        process = psutil.Process(pid)
        stamps = {path: path.stat().st_mtime_ns for path in inner.rglob("*") if path.is_file()}
        before = process.cpu_times().user
        time.sleep(5)
        assert process.cpu_times().user - before < 0.5
        assert {p: p.stat().st_mtime_ns for p in inner.rglob("*") if p.is_file()} == stamps
        assert "own data" in watched.check(inner / "data" / "catalogue.db")


# --- random changes, then compared with a fresh index ------------------------------------------


def phrase(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(0, 4)))


def rows(home: Path) -> dict[str, tuple[object, ...]]:
    """What the catalogue of a home says of each file."""
    catalogue = Catalogue(find_home(str(home), {}).catalogue, read_only=True)
    try:
        return {
            str(Path(*map(os.fsdecode, row[:3]))): row[3:]
            for row in catalogue.db.execute(
                "SELECT folder.path, dir.path, name, state, reason.text, size, mtime_ns, hash "
                "FROM file JOIN dir ON dir.id=dir JOIN folder ON folder.id=folder "
                "LEFT JOIN document ON document.id=document "
                "LEFT JOIN reason ON reason.id=file.reason"
            )
        }
    finally:
        catalogue.close()


def answers(home: Path, queries: Path) -> list[tuple[str, set[object]]]:
    """The files found for each word, by words, and by meaning with their scores."""
    found: list[tuple[str, set[object]]] = []
    for mode in ("lexical", "semantic"):
        done = satchel(home, "batch", str(queries), "-k", "1000", "--mode", mode, "--exact")
        assert done.returncode == 0, done.stderr
        for word, line in zip(WORDS, done.stdout.splitlines(), strict=True):
            hits: set[object] = set()
            for hit in json.loads(line)["results"]:
                score = round(hit["score"], 3) if mode == "semantic" else None
                hits |= {(path, score) for path in (hit["path"], *_copies(hit))}
            found.append((f"{word} {mode}", hits))
    return found


def _copies(hit: dict[str, Any]) -> list[str]:
    return [copy["path"] for copy in hit["copies"]]


@pytest.mark.parametrize(
    ("seed", "operations", "pause_s"),
    [
        pytest.param(1, 150, 0.05, id="150"),
        pytest.param(2, 10_000, 0.02, id="10000", marks=pytest.mark.slow),
    ],
)
def test_after_random_changes_the_index_is_as_a_fresh_one(
    watched: Watched, tmp_path: Path, seed: int, operations: int, pause_s: float
) -> None:
    chance = random.Random(seed)
    outside = tmp_path / "outside"
    outside.mkdir()
    second = tmp_path / "second"
    second.mkdir()
    satchel_json(watched.home, "folders", "add", str(second))
    folders = [watched.files, second]
    for folder in folders:
        grow(folder, chance, text=phrase)
    vandal = Vandal(folders, chance, outside, phrase)
    with watching(watched.home):
        for _ in range(operations):
            vandal.strike()
            time.sleep(chance.random() * 2 * pause_s)
        fresh = tmp_path / "fresh"
        satchel_json(fresh, "folders", "add", *map(str, folders))
        body = satchel_json(fresh, "index")
        expected = rows(fresh)
        until(lambda: rows(watched.home) == expected)
        status = satchel_json(watched.home, "status")["index"]["files"]
        assert sum(status.values()) >= len(expected)
        assert {**body["files"], "waiting": 0, "skipped": 0} == {**status, "skipped": 0}
    queries = tmp_path / "queries.txt"
    queries.write_text("\n".join(WORDS) + "\n")
    ours, theirs = answers(watched.home, queries), answers(fresh, queries)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == other
    assert sum(len(hits) for _, hits in ours) > len(WORDS)
    assert satchel(watched.home, "doctor").returncode == 0
    assert any(name in path for path in expected for name in NAMES)
