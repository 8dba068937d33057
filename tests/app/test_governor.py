"""The service on a machine that runs short: what it holds back, says, and takes up again."""

from __future__ import annotations

import argparse
import os
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers import PATIENCE_S

from app.commands import pause
from app.governor import Load, Sampler
from app.local import Remote, Server
from app.output import Output
from app.service import Service
from app.session import Session
from core.budget.govern import MB, Readings, Stage, Wishes
from core.home import find_home
from core.messages import (
    AnswerDone,
    Ask,
    Failed,
    Index,
    IndexProgress,
    Message,
    Pause,
    Related,
    Report,
    Search,
    SearchResults,
    State,
    StatusRequest,
    Subscribe,
    ends,
)
from core.settings import Settings

PLENTY = Readings(memory_available_bytes=4_000 * MB)
BATTERY = Readings(4_000 * MB, on_battery=True, battery_share=0.31)
ON_BATTERY = "paused because the computer runs on battery (31 %)"


class Desk:
    """A service whose readings are set by hand, and a client of it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.readings = PLENTY
        self.replies: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.session = Session(self.replies.put)
        service.attach(self.session)
        service.governor.sampler = lambda _wishes, _now_s, _hurry: self.readings
        self.now_s = 1e9
        service.governor.clock = lambda: self.now_s
        self.number = 0

    def set(self, readings: Readings) -> None:
        """The machine is like this now."""
        self.readings = readings
        self.service.governor.look()

    def pass_s(self, seconds: int) -> None:
        """Some time goes by."""
        for _ in range(seconds):
            self.now_s += 1
            self.service.governor.look()

    def send(self, make: Callable[[int], Message]) -> int:
        self.number += 1
        self.service.submit(self.session, make(self.number))
        return self.number

    def ask(self, make: Callable[[int], Message]) -> Message:
        return self.reply(self.send(make))

    def reply(self, number: int) -> Message:
        """What ends a request."""
        while True:
            reply = self.replies.get(timeout=PATIENCE_S)
            if getattr(reply, "id", None) == number and ends(reply):
                return reply

    def search(self, mode: str = "hybrid") -> Message:
        return self.ask(lambda n: Search(n, "when does the boat sail", k=3, mode=mode))  # type: ignore[arg-type]

    def until(self, true: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def states(self) -> list[tuple[str, str | None]]:
        """The states that were told since the last time."""
        found = []
        while not self.replies.empty():
            if isinstance(told := self.replies.get(), State):
                found.append((told.state, told.reason))
        return found

    def files(self) -> dict[str, int]:
        report = self.ask(StatusRequest)
        assert isinstance(report, Report)
        counts: dict[str, int] = report.body["index"]["files"]
        return counts


@contextmanager
def opened(home: Path) -> Iterator[Desk]:
    service = Service(find_home(str(home), os.environ), os.environ)
    try:
        yield Desk(service)
    finally:
        service.close()


@pytest.fixture
def desk(home: Path) -> Iterator[Desk]:
    with opened(home) as found:
        yield found


def test_a_squeeze_gives_up_models_answers_by_words_and_takes_all_up_again(desk: Desk) -> None:
    service = desk.service
    first = desk.search()
    assert isinstance(first, SearchResults)
    assert first.note is None
    assert service.engine.has_embedder
    assert len(service.engine.cache)
    desk.set(Readings())  # what falls fast would count as it will be soon
    desk.set(Readings(memory_available_bytes=100 * MB))
    assert service.governor.decision.stage == Stage.MODELS_UNLOADED
    assert not service.engine.has_embedder
    assert not len(service.engine.cache)
    found = desk.search()
    assert isinstance(found, SearchResults)
    assert found.hits == () or found.hits[0].path.endswith("boats.txt")
    assert "words only" in str(found.note)
    meant = desk.search("semantic")
    assert isinstance(meant, SearchResults), "somebody asked for it by name"
    assert meant.hits[0].path.endswith("boats.txt")
    desk.until(lambda: not service.engine.has_embedder)
    report = desk.ask(StatusRequest)
    assert isinstance(report, Report)
    index = report.body["index"]
    assert (index["stage"], index["held_back"]) == (
        "models_unloaded", ["other programs need the memory"],
    )  # fmt: skip
    desk.set(PLENTY)
    desk.pass_s(20)
    assert service.governor.decision.stage == Stage.ALL
    assert service.engine.has_embedder
    again = desk.search()
    assert isinstance(again, SearchResults)
    assert (again.note, again.hits[0].path) == (None, first.hits[0].path)


def test_at_the_last_rung_questions_end_with_what_to_do(desk: Desk) -> None:
    desk.set(Readings(memory_available_bytes=20 * MB))
    for make in (
        lambda n: Ask(n, "When does the ferry leave?"),
        lambda n: Search(n, "ferry", mode="semantic"),
        lambda n: Related(n, "boats.txt"),
    ):
        refused = desk.ask(make)
        assert isinstance(refused, Failed)
        assert "memory" in refused.title
        assert "Close some" in refused.advice
    found = desk.ask(lambda n: Search(n, "ferry", k=1))
    assert isinstance(found, SearchResults)
    assert found.hits[0].path.endswith("boats.txt")


def test_an_answer_in_the_making_is_given_up_with_a_sentence(desk: Desk) -> None:
    number = desk.send(lambda n: Ask(n, "When does the ferry to the island leave the harbour?"))
    desk.until(lambda: desk.service.model.pid is not None)
    desk.set(Readings(memory_available_bytes=20 * MB))
    reply = desk.reply(number)
    assert isinstance(reply, Failed), reply
    assert reply.title.startswith("Other programs need the memory")
    assert desk.service.model.pid is None
    desk.set(PLENTY)
    desk.pass_s(20)
    answered = desk.ask(lambda n: Ask(n, "When does the ferry to the island leave the harbour?"))
    assert isinstance(answered, AnswerDone), answered
    desk.set(Readings())
    desk.set(Readings(memory_available_bytes=150 * MB))
    desk.until(lambda: desk.service.model.pid is None)


def test_on_battery_what_nobody_waits_for_waits_and_says_why(home: Path) -> None:
    with opened(home) as desk:
        desk.ask(Index)
        [folder] = {Path(p).parent for p in indexed(desk)}
        late = folder / f"late-{home.parent.name}.txt"
        try:
            desk.set(BATTERY)
            desk.send(Subscribe)
            desk.send(lambda n: Index(n, watch=True))
            late.write_text("A walrus was seen at the pier.")
            desk.until(lambda: desk.states()[-1:] == [("paused", ON_BATTERY)])
            assert desk.service.work.standing.busy is False
            report = desk.ask(Index)
            assert isinstance(report, Report), "somebody waits for this one"
            assert report.body["files"]["indexed"] == 4
            desk.until(lambda: desk.service.work.standing.now() == ("paused", ON_BATTERY))
            late.unlink()
            desk.ask(lambda n: Pause(n, paused=True))
            assert desk.service.work.standing.now() == ("paused", "you paused it")
            desk.ask(lambda n: Pause(n, paused=False))  # the person wants it to go on
            desk.until(lambda: desk.files()["indexed"] == 3)
            desk.until(lambda: desk.service.work.standing.now() == ("idle", None))
            desk.set(PLENTY)
            desk.pass_s(5)
            desk.set(BATTERY)
            assert desk.service.work.standing.now() == ("paused", ON_BATTERY)
        finally:
            late.unlink(missing_ok=True)


def test_resuming_says_what_holds_indexing_all_the_same(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(desk.service)
    caller = Remote(desk.service.home, os.environ)
    options = argparse.Namespace(command="resume")
    try:
        pause(caller, options, Output(json=False))
        assert capsys.readouterr().out == "Indexing goes on.\n"
        desk.set(Readings(100 * MB))
        pause(caller, options, Output(json=False))
        told = capsys.readouterr().out
        assert told.startswith(
            "Indexing is resumed, but waits: it is paused because other programs"
        )
        desk.set(PLENTY)
        desk.pass_s(300)
        pause(caller, argparse.Namespace(command="pause"), Output(json=False))
        assert capsys.readouterr().out == "Indexing is paused.\n"
    finally:
        caller.close()
        server.close()


def test_without_memory_or_disk_an_index_waits_though_somebody_waits_for_it(desk: Desk) -> None:
    desk.set(Readings(4_000 * MB, disk_bytes=10**11, disk_free_bytes=90 * MB))
    why = "paused because the disk is nearly full (90 MB free)"
    number = desk.send(Index)
    told = desk.replies.get(timeout=PATIENCE_S)
    assert isinstance(told, IndexProgress)
    assert (told.phase, told.current) == ("paused", why)
    time.sleep(0.3)
    assert desk.replies.empty()
    desk.set(PLENTY)
    desk.pass_s(5)
    while not isinstance(reply := desk.replies.get(timeout=PATIENCE_S), Report):
        pass
    assert reply.id == number


def test_the_wishes_of_the_settings_count(home: Path) -> None:
    place = find_home(str(home), os.environ)
    Settings(place.settings).set({"index.pause_on_battery": "never"})
    with opened(home) as desk:
        desk.set(BATTERY)
        assert desk.service.governor.decision.why is None
        desk.service.settings.set({"index.pause_under_load": True})
        desk.set(Readings(others_share=0.9))
        assert "processor" in str(desk.service.governor.decision.why)


def test_the_machine_is_read(tmp_path: Path) -> None:
    place = find_home(str(tmp_path), os.environ)
    place.create()
    sampler = Sampler(place, lambda: {"service": [os.getpid()]})
    mindful = Wishes("always", under_load=True, in_full_screen=True, when_metered=True)
    found = sampler(mindful, 0.0, False)
    assert found.memory_available_bytes
    assert found.disk_free_bytes
    assert found.others_share is None, "it takes a while to know"
    quiet = sampler(Wishes(), 1.0, False)
    assert (quiet.on_battery, quiet.full_screen, quiet.person_idle_s) == (None, None, None)


def test_the_load_of_others_is_a_share_without_ones_own() -> None:
    load = Load()
    assert load.others_share([os.getpid()], 0.0) is None
    started = time.monotonic()
    while time.monotonic() - started < 0.2:
        pass
    share = load.others_share([os.getpid()], 5.0)
    assert share is not None
    assert 0 <= share <= 1


def indexed(desk: Desk) -> list[str]:
    """The paths of the files that are there."""
    found = desk.ask(lambda n: Search(n, "the ferry dough spokes", k=9, mode="lexical"))
    assert isinstance(found, SearchResults)
    return [hit.path for hit in found.hits]
