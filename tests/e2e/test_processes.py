"""The service and its children: kills, cancels and several commands at once."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from helpers import PATIENCE_S, ROOT, Indexed, comes, satchel, satchel_json, watching

from app.local import InProcess, Remote, connect
from core.home import Home, find_home
from core.messages import (
    AnswerDone,
    AnswerSources,
    AnswerText,
    Ask,
    Cancel,
    Failed,
    Index,
    Message,
    Report,
    Search,
    SearchResults,
    StatusRequest,
    ends,
)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def place(own_sample: Indexed) -> Home:
    return find_home(str(own_sample.home), {})


@pytest.fixture
def caller(place: Home) -> Iterator[InProcess]:
    found = InProcess(find_home(str(place.data.parent), os.environ), os.environ)
    yield found
    found.close()


def search(caller: InProcess | Remote, query: str = "rent of the workshop") -> SearchResults:
    last = list(caller.ask(Search(caller.next_id(), query, k=3)))[-1]
    assert isinstance(last, SearchResults), last
    return last


# --- children ------------------------------------------------------------------------------


def test_children_end_with_a_killed_parent(own_sample: Indexed) -> None:
    with watching(own_sample.home) as service:
        satchel_json(own_sample.home, "search", "rent")
        children = psutil.Process(service.pid).children(recursive=True)
        assert children
        service.kill()
        service.wait()
        assert comes(lambda: all(gone(child.pid) for child in children))
    # What a killed service leaves in the home keeps nobody out.
    assert satchel_json(own_sample.home, "search", "rent", "-k", "1")["results"]


def test_a_killed_reader_is_replaced(caller: InProcess) -> None:
    assert search(caller).hits
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.ZombieProcess):  # one that another test ended
            if "app.extractor" in " ".join(child.cmdline()):
                child.kill()
    assert search(caller, "garage door").hits
    [status] = list(caller.ask(StatusRequest(caller.next_id())))
    assert isinstance(status, Report)


def test_a_reader_killed_while_it_reads_is_named_and_the_rest_goes_on(
    tmp_path: Path,
    models: Path,  # noqa: ARG001
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "good.txt").write_text("The ferry leaves at noon.")
    (files / "large.txt").write_text("A long text about many things and more. " * 900_000)
    caller = InProcess(find_home(str(tmp_path / "home"), os.environ), os.environ)
    try:
        satchel_home = tmp_path / "home"
        service = caller._service
        from core.files.folders import save_folders, with_added

        save_folders(service.home.folders, with_added((), [str(files)], ()))
        stop = threading.Event()

        def kill_readers() -> None:
            while not stop.wait(0.05):
                for child in psutil.Process().children():
                    try:
                        busy = child.cpu_times().user > 1.5
                        if busy and "app.extractor" in " ".join(child.cmdline()):
                            child.kill()
                    except psutil.NoSuchProcess:
                        pass

        killer = threading.Thread(target=kill_readers)
        killer.start()
        try:
            replies = list(caller.ask(Index(caller.next_id())))
        finally:
            stop.set()
            killer.join()
        report = replies[-1]
        assert isinstance(report, Report), report
        assert report.body["files"]["indexed"] == 1
        assert report.body["files"]["failed"] == 1
        [failure] = report.body["failures"]
        assert failure["path"].endswith("large.txt")
        assert "made its reader fail" in failure["reason"]
        assert any("large.txt" in death for death in service.deaths)
        assert [Path(hit.path).name for hit in search(caller, "ferry").hits] == ["good.txt"]
    finally:
        caller.close()
    checked = satchel_json(satchel_home, "folders", "check", str(files / "large.txt"))
    assert checked["indexed"] is False
    assert "reader" in checked["rule"]


# --- answers -------------------------------------------------------------------------------

LONG = "Tell me in many words everything about the rent, the repairs and the keys of the workshop."


def stream(caller: InProcess, request: Ask, until: type[Message]) -> queue.Queue[Message]:
    """Ask in a thread; give the replies when the first of a kind has come."""
    replies: queue.Queue[Message] = queue.Queue()
    reached = threading.Event()

    def run() -> None:
        for reply in caller.ask(request):
            replies.put(reply)
            if isinstance(reply, until) or ends(reply):
                reached.set()

    threading.Thread(target=run, daemon=True).start()
    assert reached.wait(PATIENCE_S)
    return replies


def ending(replies: queue.Queue[Message], timeout_s: float = PATIENCE_S) -> Message:
    while True:
        reply = replies.get(timeout=timeout_s)
        if ends(reply):
            return reply


@pytest.mark.parametrize("moment", [AnswerSources, AnswerText], ids=["reading", "writing"])
def test_an_answer_can_be_stopped(caller: InProcess, moment: type[Message]) -> None:
    for _ in range(3):  # it may have come to its end before it was asked to stop
        number = caller.next_id()
        replies = stream(caller, Ask(number, LONG), moment)
        caller._service.submit(caller._session, Cancel(number))
        last = ending(replies)
        assert isinstance(last, AnswerDone), last
        if last.stopped == "cancelled":
            break
    assert last.stopped == "cancelled"
    # The next question works.
    done = list(caller.ask(Ask(caller.next_id(), "How much is the rent of the workshop?")))[-1]
    assert isinstance(done, AnswerDone)
    assert done.answer
    assert done.stopped != "cancelled"


def test_a_killed_worker_gives_one_clear_line_and_the_next_question_works(
    caller: InProcess,
) -> None:
    replies = stream(caller, Ask(caller.next_id(), LONG), AnswerSources)
    assert comes(lambda: caller._service.model.pid)
    pid = caller._service.model.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    last = ending(replies)
    assert isinstance(last, Failed), last
    assert "language model" in last.title
    assert last.advice
    done = list(caller.ask(Ask(caller.next_id(), "How much is the rent of the workshop?")))[-1]
    assert isinstance(done, AnswerDone)
    assert done.answer


# --- several at once -----------------------------------------------------------------------


def test_two_commands_on_one_home(own_sample: Indexed) -> None:
    commands = [
        ["index"], ["index"], ["search", "rent", "-k", "1"], ["status"], ["folders", "list"],
    ]  # fmt: skip
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "app.cli", "--home", str(own_sample.home), *command, "--json"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    for command, process in zip(commands, processes, strict=True):
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, (command, err)
        json.loads(out)


def test_a_second_command_uses_the_running_service(own_sample: Indexed) -> None:
    with watching(own_sample.home) as service:
        before = {child.pid for child in psutil.Process(service.pid).children()}
        first = satchel_json(own_sample.home, "search", "rent", "--mode", "semantic")
        second = satchel_json(own_sample.home, "search", "rent", "--mode", "semantic")
        # Where the machine was too busy for all of the first one, the second goes on.
        assert second["from_cache"] >= first["recomputed"] > 0
        assert first["results"][0] == second["results"][0]
        status = satchel_json(own_sample.home, "status")
        assert status["usage"]["memory_bytes"]["service"] > 10**8
        after = {child.pid for child in psutil.Process(service.pid).children()}
        assert before <= after
        assert service.poll() is None


def test_two_watchers_both_see_changes(tmp_path: Path, models: Path) -> None:  # noqa: ARG001
    files, home = tmp_path / "files", tmp_path / "home"
    files.mkdir()
    (files / "a.txt").write_text("first words")
    satchel_json(home, "folders", "add", str(files))
    with watching(home), watching(home):
        (files / "b.txt").write_text("walruses sleep on the beach")
        assert comes(
            lambda: satchel_json(home, "search", "walruses", "--mode", "lexical")["results"], 30
        )


def test_watching_follows_the_folder(tmp_path: Path, models: Path) -> None:  # noqa: ARG001
    files, home = tmp_path / "files", tmp_path / "home"
    files.mkdir()
    (files / "a.txt").write_text("first words")
    satchel_json(home, "folders", "add", str(files))

    def found(word: str) -> list[str]:
        hits = satchel_json(home, "search", word, "--mode", "lexical")["results"]
        return [Path(hit["path"]).name for hit in hits]

    with watching(home):
        assert found("first") == ["a.txt"]
        (files / "new").mkdir()
        (files / "new" / "b.txt").write_text("walruses sleep")
        assert comes(lambda: found("walruses") == ["b.txt"])
        (files / "new" / "b.txt").write_text("penguins walk")
        assert comes(lambda: found("penguins") == ["b.txt"])
        assert found("walruses") == []
        (files / "new").rename(files / "old")
        shutil.rmtree(files / "old")
        assert comes(lambda: found("penguins") == [])


def test_a_client_outlives_its_service(own_sample: Indexed) -> None:
    home = find_home(str(own_sample.home), os.environ)
    with watching(own_sample.home) as service:
        caller = connect(home, os.environ)
        try:
            assert isinstance(caller, Remote)
            assert search(caller).hits
            service.kill()
            service.wait()
            assert search(caller).hits
        finally:
            caller.close()


def test_a_client_outlives_a_service_that_is_stopped(own_sample: Indexed) -> None:
    home = find_home(str(own_sample.home), os.environ)
    with watching(own_sample.home) as service:
        caller = connect(home, os.environ)
        try:
            assert search(caller).hits
            service.send_signal(signal.SIGTERM)
            for _ in range(3):
                assert search(caller).hits
        finally:
            caller.close()


def test_noise_on_the_socket_does_no_harm(own_sample: Indexed) -> None:
    from multiprocessing.connection import Client

    socket = str(own_sample.home / "data" / "socket")
    with watching(own_sample.home):
        for noise in (b"", b"not json", b'{"type":"Search"}', b"[]", b"\xff" * 1000):
            with Client(socket) as connection:
                connection.send_bytes(noise)
        with Client(socket) as connection:
            connection.send_bytes(b'{"type":"Token","id":7,"text":"x"}')
            assert b"Failed" in connection.recv_bytes()
        assert satchel_json(own_sample.home, "search", "rent", "-k", "1")["results"]


def test_ctrl_c_keeps_what_was_done(own_sample: Indexed) -> None:
    with watching(own_sample.home) as service:
        service.send_signal(signal.SIGTERM)
        _, err = service.communicate(timeout=PATIENCE_S)
        assert service.returncode == 130
        assert "Traceback" not in err
        assert "kept" in err
    assert satchel(own_sample.home, "doctor").returncode == 0
