"""The remote engine through a real service and a real server: consent, fallback, what leaves."""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import watching
from remote_server import RemoteServer, remote_serving
from service_desk import last, serving

from app.cli import run
from app.local import InProcess, connect
from core.home import find_home
from core.messages import (
    AnswerDone,
    AnswerNote,
    AnswerSources,
    AnswerText,
    Ask,
    ConversationDelete,
    ConversationGet,
    Failed,
    FoldersAdd,
    Index,
    Message,
    RemotePreview,
    RemoteSetup,
    Report,
    Search,
    SettingsSet,
    StatusRequest,
)

QUESTION = "When does the ferry to the island leave?"


@pytest.fixture
def server() -> Iterator[RemoteServer]:
    with remote_serving() as running:
        yield running


@pytest.fixture
def caller(home: Path, server: RemoteServer) -> Iterator[InProcess]:
    with serving(home) as found:
        for key, value in (
            ("remote.address", server.address),
            ("remote.model", "big"),
            ("remote.silence_s", 0.3),
            ("remote.first_word_s", 0.5),
        ):
            last(found, SettingsSet(found.next_id(), key, value))
        yield found


def ask(
    caller: InProcess, conversation: int | None = None, remote: bool = True, consent: str = ""
) -> list[Message]:
    request = Ask(caller.next_id(), QUESTION, None, conversation, remote, consent)
    return list(caller.ask(request))


def shown_again(caller: InProcess, conversation: int) -> dict[str, object]:
    """The last turn of a conversation as it was kept."""
    report = last(caller, ConversationGet(caller.next_id(), conversation))
    assert isinstance(report, Report)
    turn: dict[str, object] = report.body["turns"][-1]
    return turn


def test_it_is_shown_first_then_sent_to_the_byte(caller: InProcess, server: RemoteServer) -> None:
    *_, preview = ask(caller)
    assert isinstance(preview, RemotePreview)
    assert server.bodies == []
    assert server.paths == []
    assert [message.role for message in preview.messages] == ["system", "user"]
    assert "leaves the harbour at noon" in preview.messages[1].text
    assert preview.here
    assert not preview.encrypted

    *_, refused = ask(caller, consent="other bytes")
    assert isinstance(refused, RemotePreview)
    assert server.bodies == []

    sources, *texts, done = ask(caller, consent=preview.seal)
    assert server.bodies == [preview.body.encode()]
    assert isinstance(sources, AnswerSources)
    assert isinstance(done, AnswerDone)
    assert len([one for one in texts if isinstance(one, AnswerText)]) >= 1
    assert done.answer == "The ferry leaves at noon [1]."
    assert Path(done.citations[0].path).name == "boats.txt"
    where = f"127.0.0.1:{server.server_address[1]}"
    assert (done.made.model, done.made.server) == ("big", where)
    kept = shown_again(caller, sources.conversation)
    assert kept["made"] == {"model": "big", "server": where, "why": ""}

    # In this conversation it is sent from now on, in another it is not, whatever its number.
    *_, again = ask(caller, sources.conversation)
    assert isinstance(again, AnswerDone)
    assert len(server.bodies) == 2
    last(caller, ConversationDelete(caller.next_id(), sources.conversation))
    *_, other = ask(caller)
    assert isinstance(other, RemotePreview)
    last(caller, SettingsSet(caller.next_id(), "remote.address", server.address + "/other"))
    *_, moved = ask(caller, consent=preview.seal)
    assert isinstance(moved, RemotePreview)
    assert len(server.bodies) == 2


def test_earlier_turns_are_not_sent(caller: InProcess, server: RemoteServer) -> None:
    first = ask(caller, consent="yes")
    assert isinstance(first[0], AnswerSources)
    ask(caller, first[0].conversation)
    assert server.bodies[0] == server.bodies[1]


def test_claims_of_a_server_are_checked_too(caller: InProcess, server: RemoteServer) -> None:
    server.words = ("The ferry leaves at noon [1]. ", "Tickets cost 12 francs [7].")
    *_, done = ask(caller, consent="yes")
    assert isinstance(done, AnswerDone)
    assert "[7]" not in done.answer
    assert [citation.n for citation in done.citations] == [1]


def test_a_server_that_falls_silent_is_replaced(caller: InProcess, server: RemoteServer) -> None:
    server.mode = "falls_silent"
    replies = ask(caller, consent="yes")
    (note,) = [reply for reply in replies if isinstance(reply, AnswerNote)]
    assert note.restart
    assert "fell silent for 0.3 s. It was answered on this computer instead." in note.text
    done = replies[-1]
    assert isinstance(done, AnswerDone)
    assert (done.made.server, done.made.why) == ("", note.text)
    assert done.made.model == "smollm2-135m-instruct"
    after = replies[replies.index(note) :]
    assert [reply for reply in after if isinstance(reply, AnswerText)]


def test_without_a_local_model_the_failure_says_both(
    caller: InProcess, server: RemoteServer
) -> None:
    server.mode = "404"
    last(caller, SettingsSet(caller.next_id(), "assistant.model", "none-such"))
    failed = ask(caller, consent="yes")[-1]
    assert isinstance(failed, Failed)
    assert "does not know the model" in failed.title
    assert "none-such is not installed" in failed.advice
    server.mode = "ok"
    assert isinstance(ask(caller, consent="yes")[-1], AnswerDone)


def test_a_key_is_kept_for_the_owner_and_never_told(
    caller: InProcess, server: RemoteServer, home: Path
) -> None:
    setup = last(caller, RemoteSetup(caller.next_id(), "key", " s3same-open \n"))
    assert isinstance(setup, Report)
    assert setup.body["has_key"]
    assert "s3same" not in json.dumps(setup.body)
    place = home / "config" / "remote-key"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    checked = last(caller, RemoteSetup(caller.next_id(), "check"))
    assert isinstance(checked, Report)
    assert checked.body["models"] == ["big", "small"]
    assert server.heads[-1]["Authorization"] == "Bearer s3same-open"
    *_, preview = ask(caller)
    assert isinstance(preview, RemotePreview)
    assert preview.with_key
    assert "s3same" not in preview.body
    holders = [p for p in home.rglob("*") if p.is_file() and b"s3same" in p.read_bytes()]
    assert holders == [place]
    assert isinstance(last(caller, RemoteSetup(caller.next_id(), "key", "two words")), Failed)
    last(caller, RemoteSetup(caller.next_id(), "key"))
    assert not place.exists()


@pytest.fixture
def running(home: Path) -> Iterator[InProcess]:
    with serving(home) as found:
        yield found


def test_the_command_line(
    home: Path,
    server: RemoteServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    running: InProcess,  # noqa: ARG001 - the commands ask it
) -> None:
    def satchel(*arguments: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = run([*arguments, "--home", str(home)], os.environ)
        return code, *capsys.readouterr()

    code, _, error = satchel("ask", QUESTION, "--remote")
    assert (code, "No remote engine is set up" in error) == (1, True)
    code, told, _ = satchel("remote", "set", server.address, "--model", "big", "--key", typed="k\n")
    assert "key: kept" in told
    assert "its models: big, small" in satchel("remote", "check")[1]
    code, told, error = satchel("ask", QUESTION, "--remote")
    assert (code, "Nothing was sent" in error) == (1, True)
    assert "leaves the harbour at noon" in told
    assert "and your key" in told
    assert server.bodies == []
    code, told, _ = satchel("ask", QUESTION, "--remote", "--yes", "--json")
    answer = json.loads(told)
    assert (answer["found"], answer["made"]["model"]) == (True, "big")
    server.mode = "401"
    code, told, error = satchel("ask", QUESTION, "--remote", "--yes")
    assert (code, "did not accept the key" in error) == (0, True)
    code, told, _ = satchel("remote", "off", "--json")
    nothing = {"address": "", "model": "", "has_key": False, "models": None}
    assert json.loads(told) == nothing
    assert "cannot be 'ai.example.org'" in satchel("remote", "set", "ai.example.org")[2]


WATCH = """
import os, sys
def look(event, args):
    if event in (
        "pickle.find_class", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"
    ) or (
        event in ("socket.connect", "socket.bind") and isinstance(args[1], tuple)
    ):
        with open(os.environ["SEEN"], "a") as seen:
            seen.write(f"{event} {args[-1]}\\n")
with open(os.environ["SEEN"], "a") as seen:
    seen.write("watched\\n")
sys.addaudithook(look)
"""


def test_nothing_leaves_without_the_switch(
    tmp_path: Path, home: Path, server: RemoteServer
) -> None:
    """Every process is watched for a look at the network, by whatever it runs, and for pickles."""
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "new.md").write_text("The night ferry sails at ten.")
    seen = tmp_path / "seen"
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with watching(home, {"PYTHONPATH": path, "SEEN": str(seen)}):
        caller = connect(find_home(str(home), os.environ), os.environ)
        for request in (
            SettingsSet(caller.next_id(), "remote.address", server.address),
            SettingsSet(caller.next_id(), "remote.model", "big"),
            RemoteSetup(caller.next_id(), "key", "k"),
            FoldersAdd(caller.next_id(), (str(tmp_path / "more"),)),
            Index(caller.next_id()),
            Search(caller.next_id(), QUESTION),
            Ask(caller.next_id(), QUESTION),
            Ask(caller.next_id(), QUESTION, consent="yes"),
            Ask(caller.next_id(), QUESTION, remote=True),
            RemoteSetup(caller.next_id()),
            StatusRequest(caller.next_id()),
        ):
            assert not isinstance(last(caller, request), Failed), request
        lines = seen.read_text().splitlines()
        assert lines.count("watched") >= 3  # the service, a reader and the model's process
        assert set(lines) == {"watched"}
        assert server.paths == []
        last(caller, Ask(caller.next_id(), QUESTION, remote=True, consent="yes"))
        assert any(line.startswith("socket.connect") for line in seen.read_text().splitlines())
        assert server.paths == ["/v1/chat/completions"]
        caller.close()
