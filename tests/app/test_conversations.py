"""Conversations with the real starter model in a small context, and what is kept of them."""

import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import PATIENCE_S, Indexed
from service_desk import last, serving

from app.children import python_child
from app.model import ModelWorker
from app.model_process import SavedPlace, Shape
from core.chat.assistant import ModelAnswer
from core.home import find_home
from core.llm.kv.saved import saved_files
from core.messages import (
    AnswerDone,
    Ask,
    ChatTurn,
    ConversationDelete,
    ConversationsList,
    Forget,
    Report,
    StatusRequest,
)
from core.store.history import History

PASSAGE = "The harbour of Varn closes at nine in the evening."
TOPICS = ("the ferry", "bread", "the garden", "taxes", "the lighthouse", "bicycles", "bees")
KILLS = 3


def turn(number: int, conversation: int = 5, *, recalled: bool = False) -> list[ChatTurn]:
    topic = TOPICS[number % len(TOPICS)]
    said = f"Of {topic} it is written on page {number} that it matters more than most think. "
    said += f"Whoever knows {topic} well has read the {number} pages before that one, and more."
    return [
        ChatTurn("user", f"What about {topic}?", number, conversation, recalled),
        ChatTurn("assistant", said, number, conversation, recalled),
    ]


def turns(first: int, end: int) -> list[ChatTurn]:
    return [side for number in range(first, end) for side in turn(number)]


def make_worker(models: Path, folder: Path) -> ModelWorker:
    worker = ModelWorker(
        python_child("app.worker"), 512, 12, 2, 60.0, saved=SavedPlace(folder, lambda: 10**8)
    )
    worker.use(models / "llm" / "smollm2-135m-instruct.gguf", shape=Shape(512))
    return worker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kv"


@pytest.fixture
def worker(models: Path, folder: Path) -> Iterator[ModelWorker]:
    found = make_worker(models, folder)
    yield found
    found.close()


def ask(worker: ModelWorker, history: list[ChatTurn]) -> ModelAnswer:
    question = "When does the harbour of Varn close?"
    return worker.answer(question, [PASSAGE], history, lambda _: None, lambda: False)


def settled(folder: Path, conversation: int, count: int) -> list[Path]:
    """The files of a conversation, once so many are there: they are written after the answer."""
    deadline = time.monotonic() + PATIENCE_S
    while len(files := list((folder / str(conversation)).glob("*.kv"))) < count:
        assert time.monotonic() < deadline, files
        time.sleep(0.02)
    return files


def test_old_turns_leave_come_back_and_outlive_the_worker(
    worker: ModelWorker, models: Path, folder: Path
) -> None:
    for number in range(1, 13):
        answer = ask(worker, turns(max(1, number - 3), number))
        assert answer.text
        assert answer.prompt_tokens + 12 <= 512
    settled(folder, 5, 11)
    recalled = ask(worker, [*turn(1, recalled=True), *turns(10, 13)])
    assert recalled.recalled == (1,)
    assert recalled.restored_tokens > 20, "the turn was computed again"
    assert recalled.text
    settled(folder, 5, 12)
    worker.close()

    again = make_worker(models, folder)
    try:
        reopened = ask(again, turns(9, 13))
        assert reopened.text == ask(again, turns(9, 13)).text
        computed = reopened.prompt_tokens - reopened.restored_tokens - reopened.reused_tokens
        assert reopened.restored_tokens > 200
        assert computed < 100, "only the question was not read before"
        for path in saved_files(folder):
            path.write_bytes(path.read_bytes()[:-7] + b"altered")
    finally:
        again.close()
    mistrusting = make_worker(models, folder)
    try:
        anew = ask(mistrusting, turns(9, 13))
        assert anew.restored_tokens == 0
        assert anew.text
    finally:
        mistrusting.close()


def test_a_pinned_text_is_read_once_also_by_the_next_worker(
    worker: ModelWorker, models: Path, folder: Path
) -> None:
    pinned = "The keeper of the light writes down each ship that passes. " * 15

    def complete(one: ModelWorker, text: str) -> ModelAnswer:
        return one.complete("Be brief.", text, 8, lambda _: None, lambda: False, pinned)

    cold = complete(worker, "What does the keeper write down?")
    warm = complete(worker, "Who writes?")
    assert warm.reused_tokens > 150
    assert cold.prompt_tokens - cold.reused_tokens > 150
    deadline = time.monotonic() + PATIENCE_S
    while len(list((folder / "shared").glob("*.kv"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    worker.close()
    again = make_worker(models, folder)
    try:
        restored = complete(again, "What does the keeper write down?")
        assert restored.restored_tokens > 150
        assert restored.text == cold.text
    finally:
        again.close()


def test_what_is_deleted_is_not_saved_again(worker: ModelWorker, folder: Path) -> None:
    ask(worker, turns(1, 4))
    settled(folder, 5, 3)
    worker.forget_saved(5)
    ask(worker, turns(1, 5))
    other = [ChatTurn("user", "Hello?", 1, 6), ChatTurn("assistant", "Yes, hello.", 1, 6)]
    ask(worker, other)
    settled(folder, 6, 1)
    assert not list((folder / "5").glob("*"))


def test_a_worker_that_is_killed_at_any_moment_leaves_nothing_that_is_wrong(
    models: Path, folder: Path
) -> None:
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    for number in range(1, KILLS + 1):
        worker = make_worker(models, folder)
        try:
            answer = ask(worker, turns(1, 2 + 2 * number))
            assert answer.text, f"seed {seed}"
            time.sleep(dice.random() * 0.15)  # it is saving now
        finally:
            worker.close()  # with SIGKILL
    worker = make_worker(models, folder)
    try:
        answer = ask(worker, turns(1, 5))
        assert answer.text, f"seed {seed}"
        settled(folder, 5, 4)
        deadline = time.monotonic() + PATIENCE_S
        while {path.suffix for path in saved_files(folder)} != {".kv"}:
            assert time.monotonic() < deadline, f"seed {seed}"
            time.sleep(0.05)
    finally:
        worker.close()


def test_a_conversation_of_a_home_recalls_is_shown_and_is_forgotten(own_sample: Indexed) -> None:
    kept = own_sample.home / "data" / "kv"
    with serving(own_sample.home) as caller:
        history = caller._service.history
        number = history.begin("What does the lease of the workshop say?")
        for topic in ("the workshop lease and its rent", *TOPICS):
            history.add_turn(number, f"Tell me of {topic}.", f"Much is said of {topic}.", True, ())
        question = "What is the rent of the workshop in the lease?"
        done = last(caller, Ask(caller.next_id(), question, conversation=number))
        assert isinstance(done, AnswerDone), done
        assert done.recalled_turns == 1
        settled(kept, number, 4)
        status = last(caller, StatusRequest(caller.next_id()))
        assert isinstance(status, Report)
        assert status.body["model"]["memory"]["cell_type"] == "q8_0"
        assert status.body["model"]["memory"]["switched_off"] is None
        assert status.body["usage"]["store_bytes"]["saved_kv"] > 100_000
        copy = kept / "spare"
        shutil.copytree(kept / str(number), copy)
        lease = next(own_sample.files.glob("workshop-lease*"))
        forgotten = last(caller, Forget(caller.next_id(), str(lease)))
        assert isinstance(forgotten, Report), forgotten
        assert forgotten.body["proof"]["saved_of_conversations"] == 0
        assert not (kept / str(number)).exists()
        copy.rename(kept / str(number))
        deleted = last(caller, ConversationDelete(caller.next_id(), number))
        assert isinstance(deleted, Report)
        assert not (kept / str(number)).exists()


def test_a_question_that_a_kill_left_unanswered_leaves_no_conversation(own_sample: Indexed) -> None:
    history = History(find_home(str(own_sample.home), {}).history)
    history.begin("How much is the rent?")  # and then the process was killed
    kept = history.begin("Who holds the keys?")
    history.add_turn(kept, "Who holds the keys?", "Mrs Abbot.", True, [])
    history.close()
    with serving(own_sample.home) as caller:
        listed = last(caller, ConversationsList(caller.next_id()))
    assert [one["id"] for one in listed.body["conversations"]] == [kept]
