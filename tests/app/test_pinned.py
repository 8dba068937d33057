"""A conversation about one pinned file, with the real starter model."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from helpers import PATIENCE_S, Indexed
from service_desk import last, serving

from app.local import InProcess
from core.llm.kv.saved import saved_files
from core.messages import (
    AnswerDone,
    Ask,
    ConversationDelete,
    ConversationGet,
    ConversationsList,
    Failed,
    FoldersRemove,
    Forget,
    Index,
    Report,
)

FACTS = (
    "The ferry Albatross leaves the harbour of Varn at seven in the morning.",
    "Captain Ilse Brandt has commanded the Albatross since 1987.",
    "The crossing to the island of Morrow takes forty minutes.",
    "A return ticket costs eleven crowns, and dogs travel free.",
)
FILL = (
    "Passengers are asked to keep the gangway clear while the ship is made fast at the pier. "
    "Luggage is stowed below the stairs, and the crew is glad to help with anything heavy. "
)


def asked(caller: InProcess, question: str, **more: Any) -> AnswerDone:
    done = last(caller, Ask(caller.next_id(), question, **more))
    assert isinstance(done, AnswerDone), done
    return done


def index(caller: InProcess) -> None:
    assert isinstance(last(caller, Index(caller.next_id())), Report)


def newest(caller: InProcess) -> int:
    report = last(caller, ConversationsList(caller.next_id()))
    return int(report.body["conversations"][0]["id"])


def shown(caller: InProcess, conversation: int) -> Any:
    return last(caller, ConversationGet(caller.next_id(), conversation)).body


def saved(home: Path, conversation: int) -> list[Path]:
    folder = home / "data" / "kv" / str(conversation)
    return list(folder.glob("*.kv"))


def until_saved(home: Path, conversation: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not any(path.stat().st_size > 1_000_000 for path in saved(home, conversation)):
        assert time.monotonic() < deadline, "the document was not saved"
        time.sleep(0.05)


@pytest.fixture
def ferry(own_sample: Indexed) -> Path:
    path = own_sample.files / "ferry.txt"
    path.write_text("\n\n".join(f"{fact} {FILL}" for fact in FACTS))
    return path


def test_a_pinned_file_is_read_once_and_comes_back_from_disk(
    own_sample: Indexed, ferry: Path
) -> None:
    home = own_sample.home
    with serving(home) as caller:
        index(caller)
        cold = asked(caller, "Who commands the Albatross?", pin=str(ferry))
        assert (cold.found, cold.pinned, cold.restored_tokens) == (True, str(ferry), 0)
        assert {one.path for one in cold.citations} == {str(ferry)}
        for one in cold.citations:
            assert " ".join(one.quote.split()) in " ".join(ferry.read_text().split())
        talk = newest(caller)
        assert shown(caller, talk)["pinned"] == str(ferry)
        until_saved(home, talk)
        worker = caller._service.model
        child = worker._process.child
        assert child is not None
        child._process.kill()  # as the system does when memory is short
        child._process.wait()
        back = asked(caller, "How long does the crossing take?", conversation=talk)
        assert back.restored_tokens > 200, "the document was computed again"
        assert back.pinned == str(ferry)
    with serving(home) as caller:
        again = asked(caller, "What does a return ticket cost?", conversation=talk)
        assert again.restored_tokens > 200
        without = asked(caller, "What does a return ticket cost?", conversation=talk, pin="")
        assert without.pinned == ""
        assert shown(caller, talk)["pinned"] is None
        last(caller, ConversationDelete(caller.next_id(), talk))
        assert not saved(home, talk)


def test_nothing_is_kept_of_a_file_that_changed_or_is_not_watched(
    own_sample: Indexed, ferry: Path
) -> None:
    home = own_sample.home
    with serving(home) as caller:
        index(caller)
        asked(caller, "Who commands the Albatross?", pin=str(ferry))
        talk = newest(caller)
        until_saved(home, talk)
        ferry.write_text(ferry.read_text().replace("Ilse Brandt", "Otto Kramer"))
        index(caller)
        assert not saved(home, talk), "what the old text said is still there"
        new = asked(caller, "Who commands the Albatross?", conversation=talk)
        assert "Kramer" in new.answer + " ".join(one.quote for one in new.citations)
        assert "Brandt" not in " ".join(one.quote for one in new.citations)
        until_saved(home, talk)
        last(caller, FoldersRemove(caller.next_id(), (str(own_sample.files),)))
        assert not saved(home, talk)
        gone = last(caller, Ask(caller.next_id(), "Who commands it?", conversation=talk))
        assert isinstance(gone, Failed)
        assert "cannot be pinned" in gone.title


@pytest.mark.slow
def test_forgetting_a_pinned_file_leaves_nothing_of_it(own_sample: Indexed, ferry: Path) -> None:
    home = own_sample.home
    with serving(home) as caller:
        index(caller)
        asked(caller, "Who commands the Albatross?", pin=str(ferry))
        talk = newest(caller)
        until_saved(home, talk)
        report = last(caller, Forget(caller.next_id(), str(ferry)))
        assert report.body["answers"] == 1
        assert report.body["proof"]["saved_of_conversations"] == 0
        assert not saved(home, talk)
        assert not caller._service.pins.forget(str(ferry))


@pytest.mark.slow
def test_a_file_that_has_no_room_is_refused_and_what_is_left_over_goes(
    own_sample: Indexed, ferry: Path
) -> None:
    home = own_sample.home
    ferry.write_text((f"{FACTS[0]} {FILL}\n\n") * 120)
    stray = home / "data" / "kv" / "4711"
    stray.mkdir(parents=True, mode=0o700)
    shutil.copy(ferry, stray / "left.kv")
    with serving(home) as caller:
        index(caller)
        assert not stray.exists(), "a conversation that is not there has nothing saved"
        told = last(caller, Ask(caller.next_id(), "When does it leave?", pin=str(ferry)))
        assert isinstance(told, Failed)
        assert "too long to be pinned" in told.title
        assert "assistant.context_tokens" in told.advice
        assert not last(caller, ConversationsList(caller.next_id())).body["conversations"]
        remote = last(
            caller, Ask(caller.next_id(), "When does it leave?", pin=str(ferry), remote=True)
        )
        assert isinstance(remote, Failed)
        assert not [
            path for path in saved_files(home / "data" / "kv") if path.parent.name != "shared"
        ]
