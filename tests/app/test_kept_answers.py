"""A question that comes again: answered at once while nothing that its answer rests on changed.

One real service over a small folder, with the real models; answers are short to save time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from service_desk import last, serving

from app.local import InProcess
from core.messages import (
    AnswerDone,
    AnswerSources,
    AnswerText,
    Ask,
    ConversationDelete,
    ConversationsList,
    Failed,
    FoldersAdd,
    FoldersList,
    Forget,
    Index,
    MemoriesRequest,
    Report,
    SettingsSet,
)

QUESTION = "When does the boat to Hydra sail?"
PARAPHRASE = "At what time does the boat to Hydra sail?"


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[InProcess]:  # noqa: ARG001
    root = tmp_path_factory.mktemp("kept")
    files = root / "files"
    files.mkdir()
    (files / "boats.txt").write_text("The boat to Hydra sails at 7:40 every morning.\n")
    (files / "cats.txt").write_text("The cats of the harbour are fed by the fishermen.\n")
    with serving(root / "home") as found:
        last(found, FoldersAdd(found.next_id(), (str(files),)))
        last(found, Index(found.next_id()))
        last(found, SettingsSet(found.next_id(), "assistant.answer_tokens", 16))
        yield found


def ask(caller: InProcess, question: str = QUESTION, **fields: Any) -> AnswerDone:
    replies = list(caller.ask(Ask(caller.next_id(), question, **fields)))
    done = replies[-1]
    assert isinstance(done, AnswerDone), done
    assert isinstance(replies[0], AnswerSources)
    if done.cached_age_s is not None:
        assert [type(reply) for reply in replies] == [AnswerSources, AnswerText, AnswerDone]
    return done


def boats(caller: InProcess) -> Path:
    [folder] = last(caller, FoldersList(caller.next_id())).body
    return Path(folder["path"]) / "boats.txt"


def memories(caller: InProcess, action: Any = "list", **fields: Any) -> list[dict[str, Any]]:
    report = last(caller, MemoriesRequest(caller.next_id(), action, **fields))
    assert isinstance(report, Report), report
    found: list[dict[str, Any]] = report.body["memories"]
    return found


def count(caller: InProcess) -> int:
    report = last(caller, ConversationsList(caller.next_id()))
    return len(report.body["conversations"])


def test_a_question_is_answered_again_until_its_file_changes(caller: InProcess) -> None:
    first = ask(caller)
    assert first.cached_age_s is None
    assert first.citations, "the real model's answer has to be supported for this test"
    again = ask(caller, "when does the boat to Hydra sail")
    assert again.cached_age_s is not None
    assert (again.answer, again.citations) == (first.answer, first.citations)
    assert ask(caller, PARAPHRASE).cached_age_s is not None
    assert ask(caller, "When does the boat to Hydra not sail?").cached_age_s is None

    other = boats(caller).with_name("other.txt")
    other.write_text("Nobody sells ice in winter.\n")  # nothing that the answer rests on
    last(caller, Index(caller.next_id()))
    assert ask(caller).cached_age_s is not None

    path = boats(caller)
    status = path.stat()
    path.write_text("The boat to Hydra sails at 9:15 every morning.\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    last(caller, Index(caller.next_id()))
    changed = ask(caller)
    assert changed.cached_age_s is None
    assert any("9:15" in citation.quote for citation in changed.citations)
    assert ask(caller).cached_age_s is not None
    assert ask(caller, fresh=True).cached_age_s is None


def test_settings_and_room_count(caller: InProcess) -> None:
    ask(caller)
    last(caller, SettingsSet(caller.next_id(), "assistant.answer_tokens", 17))
    assert ask(caller).cached_age_s is None
    last(caller, SettingsSet(caller.next_id(), "assistant.kept_answers_mb", 0))
    assert ask(caller).cached_age_s is None
    last(caller, SettingsSet(caller.next_id(), "assistant.kept_answers_mb", 1))
    assert ask(caller).cached_age_s is not None


def test_what_the_person_says_of_themselves_is_offered_kept_and_used(caller: InProcess) -> None:
    ask(caller)
    told = ask(caller, "I live on Hydra. Who feeds the cats of the harbour?")
    assert [offer.text for offer in told.offers] == ["I live on Hydra."]
    assert memories(caller) == []  # nothing is kept unasked
    memories(caller, "refuse", text="I live on Hydra.")
    assert ask(caller, "I live on Hydra. Who feeds the cats?", fresh=True).offers == ()
    assert ask(caller).cached_age_s is not None
    memories(caller, "add", text="I take the boat to Hydra every morning.")
    [kept] = memories(caller)
    replies = list(caller.ask(Ask(caller.next_id(), QUESTION)))
    assert isinstance(replies[0], AnswerSources)
    assert replies[0].memories == ("I take the boat to Hydra every morning.",)
    assert replies[-1].cached_age_s is None  # the old answer did not know of it
    assert ask(caller).cached_age_s is not None
    refused = last(caller, MemoriesRequest(caller.next_id(), "edit", kept["id"], "  "))
    assert isinstance(refused, Failed)
    memories(caller, "remove", memory=kept["id"])
    assert memories(caller) == []
    last(caller, SettingsSet(caller.next_id(), "assistant.memories", False))
    assert ask(caller, "I own a boat. Where does it sail?", fresh=True).offers == ()
    last(caller, SettingsSet(caller.next_id(), "assistant.memories", True))


def test_it_goes_with_its_conversation_and_with_its_file(caller: InProcess) -> None:
    ask(caller)
    assert ask(caller).cached_age_s is not None
    report = last(caller, ConversationsList(caller.next_id()))
    for conversation in report.body["conversations"]:
        last(caller, ConversationDelete(caller.next_id(), conversation["id"]))
    assert count(caller) == 0
    assert ask(caller).cached_age_s is None
    report = last(caller, Forget(caller.next_id(), str(boats(caller))))
    assert report.body["answers"] == 1
    assert not report.body["proof"]["found_on_disk"]
    assert ask(caller).cached_age_s is None
