"""The client against a small real service that behaves and misbehaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.messages import Failed, Message, Search, SearchResults, Subscribe
from ui.client import Client, Link, Timing

Command = Callable[..., list[str]]
QUICK = Timing(slow_ms=300, tick_ms=50, backoff_ms=(50, 100), end_ms=2000)


@pytest.fixture
def start(qtbot: Any, fake_service: Command) -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def begin(*arguments: str) -> Client:
        client = Client(fake_service(*arguments), timing=QUICK)
        clients.append(client)
        client.start()
        client.ask(Subscribe, lambda _: None)
        return client

    yield begin
    for client in clients:
        with qtbot.waitSignal(client.ended):
            client.close()


def search(client: Client, got: list[Message], slow: list[int] | None = None) -> int:
    return client.ask(
        lambda n: Search(n, "lease"),
        got.append,
        None if slow is None else lambda: slow.append(1),
    )


def test_an_answer_comes(qtbot: Any, start: Callable[..., Client]) -> None:
    client, got = start("ok"), list[Message]()
    search(client, got)
    qtbot.waitUntil(lambda: len(got) == 1)
    assert isinstance(got[0], SearchResults)
    assert client.link == Link("ready")


def test_a_late_answer_is_announced(qtbot: Any, start: Callable[..., Client]) -> None:
    client, got, slow = start("late"), list[Message](), list[int]()
    search(client, got, slow)
    qtbot.waitUntil(lambda: slow == [1])
    assert not got
    qtbot.waitUntil(lambda: len(got) == 1)
    assert slow == [1]


def test_no_answer_is_announced_and_can_be_given_up(
    qtbot: Any, start: Callable[..., Client]
) -> None:
    client, got, slow = start("never"), list[Message](), list[int]()
    number = search(client, got, slow)
    qtbot.waitUntil(lambda: slow == [1])
    client.cancel(number)
    qtbot.wait(150)
    assert not got


def test_a_dying_service_fails_the_request_and_is_started_again(
    qtbot: Any, start: Callable[..., Client], tmp_path: Path
) -> None:
    client, got, links = start("dies", str(tmp_path / "died")), list[Message](), list[Link]()
    client.link_changed.connect(links.append)
    client.started.connect(lambda: client.ask(Subscribe, lambda _: None))
    search(client, got)
    qtbot.waitUntil(lambda: len(got) == 1)
    assert isinstance(got[0], Failed)
    assert "stopped" in got[0].title
    qtbot.waitUntil(lambda: client.link.state == "ready")
    assert [link.state for link in links][-3:] == ["lost", "starting", "ready"]
    search(client, got)
    qtbot.waitUntil(lambda: len(got) == 2)
    assert isinstance(got[1], SearchResults)


def test_nonsense_doubled_and_foreign_replies_are_ignored(
    qtbot: Any, start: Callable[..., Client]
) -> None:
    client, got = start("garbage"), list[Message]()
    search(client, got)
    qtbot.waitUntil(lambda: len(got) == 1)
    qtbot.wait(100)
    assert [type(message).__name__ for message in got] == ["SearchResults"]


def test_the_first_arguments_are_for_all_until_one_is_ready(
    qtbot: Any, fake_service: Command, tmp_path: Path
) -> None:
    """Or a window that tries again would open beside the one it should bring forward."""
    log = tmp_path / "starts"
    client = Client(fake_service("held", str(log)), ["--raise-other"], QUICK)
    client.start()
    qtbot.waitUntil(lambda: client.link.state == "refused" and not client.pid)
    client.start()  # somebody has pressed Try now
    client.ask(Subscribe, lambda _: None)
    qtbot.waitUntil(lambda: client.link.state == "ready")
    client._kill()
    qtbot.waitUntil(lambda: log.read_text().count("\n") == 3)
    assert log.read_text() == "--raise-other\n--raise-other\n\n"
    with qtbot.waitSignal(client.ended):
        client.close()


def test_a_service_that_refuses_is_not_started_again(
    qtbot: Any, start: Callable[..., Client]
) -> None:
    client, got = start("refuses"), list[Message]()
    search(client, got)
    qtbot.waitUntil(lambda: client.link.state == "refused")
    qtbot.waitUntil(lambda: len(got) == 1)
    assert isinstance(got[0], Failed)
    assert got[0].title == client.link.title == "Satchel cannot use /x."
    qtbot.wait(200)
    assert client.link.state == "refused"
    search(client, got)
    qtbot.waitUntil(lambda: len(got) == 2)


def test_another_version_is_refused(qtbot: Any, start: Callable[..., Client]) -> None:
    client = start("old")
    qtbot.waitUntil(lambda: client.link.state == "refused")
    assert "updated" in client.link.title


def test_a_window_elsewhere_is_told(qtbot: Any, fake_service: Command) -> None:
    client = Client(fake_service("elsewhere"), timing=QUICK)
    with qtbot.waitSignal(client.open_elsewhere):
        client.start()
    with qtbot.waitSignal(client.ended):
        client.close()


def test_no_service_at_all(qtbot: Any) -> None:
    client, got = Client(["/nowhere/at/all"], timing=QUICK), list[Message]()
    client.start()
    search(client, got)
    qtbot.waitUntil(lambda: len(got) == 1)
    assert isinstance(got[0], Failed)
    assert client.link.state in ("lost", "starting")
    with qtbot.waitSignal(client.ended):
        client.close()


def test_a_cancelled_request_is_never_answered(qtbot: Any, start: Callable[..., Client]) -> None:
    client, got, other = start("ok"), list[Message](), list[Message]()
    client.cancel(search(client, got))
    search(client, other)
    qtbot.waitUntil(lambda: len(other) == 1)
    assert not got
