"""Branches, scopes and the kept conversations, through a real service with the real models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import satchel, satchel_json
from service_desk import last, serving

from app.local import InProcess
from core.messages import (
    AnswerDone,
    AnswerSources,
    Ask,
    ConversationDelete,
    ConversationExport,
    ConversationGet,
    ConversationRename,
    ConversationsList,
    DigestInstead,
    Failed,
    FoldersAdd,
    Index,
    Report,
    Scope,
    SettingsSet,
)

TEXTS = {
    "boats/ferry.txt": "The ferry to Hydra leaves the old harbour at 7:40. It costs 12 crowns.",
    "boats/tug.txt": "The tug leaves the old harbour at 5:15 on 3 May 2024. It takes no one along.",
    "home/boiler.txt": "The boiler was serviced by Anna Berg in May. It is in the cellar.",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("branches")
    for name, text in TEXTS.items():
        path = root / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(scope="module")
def caller(root: Path, models: Path) -> Iterator[InProcess]:  # noqa: ARG001
    with serving(root / "home") as found:
        last(found, FoldersAdd(found.next_id(), (str(root / "files"),)))
        last(found, Index(found.next_id()))
        last(found, SettingsSet(found.next_id(), "assistant.answer_tokens", 24))
        yield found


def ask(caller: InProcess, question: str, **more: object) -> tuple[AnswerSources, AnswerDone]:
    request = Ask(caller.next_id(), question, **more)  # type: ignore[arg-type]
    replies = list(caller.ask(request))
    shown, done = replies[0], replies[-1]
    assert isinstance(shown, AnswerSources), shown
    assert isinstance(done, AnswerDone), done
    return shown, done


def report(caller: InProcess, request: object) -> dict[str, list[dict[str, object]]]:
    found = last(caller, request)  # type: ignore[arg-type]
    assert isinstance(found, Report), found
    body: dict[str, list[dict[str, object]]] = found.body
    return body


def test_a_question_can_be_put_to_a_folder_or_to_files(caller: InProcess, root: Path) -> None:
    files = root / "files"
    question = "When does it leave the old harbour?"
    shown, done = ask(caller, question, scope=Scope(files=(str(files / "boats" / "tug.txt"),)))
    assert {source.path for source in shown.sources} == {str(files / "boats" / "tug.txt")}
    assert "5:15" in done.citations[0].quote
    shown, done = ask(caller, question, scope=Scope(str(files / "home")))
    assert all(Path(source.path).parent.name == "home" for source in shown.sources)
    assert not done.found
    # The answer from another place is not given again here.
    shown, done = ask(caller, question, scope=Scope(files=(str(files / "boats" / "ferry.txt"),)))
    assert "7:40" in done.citations[0].quote
    shown, again = ask(caller, question, scope=Scope(files=(str(files / "boats" / "ferry.txt"),)))
    assert again.cached_age_s is not None
    body = report(caller, ConversationGet(caller.next_id(), shown.conversation))
    scope = body["turns"][0]["scope"]
    assert scope == {"folder": None, "files": [str(files / "boats" / "ferry.txt")]}


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (Scope("/nowhere/at/all"), "not inside a watched folder"),
        (Scope(files=("/nowhere/at/all.txt",)), "is not in the index: not inside a watched folder"),
        (Scope("/a", ("/b",)), "not to both"),
        (Scope(files=tuple(f"/f{n}" for n in range(101))), "101 files"),
    ],
)
def test_a_scope_that_cannot_be_searched_is_refused(
    caller: InProcess, scope: Scope, said: str
) -> None:
    failed = last(caller, Ask(caller.next_id(), "When?", scope=scope))
    assert isinstance(failed, Failed)
    assert said in failed.title
    assert failed.advice


def test_whole_files_are_read_when_that_is_asked(caller: InProcess, root: Path) -> None:
    tug, ferry = (str(root / "files" / "boats" / f"{name}.txt") for name in ("tug", "ferry"))
    asked = last(caller, Ask(caller.next_id(), "List all dates", scope=Scope(files=(tug,))))
    assert isinstance(asked, DigestInstead)
    assert (asked.task, asked.paths) == ("dates", (tug,))
    both = Ask(caller.next_id(), "What changed between these?", scope=Scope(files=(tug, ferry)))
    found = last(caller, both)
    assert isinstance(found, DigestInstead)
    assert found.paths == (ferry, tug), "the older one first"


def test_versions_and_branches_are_made_shown_and_kept_apart(caller: InProcess) -> None:
    shown, first = ask(caller, "When does the ferry to Hydra leave?")
    number = shown.conversation
    _, price = ask(caller, "What does it cost?", conversation=number)
    assert price.versions == (price.turn,)
    _, boiler = ask(caller, "Who serviced the boiler?", conversation=number, after=first.turn)
    assert boiler.versions == (price.turn, boiler.turn)
    history = caller._service.history
    assert [turn.text for turn in history.turns(number)[::2]] == [
        "When does the ferry to Hydra leave?",
        "Who serviced the boiler?",
    ]
    _, again = ask(caller, "What does it cost?", conversation=number, after=first.turn, fresh=True)
    assert again.cached_age_s is None
    assert again.versions == (price.turn, boiler.turn, again.turn)
    assert again.citations[0].quote == price.citations[0].quote
    body = report(caller, ConversationGet(caller.next_id(), number, boiler.turn))
    assert [turn["turn"] for turn in body["turns"]] == [first.turn, boiler.turn]
    assert body["turns"][1]["versions"] == [price.turn, boiler.turn, again.turn]
    assert body["turns"][1]["after"] == first.turn
    gone = last(caller, Ask(caller.next_id(), "And?", conversation=number, after=10**9))
    assert isinstance(gone, Failed)
    lost = last(caller, ConversationGet(caller.next_id(), number, 10**9))
    assert isinstance(lost, Failed)


def test_the_memory_of_the_model_has_the_turns_of_one_branch_only(caller: InProcess) -> None:
    """What was said in one branch changes nothing of what is said in the other."""
    shown, first = ask(caller, "When does the tug leave the old harbour?")
    number = shown.conversation
    question = "Where is the boiler?"
    _, plain = ask(caller, question, conversation=number, after=first.turn)
    for words in ("the ferry", "Hydra", "Anna Berg"):
        ask(caller, f"What is said of {words}?", conversation=number, after=first.turn)
    caller._service.history.own.db.execute("DELETE FROM kept_answer")
    _, later = ask(caller, question, conversation=number, after=first.turn)
    assert later.cached_age_s is None
    assert later.answer == plain.answer
    assert later.prompt_tokens == plain.prompt_tokens


def test_a_conversation_is_renamed_searched_exported_and_deleted_from_the_command_line(
    caller: InProcess, root: Path
) -> None:
    shown, _ = ask(caller, "Who serviced the boiler in the month of May?")
    number, home = shown.conversation, root / "home"
    body = report(caller, ConversationRename(caller.next_id(), number, "The  boiler"))
    assert body == {"title": "The boiler"}
    found = satchel_json(home, "conversations", "search", "BOILER month")
    assert [one["id"] for one in found["conversations"]] == [number]
    target = root / "out.md"
    written = satchel(home, "conversations", "export", str(number), str(target))
    assert written.returncode == 0, written.stderr
    assert target.read_text().startswith("# The boiler\n")
    assert "boiler.txt" in target.read_text()
    assert target.read_text() == satchel(home, "conversations", "export", str(number)).stdout
    refused = satchel(home, "conversations", "export", str(number), str(target))
    assert refused.returncode == 1
    assert "is there already" in refused.stderr
    nowhere = ConversationExport(caller.next_id(), number, str(root / "no" / "x.md"))
    failed = last(caller, nowhere)
    assert isinstance(failed, Failed)
    assert "cannot be written" in failed.title
    assert satchel(home, "conversations", "delete", str(number)).returncode == 0
    for action in ("show", "delete", "export"):
        gone = satchel(home, "conversations", action, str(number))
        assert (gone.returncode, gone.stdout) == (1, "")
    listed = report(caller, ConversationsList(caller.next_id()))["conversations"]
    assert number not in [one["id"] for one in listed]
    assert report(caller, ConversationDelete(caller.next_id(), number)) == {"deleted": False}


def test_the_command_line_asks_of_files_and_reads_them_whole(
    caller: InProcess,  # noqa: ARG001 - the home is served
    root: Path,
) -> None:
    home, tug = root / "home", str(root / "files" / "boats" / "tug.txt")
    body = satchel_json(home, "ask", "--file", tug, "list the dates")
    assert body["found"]
    assert body["answer"].startswith("2024-05-03")
    assert body["citations"][0]["path"] == tug
    assert body["digest"]["task"] == "dates"
    told = satchel(home, "ask", "--file", tug, "summarize this")
    assert told.returncode == 0
    assert "Reading all of" in told.stderr
    assert "tug" in told.stdout
    answer = satchel_json(home, "ask", "--folder", str(root / "files" / "home"), "Who serviced it?")
    assert {"answer", "found", "citations", "timings_ms", "tokens"} <= set(answer)
    assert json.dumps(answer)
