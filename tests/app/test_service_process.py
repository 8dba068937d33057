"""The service as the window's child, spoken to over its pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from helpers import PATIENCE_S, ROOT, Indexed, satchel, watching

from app.address import raise_other_window
from app.previews import find_quote
from app.service_process import told_of
from app.session import Session
from app.stdio import Channel
from core.errors import UserError
from core.home import find_home
from core.messages import (
    Done,
    Failed,
    FoldersList,
    Hello,
    Index,
    Locator,
    Message,
    PageImage,
    PagePreview,
    Pause,
    Preview,
    PreviewText,
    Raise,
    Report,
    Search,
    SearchesRequest,
    SearchResults,
    SettingsSet,
    State,
    StatusRequest,
    Subscribe,
    decode,
    encode,
)


class Child:
    """A service process and the lines it says."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.service_process", "--home", str(home), *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def send(self, message: Message) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(encode(message).encode() + b"\n")
        self.process.stdin.flush()

    def next(self) -> Message | None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return decode(line) if line else None

    def until(self, *kinds: type[Message]) -> Message:
        """The next message of one of these kinds."""
        while (message := self.next()) is not None:
            if isinstance(message, kinds):
                return message
        raise AssertionError("the service ended")

    def reply(self, request: Message) -> Message:
        """The next message about a request, others left out."""
        self.send(request)
        while (message := self.next()) is not None:
            if getattr(message, "id", 0) == getattr(request, "id", 0):
                return message
        raise AssertionError("the service ended")

    def end(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(PATIENCE_S)


@contextmanager
def child(home: Path, *arguments: str) -> Iterator[Child]:
    made = Child(home, *arguments)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
        made.process.wait()
        for pipe in (made.process.stdin, made.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def test_it_greets_answers_and_ends_with_its_stdin(own_sample: Indexed) -> None:
    with child(own_sample.home) as service:
        hello = service.next()
        assert isinstance(hello, Hello)
        assert (hello.role, hello.pid) == ("service", service.process.pid)
        state = service.reply(Subscribe(1))
        assert isinstance(state, State)
        found = service.reply(Search(2, "when does the lease end"))
        assert isinstance(found, SearchResults)
        hit = found.hits[0]
        shown = service.reply(Preview(3, hit.path, hit.start, hit.end))
        assert isinstance(shown, PreviewText)
        assert shown.text[shown.start : shown.end]
        done = satchel(own_sample.home, "search", "lease", "--json")
        assert done.returncode == 0
        assert service.end() == 0
    assert not (own_sample.home / "data" / "socket").exists()


def test_a_search_while_typing_gives_words_first_and_a_newer_one_goes_before(
    own_sample: Indexed,
) -> None:
    with child(own_sample.home) as service:
        service.next()
        for number, query in ((1, "lea"), (2, "leas"), (3, "workshop leas")):
            service.send(Search(number, query, early=True))
        replies: dict[int, list[Message]] = {1: [], 2: [], 3: []}
        while len(replies[3]) < 2:
            message = service.next()
            replies[int(getattr(message, "id", 0))].append(message)
        words, whole = replies[3]
        assert isinstance(words, SearchResults)
        assert isinstance(whole, SearchResults)
        assert (words.final, whole.final) == (False, True)
        assert {hit.source for hit in words.hits} == {"lexical"}
        assert whole.hits
        for older in (replies[1], replies[2]):
            assert isinstance(older[-1], Failed)
        # A word that is half typed is found by its beginning.
        service.send(Search(4, "leas", early=True))
        half = service.next()
        assert isinstance(half, SearchResults)
        assert half.hits
        assert service.end() == 0


def test_a_passage_is_boxed_on_the_page_of_its_pdf(own_sample: Indexed) -> None:
    with child(own_sample.home) as service:
        service.next()
        found = service.reply(Search(1, "when does the lease end", file_types=("pdf",)))
        assert isinstance(found, SearchResults)
        hit = found.hits[0]
        page = hit.locator.page or 0
        boxed = service.reply(PagePreview(2, hit.path, page, 400, hit.start, hit.end))
        assert isinstance(boxed, PageImage)
        assert boxed.boxes
        quote = " ".join(hit.snippet.split()[2:8])
        quoted = service.reply(
            PagePreview(3, hit.path, page, 400, quote=quote, locator=hit.locator)
        )
        assert isinstance(quoted, PageImage)
        assert 1 <= len(quoted.boxes) <= 2
        was = Path(hit.path).stat()
        os.utime(hit.path, (1, 1))  # what was indexed is not what is there now
        try:
            changed = service.reply(PagePreview(4, hit.path, page, 400, hit.start, hit.end))
        finally:
            os.utime(hit.path, ns=(was.st_atime_ns, was.st_mtime_ns))
        assert isinstance(changed, PageImage)
        assert changed.boxes == ()
        assert service.end() == 0


def test_recent_searches_are_kept_only_where_wanted(own_sample: Indexed) -> None:
    def searches(reply: Message | None) -> object:
        assert isinstance(reply, Report)
        assert isinstance(reply.body, dict)
        return reply.body["searches"]

    with child(own_sample.home) as service:
        service.next()
        assert searches(service.reply(SearchesRequest(1, "note", "lease end"))) == ["lease end"]
        assert (own_sample.home / "data" / "searches.json").exists()
        service.reply(SettingsSet(2, "search.keep_recent", False))
        assert not (own_sample.home / "data" / "searches.json").exists()
        assert searches(service.reply(SearchesRequest(3, "note", "again"))) == []
        assert service.end() == 0


def test_a_citation_is_found_by_its_words(own_sample: Indexed) -> None:
    lease = str(own_sample.files / "workshop-lease.pdf")
    with child(own_sample.home) as service:
        for number, (quote, locator) in enumerate(
            [
                ("The lease runs for five   years,\nfrom 1 June 2023", Locator(page=1)),
                ("The bellows and the anvil of 1887", Locator(page=2)),
                ("The bellows and the anvil of 1887", Locator(page=1)),
                ("The bellows and the anvil of 1887", Locator()),
            ],
            start=1,
        ):
            shown = service.reply(Preview(number, lease, 0, 0, quote=quote, locator=locator))
            assert isinstance(shown, PreviewText)
            marked = " ".join(shown.text[shown.start : shown.end].split())
            assert marked == " ".join(quote.split())
        shown = service.reply(Preview(9, lease, 0, 0, quote="not there", locator=Locator(page=2)))
        assert isinstance(shown, PreviewText)
        assert shown.end > shown.start
        assert service.end() == 0


def test_paused_stays_paused_whatever_begins(own_sample: Indexed) -> None:
    with child(own_sample.home) as service:
        service.next()
        service.send(Subscribe(1))
        service.send(Pause(2, True))
        service.send(Index(3, watch=True))
        service.send(StatusRequest(5))
        states: list[str] = []
        message = service.next()
        while not (isinstance(message, Report) and message.id == 5):
            assert message is not None
            if isinstance(message, State):
                states.append(message.state)
            message = service.next()
        assert states[-1] == "paused"
        assert "indexing" not in states
        assert message.body["index"]["state"] == "paused"  # type: ignore[call-overload,index]
        service.send(Pause(4, False))
        ended, state = False, "paused"
        while not (ended and state != "paused"):
            message = service.next()
            assert message is not None
            ended = ended or message == Done(4)
            state = message.state if isinstance(message, State) else state
        assert service.end() == 0


def test_a_second_one_raises_the_first_and_leaves(own_sample: Indexed) -> None:
    with child(own_sample.home) as first:
        assert isinstance(first.next(), Hello)
        assert isinstance(first.reply(FoldersList(1)), Report)
        with child(own_sample.home, "--raise-other") as second:
            assert isinstance(second.next(), Hello)
            assert second.next() == Done(0)
            assert second.process.wait(PATIENCE_S) == 0
        first.until(Raise)


def test_beside_a_command_there_is_no_window_to_raise(own_sample: Indexed) -> None:
    with watching(own_sample.home), child(own_sample.home, "--raise-other") as early:
        assert isinstance(early.next(), Hello)
        assert isinstance(early.reply(FoldersList(1)), Report)  # it passes on
        assert early.end() == 0


def test_of_two_that_start_at_once_one_stays(own_sample: Indexed) -> None:
    """A double click on the icon opens one window."""
    with (
        child(own_sample.home, "--raise-other") as one,
        child(own_sample.home, "--raise-other") as other,
    ):
        told = {each: each.until(Raise, Done) for each in (one, other)}
        (left,) = (each for each in told if told[each] == Done(0))
        (stays,) = (each for each in told if isinstance(told[each], Raise))
        assert left.process.wait(PATIENCE_S) == 0
        assert isinstance(stays.reply(FoldersList(1)), Report)
        assert stays.end() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not stopped there")
def test_one_that_does_not_answer_is_waited_for_and_then_named(own_sample: Indexed) -> None:
    with child(own_sample.home) as first:
        assert isinstance(first.next(), Hello)
        assert isinstance(first.reply(FoldersList(1)), Report)
        home = find_home(str(own_sample.home), {})
        first.process.send_signal(signal.SIGSTOP)
        assert raise_other_window(home, 0.2) == "silent"
        waited: list[str] = []
        asking = threading.Thread(target=lambda: waited.append(raise_other_window(home)))
        asking.start()
        asking.join(4)  # longer than any window may take to be told
        assert asking.is_alive()
        first.process.send_signal(signal.SIGCONT)
        asking.join()
        assert waited == ["raised"]
        sent: list[Message] = []
        with pytest.raises(UserError, match="does not answer"):
            told_of("silent", home, cast(Channel, SimpleNamespace(send=sent.append)))
        assert sent == []
    assert raise_other_window(home) == "nobody"


def test_it_passes_on_to_a_command_that_has_the_home(own_sample: Indexed) -> None:
    with watching(own_sample.home), child(own_sample.home) as service:
        assert isinstance(service.next(), Hello)
        found = service.reply(Search(1, "lease"))
        assert isinstance(found, SearchResults)
        assert found.hits
        watcher = service
    assert watcher.process.returncode is not None


def test_a_home_that_cannot_be_used_is_said_and_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file stands here")
    with child(tmp_path / "home") as service:
        assert isinstance(service.next(), Hello)
        failed = service.next()
        assert isinstance(failed, Failed)
        assert failed.id == 0
        assert failed.advice
        assert service.process.wait(PATIENCE_S) == 1


def test_lasting_requests_keep_nobody_waiting() -> None:
    session = Session(lambda _: None)
    session.begin(1, lasting=True)
    assert not session.busy
    session.begin(2)
    assert session.busy
    session.end(2)
    assert not session.busy


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("It ends on\n31 May 2028.", "ends on 31 May", "ends on\n31 May"),
        ("a (b) [c]* d", "(b) [c]*", "(b) [c]*"),
        ("one two three", "zero … two three", "two three"),
        ("one", "two", None),
        ("one", "  ", None),
    ],
)
def test_quotes_are_found_however_they_are_spaced(text: str, quote: str, found: str | None) -> None:
    span = find_quote(text, quote)
    assert (None if span is None else text[slice(*span)]) == found
