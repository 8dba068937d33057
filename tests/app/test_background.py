"""A question goes before what runs in the background, which is paused and goes on without loss."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import PATIENCE_S, comes

from app.children import python_child
from app.model import ModelWorker
from app.model_process import SavedPlace, Shape
from core.chat.assistant import ModelAnswer
from core.errors import UserError
from core.llm.kv.saved import saved_files

PASSAGE = "The harbour of Varn closes at nine in the evening."
LONG = "The keeper of the light writes down each ship that passes, and the weather. " * 36


@pytest.fixture
def worker(models: Path, tmp_path: Path) -> Iterator[ModelWorker]:
    saved = SavedPlace(tmp_path / "kv", lambda: 10**8)
    found = ModelWorker(python_child("app.worker"), 512, 24, 2, 60.0, saved=saved)
    found.use(models / "llm" / "smollm2-135m-instruct.gguf", shape=Shape(512))
    yield found
    found.close()


def never() -> bool:
    return False


def ask(worker: ModelWorker) -> ModelAnswer:
    return worker.answer("When does the harbour close?", [PASSAGE], (), lambda _: None, never)


class Background(threading.Thread):
    """Something long that is completed in the background."""

    def __init__(self, worker: ModelWorker) -> None:
        super().__init__(daemon=True)
        self._worker = worker
        self.said: ModelAnswer | None = None
        self.failed: UserError | None = None

    def begin(self) -> None:
        """Start, and wait until the worker has been asked."""
        self.start()
        assert comes(lambda: self._worker._background)

    def run(self) -> None:
        try:
            self.said = self._worker.complete_in_background("Go on.", LONG, 40, never)
        except UserError as error:
            self.failed = error


def test_a_question_goes_first_and_the_rest_goes_on_as_if_nothing_had_been(
    worker: ModelWorker, tmp_path: Path
) -> None:
    undisturbed = worker.complete("Go on.", LONG, 40, lambda _: None, never)
    assert undisturbed.dropped_tokens > 0
    assert undisturbed.answer_tokens > 1
    background = Background(worker)
    background.begin()
    for wait_s in (0.3, 0.6):
        time.sleep(wait_s)
        answer = ask(worker)
        assert "nine" in answer.text
        assert background.is_alive(), "the question did not go first"
    background.join(PATIENCE_S)
    assert background.said is not None
    assert background.said.text == undisturbed.text
    assert background.said.prompt_tokens == undisturbed.prompt_tokens
    assert all(b"parked" not in path.read_bytes() for path in saved_files(tmp_path / "kv"))


def test_what_runs_in_the_background_begins_again_after_another_model(
    worker: ModelWorker, models: Path
) -> None:
    worker.complete("Go on.", "Hello.", 1, lambda _: None, never)
    background = Background(worker)
    background.begin()
    starter = models / "llm" / "smollm2-135m-instruct.gguf"
    worker.use(starter, shape=Shape(384))
    assert "nine" in ask(worker).text
    background.join(PATIENCE_S)
    assert background.said is not None
    assert background.said.answer_tokens > 0


def test_when_the_worker_is_ended_the_background_says_so(worker: ModelWorker) -> None:
    ask(worker)
    background = Background(worker)
    background.begin()
    assert comes(worker.let_go)  # not at once: the question is on its way
    background.join(PATIENCE_S)
    assert background.failed is not None
    assert "background" in background.failed.title
    assert "nine" in ask(worker).text
