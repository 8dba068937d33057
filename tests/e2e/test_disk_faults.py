"""A service whose disk, clock and watcher fail: told in words, nothing lost, and gone on with."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from faulting import Faults
from helpers import PATIENCE_S, ROOT, Indexed, satchel_json
from running import Running

from core.messages import (
    AnswerDone,
    Ask,
    ConversationGet,
    Doctor,
    Failed,
    Index,
    Message,
    Report,
    SearchesRequest,
    SettingsSet,
    StatusRequest,
)

WORDS = ("ferry", "lighthouse", "market", "council", "garden", "bicycle", "winter", "orchard")
DAY_S = 86_400


class Desk:
    """A service with faults to be made, and the folder that it indexes."""

    def __init__(self, root: Path, models: Path) -> None:
        self.files, self.home = root / "files", root / "home"
        self.files.mkdir(parents=True)
        store = root / "models"
        starter = Path("embedding", "all-minilm-l6-v2")
        shutil.copytree(models / starter, store / starter, copy_function=os.link)
        self.faults = Faults(root, self.home)
        environment = {"SATCHEL_MODELS": str(store)}
        satchel_json(self.home, "folders", "add", str(self.files), environment=environment)
        self.environment = {**environment, **self.faults.environment}
        self.running = Running(self.home, self.environment, window=False)
        self.written = 0

    def write(self, count: int = 1) -> None:
        """More files in the folder."""
        for _ in range(count):
            word = WORDS[self.written % len(WORDS)]
            text = f"Note {self.written}. The {word} is at the {word} place of the town. " * 3
            (self.files / f"note-{self.written}.txt").write_text(text)
            self.written += 1

    def ask(self, make: Any, *arguments: Any, **fields: Any) -> Message:
        return self.running.ask(make(self.running.next_id(), *arguments, **fields))

    def index(self) -> Message:
        return self.ask(Index)

    def found(self) -> int:
        """How many passages a search finds by its meaning, and by words at that."""
        by_meaning = self.running.search("the ferry of the town", "semantic")
        by_word = self.running.search("town", "lexical")
        assert not isinstance(by_meaning, Failed), by_meaning
        assert not isinstance(by_word, Failed), by_word
        assert {path for path, _ in by_meaning} == {path for path, _ in by_word}
        return len({path for path, _ in by_meaning})

    def all_is_well(self) -> None:
        """Without a manual step everything is in the index, and nobody finds anything wrong."""
        self.faults.over()
        reply = self.index()
        assert isinstance(reply, Report), reply
        assert reply.body["stopped"] is None
        assert self.found() == self.written
        health = self.running.report(Doctor(self.running.next_id()))
        assert [f for f in health["findings"] if f["part"] != "device"] == []
        assert health["crash_reports"] == []
        self.says_nothing_strange()

    def says_nothing_strange(self) -> None:
        """No traceback was written, and no text of a file."""
        told = self.running.told()
        assert "Traceback" not in told, told
        assert "of the town" not in told, told


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("faults"), models)
    made.write(8)
    made.all_is_well()
    yield made
    made.running.end()


def in_words(reply: Message) -> str:
    """What a person is told of a request that could not be carried out, or of how far it came."""
    if isinstance(reply, Failed):
        assert "mistake" not in reply.title, reply
        assert reply.title
        assert reply.advice
        return f"{reply.title} {reply.advice}"
    assert isinstance(reply, Report), reply
    return str(reply.body.get("stopped") or "") if isinstance(reply.body, dict) else ""


FAILING = {
    "full": {"write_errno": errno.ENOSPC},
    "EIO when written": {"write_errno": errno.EIO},
    "EIO when synced": {"sync_errno": errno.EIO},
}
MOMENTS = [("full", 7), ("EIO when written", 23)] + [
    pytest.param(name, after, marks=pytest.mark.slow)
    for name in FAILING
    for after in (0, 1, 3, 5, 11, 16, 30, 50)
]


@pytest.mark.parametrize(("name", "after"), MOMENTS)
def test_a_home_that_cannot_be_written(desk: Desk, name: str, after: int) -> None:
    before = desk.found()
    desk.write(2)
    desk.faults.set(writes_left=after, **FAILING[name])
    said = in_words(desk.index())
    assert said or not desk.faults._control.failed, "it was told"
    assert before <= desk.found() <= desk.written
    theme = desk.ask(SettingsSet, "window.theme", "dark")
    assert isinstance(theme, Failed)
    in_words(theme)
    in_words(desk.ask(SearchesRequest, "note", "town"))
    assert isinstance(desk.ask(StatusRequest), Report)
    desk.all_is_well()
    assert isinstance(desk.ask(SettingsSet, "window.theme", "dark"), Report)


@pytest.mark.slow
def test_writes_that_are_cut_short(desk: Desk) -> None:
    desk.write(2)
    desk.faults.set(short_writes=1)
    assert isinstance(desk.ask(SettingsSet, "window.theme", "light"), Report)
    in_words(desk.index())
    assert desk.faults._control.failed
    desk.all_is_well()


@pytest.mark.slow
def test_a_disk_that_is_slow(desk: Desk) -> None:
    desk.write(1)
    desk.faults.set(delay_us=20_000)
    assert isinstance(desk.index(), Report)
    assert desk.found() == desk.written
    desk.all_is_well()


@pytest.mark.slow
def test_a_home_that_cannot_be_read(desk: Desk) -> None:
    desk.write(2)
    desk.faults.set(read_errno=errno.EIO)
    in_words(desk.index())
    in_words(desk.ask(StatusRequest))
    reply = desk.running.search("town", "lexical")
    assert not isinstance(reply, Failed) or "mistake" not in reply.title
    desk.all_is_well()


def test_files_that_cannot_be_read(desk: Desk) -> None:
    before = desk.found()
    desk.write(2)
    desk.faults.move(desk.files)
    try:
        desk.faults.set(read_errno=errno.EIO)
        reply = desk.index()
        assert isinstance(reply, Report), reply
        assert desk.faults._control.failed
        assert reply.body["files"]["indexed"] == before
        reasons = {failure["reason"] for failure in reply.body["failures"]}
        assert reasons
        assert not any("Error" in reason for reason in reasons), reasons
    finally:
        desk.faults.over()
        desk.faults.move(desk.home)
    desk.all_is_well()


@pytest.mark.parametrize("days", [30, pytest.param(-30, marks=pytest.mark.slow)])
def test_a_clock_that_jumps(desk: Desk, days: int) -> None:
    desk.write(1)
    desk.faults.set(clock_offset_s=days * DAY_S)
    assert isinstance(desk.index(), Report)
    desk.write(1)
    desk.faults.set(clock_offset_s=-days * DAY_S)
    assert isinstance(desk.index(), Report)
    assert desk.found() == desk.written
    desk.all_is_well()


# --- a home that goes away ------------------------------------------------------------------------


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def refused(desk: Desk) -> str:
    """What is said to who would change something; empty when it is done."""
    reply = desk.ask(SettingsSet, "window.theme", "dark")
    return reply.title if isinstance(reply, Failed) else ""


def test_a_home_that_is_moved_away_and_back(desk: Desk) -> None:
    before, away = desk.found(), desk.home.with_name("away")
    desk.home.rename(away)
    try:
        until(lambda: "not there any more" in refused(desk))
        assert desk.found() == before
        assert "not there any more" in in_words(desk.index())
        in_words(desk.ask(StatusRequest))
        assert not desk.home.exists(), "nothing is made anew in its place"
    finally:
        away.rename(desk.home)
    until(lambda: not refused(desk))
    desk.write(1)
    desk.all_is_well()


@pytest.mark.slow
def test_a_home_that_another_takes_the_place_of(desk: Desk) -> None:
    before, away = desk.found(), desk.home.with_name("away")
    desk.home.rename(away)
    shutil.copytree(away, desk.home, ignore=shutil.ignore_patterns("socket", "*-shm", "*-wal"))
    # It ends, so that the next one opens what is there.
    assert desk.running.process.wait(PATIENCE_S) == 0
    desk.running.end()
    desk.running = Running(desk.home, desk.environment, window=False)
    assert desk.found() == before
    shutil.rmtree(away)
    desk.all_is_well()


@pytest.mark.slow
def test_a_home_that_is_deleted(desk: Desk, tmp_path: Path) -> None:
    before = desk.found()
    shutil.copytree(desk.home, tmp_path / "copy", ignore=shutil.ignore_patterns("socket"))
    shutil.rmtree(desk.home)
    until(lambda: "not there any more" in refused(desk))
    assert desk.found() == before
    assert not desk.home.exists()
    desk.says_nothing_strange()
    desk.running.end()
    assert not desk.home.exists()
    shutil.copytree(tmp_path / "copy", desk.home)
    desk.running = Running(desk.home, desk.environment, window=False)
    desk.all_is_well()


# --- a machine that lacks something ---------------------------------------------------------------


@pytest.mark.slow
def test_a_day_of_sleep(desk: Desk) -> None:
    """As Linux sleeps: all stands still, and then the clock on the wall is a day further."""
    for _ in range(2):
        desk.write(1)
        number = desk.running.next_id()
        family = desk.running.family()
        sleeper = threading.Timer(0.2, lambda family=family: [one.suspend() for one in family])
        waker = threading.Timer(4.0, lambda: desk.faults.set(clock_offset_s=DAY_S))
        back = threading.Timer(4.1, lambda family=family: [one.resume() for one in family])
        for timer in (sleeper, waker, back):
            timer.start()
        assert isinstance(desk.running.ask(Index(number)), Report)
        for timer in (sleeper, waker, back):
            timer.join()
        assert desk.found() == desk.written
    desk.all_is_well()


@pytest.mark.slow
def test_a_service_that_may_open_no_more_files(desk: Desk) -> None:
    process = psutil.Process(desk.running.process.pid)
    soft, hard = process.rlimit(psutil.RLIMIT_NOFILE)
    before = desk.found()
    for spare in (0, 3, 8, 15):
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + spare, hard))
        desk.write(1)
        in_words(desk.index())
        in_words(desk.ask(StatusRequest))
        in_words(desk.ask(SettingsSet, "window.theme", "dark"))
        reply = desk.running.search("town", "lexical")
        assert not isinstance(reply, Failed) or "mistake" not in reply.title
        process.rlimit(psutil.RLIMIT_NOFILE, (soft, hard))
    assert before <= desk.found()
    desk.all_is_well()


@pytest.mark.slow
def test_a_folder_that_cannot_be_watched(desk: Desk) -> None:
    desk.faults.set(watch_errno=errno.ENOSPC)
    watching = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "--home", str(desk.home), "index", "--watch"],
        cwd=ROOT,
        env={**os.environ, **desk.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(
            lambda: (
                "max_user_watches"
                in str(desk.running.report(StatusRequest(desk.running.next_id())))
            )
        )
    finally:
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in said
    desk.all_is_well()


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 4, 12])
def test_a_disk_that_fills_while_it_answers(
    own_sample: Indexed, models: Path, tmp_path: Path, after: int
) -> None:
    """The conversation, and what the model has read of it, are kept whole or not at all."""
    faults = Faults(tmp_path, own_sample.home)
    environment = {"SATCHEL_MODELS": str(models), **faults.environment}
    running = Running(own_sample.home, environment, window=False)
    try:
        first = running.ask(Ask(running.next_id(), "What is the rent of the workshop?"))
        assert isinstance(first, AnswerDone), first
        faults.set(write_errno=errno.ENOSPC, writes_left=after)
        second = running.ask(Ask(running.next_id(), "When does the ferry leave?", conversation=1))
        assert isinstance(second, AnswerDone) or in_words(second)
        faults.over()
        third = running.ask(Ask(running.next_id(), "Who has the keys?", conversation=1))
        assert isinstance(third, AnswerDone), third
        shown = running.report(ConversationGet(running.next_id(), 1))["turns"]
        assert (shown[0]["question"], shown[-1]["question"]) == (
            "What is the rent of the workshop?", "Who has the keys?",
        )  # fmt: skip
        assert all(turn["answer"] for turn in shown)
        assert "Traceback" not in running.told()
    finally:
        running.end()
    assert satchel_json(own_sample.home, "doctor", "--repair")["healthy"]
    assert satchel_json(own_sample.home, "doctor")["findings"] == []
