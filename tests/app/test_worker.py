"""The model worker as a real process with the real starter model."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import appdirs
import psutil
import pytest
from helpers import PATIENCE_S

from app.stdio import Channel
from core.messages import (
    Cancel,
    ChatTurn,
    Failed,
    Generate,
    Generated,
    Hello,
    LoadModel,
    Message,
    ModelLoaded,
    PromptReady,
    Token,
    WeightsHeld,
    ends,
)

ROOT = Path(__file__).parents[2]
PASSAGES = (
    "The harbour of Varn closes at nine in the evening.",
    "Mira Olsen built the lighthouse.",
)
LONG = ("The sea is wide and deep, and ships cross it with salt and wool. " * 60,)


class Child:
    """A worker process and the channel to it."""

    def __init__(self, stderr: Path) -> None:
        with stderr.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.worker"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.channel = Channel(self.process.stdout, self.process.stdin)
        self.hello = self.channel.receive()

    def receive(self) -> Message:
        message = self.channel.receive()
        assert message is not None, "the worker is gone"
        return message

    def until_end(self) -> list[Message]:
        replies = [self.receive()]
        while not ends(replies[-1]):
            replies.append(self.receive())
        return replies

    def ask(self, request: Message) -> list[Message]:
        self.channel.send(request)
        return self.until_end()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def model() -> Path:
    folder = os.environ.get("SATCHEL_MODELS")
    models = Path(folder) if folder else Path(appdirs.user_data_dir("satchel", False)) / "models"
    path = models / "llm" / "smollm2-135m-instruct.gguf"
    if not path.is_file():
        pytest.fail(f"the starter model is not at {path}: run make setup")
    return path


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worker") / "stderr.log"


@pytest.fixture(scope="module")
def worker(model: Path, log: Path) -> Iterator[Child]:
    child = Child(log)
    held, loaded = child.ask(LoadModel(1, str(model), context_tokens=1024, threads=0))
    assert isinstance(held, WeightsHeld)
    assert held.step == "fits"
    assert isinstance(loaded, ModelLoaded)
    yield child
    child.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Child]:
    child = Child(tmp_path / "stderr.log")
    yield child
    child.close()


def wait_for(child: Child, kind: type[Message]) -> Message:
    message = child.receive()
    while not isinstance(message, kind):
        message = child.receive()
    return message


def test_greets_loads_and_answers(worker: Child, log: Path) -> None:
    assert isinstance(worker.hello, Hello)
    assert worker.hello.role == "model-worker"
    assert worker.hello.pid == worker.process.pid
    request = Generate(2, "When does the harbour of Varn close?", PASSAGES, max_answer_tokens=40)
    ready, *tokens, done = worker.ask(request)
    assert isinstance(ready, PromptReady)
    assert ready.passages_used == 2
    assert isinstance(done, Generated)
    assert done.stopped == "end"
    assert done.prompt_tokens == ready.prompt_tokens > 0
    text = "".join(token.text for token in tokens if isinstance(token, Token))
    assert "nine" in text
    assert log.read_bytes() == b""


def test_leaves_out_what_the_context_cannot_hold(worker: Child) -> None:
    history = (ChatTurn("user", "Hello? " * 500), ChatTurn("assistant", "Yes."))
    request = Generate(3, "How wide?", LONG * 3, history=history, max_answer_tokens=4)
    worker.channel.send(request)
    ready = worker.receive()
    worker.channel.send(Cancel(3))
    worker.until_end()
    assert isinstance(ready, PromptReady)
    assert ready.passages_used == 1
    assert ready.prompt_tokens <= 1024 - 4


def test_says_no_more_than_asked_for(worker: Child) -> None:
    done = worker.ask(Generate(3, "What closes when?", PASSAGES, max_answer_tokens=3))[-1]
    assert isinstance(done, Generated)
    assert done.answer_tokens == 3
    assert done.stopped == "length"


@pytest.mark.parametrize("phase", [PromptReady, Token])
def test_cancel_ends_it_before_its_end(worker: Child, phase: type[Message]) -> None:
    passages = LONG if phase is PromptReady else PASSAGES
    question = "Write a long story about ships." + ("!" if phase is PromptReady else "")
    worker.channel.send(Generate(4, question, passages, max_answer_tokens=400))
    wait_for(worker, phase)
    if phase is PromptReady:
        time.sleep(0.1)
    worker.channel.send(Cancel(4))
    done = worker.until_end()[-1]
    assert isinstance(done, Generated)
    assert done.stopped == "cancelled"
    assert done.answer_tokens < 400


def test_a_second_question_waits_and_may_be_cancelled_while_it_waits(worker: Child) -> None:
    for number in (5, 6, 7):
        worker.channel.send(Generate(number, "What closes?", PASSAGES, max_answer_tokens=8))
    worker.channel.send(Cancel(6))
    ended = [worker.until_end()[-1] for _ in range(3)]
    assert [
        (end.id, end.stopped == "cancelled") for end in ended if isinstance(end, Generated)
    ] == [
        (5, False),
        (6, True),
        (7, False),
    ]


def test_a_bad_model_leaves_the_loaded_one(worker: Child, tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF but not really")
    for path in (bad, tmp_path / "missing.gguf"):
        (failed,) = worker.ask(LoadModel(8, str(path), context_tokens=512, threads=1))
        assert isinstance(failed, Failed)
        assert path.name in failed.title
        assert failed.advice
    done = worker.ask(Generate(9, "What closes?", PASSAGES, max_answer_tokens=2))[-1]
    assert isinstance(done, Generated)


def test_without_a_model_it_says_so(fresh: Child) -> None:
    (failed,) = fresh.ask(Generate(1, "What?", ()))
    assert isinstance(failed, Failed)
    assert "No language model" in failed.title


def test_ends_with_its_channel_also_while_busy(fresh: Child, model: Path) -> None:
    fresh.ask(LoadModel(1, str(model), context_tokens=1024, threads=0))
    fresh.channel.send(Generate(2, "How wide?", LONG, max_answer_tokens=400))
    wait_for(fresh, PromptReady)
    assert fresh.process.stdin is not None
    fresh.process.stdin.close()
    assert fresh.process.wait(timeout=PATIENCE_S) == 0
    fresh.process.stdin = None


def test_says_nothing_of_a_line_that_is_no_message(fresh: Child, tmp_path: Path) -> None:
    assert fresh.process.stdin is not None
    fresh.process.stdin.write(b'{"type":"Generate","question":"secret sentinel"}\n')
    fresh.process.stdin.flush()
    assert fresh.process.wait(timeout=PATIENCE_S) == 2
    log = (tmp_path / "stderr.log").read_text()
    assert "not a message" in log
    assert "sentinel" not in log


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl is Linux only")
def test_ends_when_its_parent_is_killed(until: Callable[[Callable[[], bool]], None]) -> None:
    # The pipe's other end stays open here, so that only the kernel's signal can tell.
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'app.worker'], stdin=0)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=reader, stdout=subprocess.PIPE
    ) as parent:
        os.close(reader)
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        assert b"Hello" in parent.stdout.readline()
        parent.kill()
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    os.close(writer)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.02)

    return wait
