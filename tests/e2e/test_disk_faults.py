"""A service whose disk, clock and watcher fail: told in words, nothing lost, and gone on with."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faulting import Faults
from helpers import satchel_json
from running import Running

from core.messages import (
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
    return str(reply.body.get("stopped") or "")


FAILING = {
    "full": {"write_errno": errno.ENOSPC},
    "EIO when written": {"write_errno": errno.EIO},
    "EIO when synced": {"sync_errno": errno.EIO},
}


@pytest.mark.parametrize("after", [0, 7, 23])
@pytest.mark.parametrize("name", FAILING)
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


def test_writes_that_are_cut_short(desk: Desk) -> None:
    desk.write(2)
    desk.faults.set(short_writes=1)
    assert isinstance(desk.ask(SettingsSet, "window.theme", "light"), Report)
    in_words(desk.index())
    assert desk.faults._control.failed
    desk.all_is_well()


def test_a_disk_that_is_slow(desk: Desk) -> None:
    desk.write(1)
    desk.faults.set(delay_us=20_000)
    assert isinstance(desk.index(), Report)
    assert desk.found() == desk.written
    desk.all_is_well()


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


@pytest.mark.parametrize("days", [30, -30])
def test_a_clock_that_jumps(desk: Desk, days: int) -> None:
    desk.write(1)
    desk.faults.set(clock_offset_s=days * DAY_S)
    assert isinstance(desk.index(), Report)
    desk.write(1)
    desk.faults.set(clock_offset_s=-days * DAY_S)
    assert isinstance(desk.index(), Report)
    assert desk.found() == desk.written
    desk.all_is_well()
