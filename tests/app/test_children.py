import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers import PATIENCE_S, comes

from app import extractors
from app.children import Child, ChildGone, ChildSlow
from app.extractors import ExtractorPool
from app.model import ModelWorker
from core.errors import FileError, UserError
from core.messages import UNTITLED, Cancel, Chunks, Done, Extracted, Hello, encode
from core.store.rows import FileRef

HELLO = encode(Hello("extractor", 1))


def script(body: str) -> list[str]:
    return [sys.executable, "-c", f"import sys, time\nprint({HELLO!r}, flush=True)\n{body}"]


def test_a_child_that_greets_and_ends() -> None:
    child = Child(script("time.sleep(0.2); sys.exit(3)"))
    assert child.alive
    with pytest.raises(ChildGone, match="code 3"):
        child.receive(PATIENCE_S)
    assert not child.alive
    child.close()


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-c", "print('hello')"],
        [sys.executable, "-c", "pass"],
        [sys.executable, "-c", f"print({encode(Hello('extractor', 1, 99))!r})"],
        [sys.executable, "-c", f"print({encode(Cancel(1))!r})"],
    ],
)
def test_a_child_that_does_not_greet(command: list[str]) -> None:
    with pytest.raises(ChildGone):
        Child(command)


def test_a_slow_child_is_told_apart_from_a_dead_one() -> None:
    child = Child(script("time.sleep(600)"))
    with pytest.raises(ChildSlow):
        child.receive(0.1)
    child.close()
    with pytest.raises(ChildGone, match="signal 9"):
        raise ChildGone(child.ending())


def test_a_child_that_writes_without_end_is_held_back_and_ended() -> None:
    child = Child(script(f"while True: print({encode(Cancel(1))!r}, flush=True)"))
    assert isinstance(child.receive(PATIENCE_S), Cancel)
    time.sleep(0.3)
    child.close()


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are not of Windows")
def test_a_child_takes_with_it_what_it_started() -> None:
    body = (
        "import subprocess\n"
        "grandchild = subprocess.Popen(['sleep', '600'])\n"
        f"print({encode(Done(1))!r}.replace('1', str(grandchild.pid)), flush=True)\n"
        "time.sleep(600)"
    )
    child = Child(script(body))
    reply = child.receive(PATIENCE_S)
    assert isinstance(reply, Done) and psutil.pid_exists(reply.id)
    child.close()
    assert gone(reply.id)


def gone(pid: int) -> bool:
    """Whether a process ends within a few seconds."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def pool(
    command: list[str], timeout_s: float, deaths: list[str], size: int = 1, **options: Any
) -> ExtractorPool:
    return ExtractorPool(command, size, "tokenizer", timeout_s, deaths.append, **options)


def test_a_file_that_kills_its_reader_is_named(tmp_path: Path) -> None:
    deaths: list[str] = []
    readers = pool(script("sys.stdin.readline(); sys.exit(9)"), 20, deaths)
    file = FileRef(str(tmp_path / "poison.pdf"), 1, 1, False)
    for _ in range(2):
        with pytest.raises(FileError, match="made its reader fail") as caught:
            list(readers.extract(file))
        assert (caught.value.path, caught.value.problem) == (file.path, "crashed")
    assert len(deaths) == 2
    assert "poison.pdf" in deaths[0]
    readers.close()


def test_a_file_that_takes_too_long_is_set_aside(tmp_path: Path) -> None:
    deaths: list[str] = []
    readers = pool(script("time.sleep(600)"), 0.5, deaths)
    with pytest.raises(FileError, match=r"took longer than 0\.5 s") as caught:
        list(readers.extract(FileRef(str(tmp_path / "slow.pdf"), 1, 1, False)))
    assert caught.value.problem == "crashed"
    assert readers.pids() == []
    readers.close()


SIGN_OF_LIFE = encode(Chunks(1, ()))
EXTRACTED = encode(Extracted(1, 0, 0, (), "text", UNTITLED, False))


def test_a_reader_that_gives_signs_of_life_may_take_longer_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deaths: list[str] = []
    signs = f"    print({SIGN_OF_LIFE!r}, flush=True); time.sleep(0.2)\n"
    slow = f"sys.stdin.readline()\nfor _ in range(15):\n{signs}print({EXTRACTED!r}, flush=True)"
    readers = pool(script(slow + "\ntime.sleep(600)"), 2, deaths)
    replies = list(readers.extract(FileRef("a.doc", 1, 1, False)))
    assert isinstance(replies[-1], Extracted)
    assert deaths == []
    readers.close()
    monkeypatch.setattr(extractors, "LONGEST_TIMES", 2)
    endless = pool(script(f"while True:\n{signs}"), 2, deaths)
    with pytest.raises(FileError, match="took longer than 4 s"):
        list(endless.extract(FileRef("a.doc", 1, 1, False)))
    endless.close()


def test_a_reader_that_does_not_limit_its_memory_is_watched() -> None:
    deaths: list[str] = []
    body = "sys.stdin.readline(); a = b'x' * 200_000_000; time.sleep(600)"
    readers = pool(script(body), 30, deaths, memory_mb=100)
    with pytest.raises(FileError, match="needs more than the 100 MB"):
        list(readers.extract(FileRef("large.pdf", 1, 1, False)))
    assert readers.pids() == []
    assert "large.pdf" in deaths[0]
    readers.close()


def test_idle_readers_are_ended_and_come_back(tmp_path: Path) -> None:
    # This one leaves a file in its scratch folder, the last two arguments of its command.
    body = (
        "import os; os.makedirs(sys.argv[-1]); open(sys.argv[-1] + '/left', 'w').close()\n"
        f"while sys.stdin.readline(): print({EXTRACTED!r}, flush=True)"
    )
    deaths: list[str] = []
    scratch = tmp_path / "scratch"
    readers = pool(script(body), 20, deaths, scratch=scratch, idle_s=2)
    file = FileRef("a.txt", 1, 1, False)
    for _ in range(2):
        assert isinstance(next(iter(readers.extract(file))), Extracted)
        [pid] = readers.pids()
        assert (scratch / "0" / "left").is_file()
        assert gone(pid)
        assert comes(lambda: readers.pids() == [] and not (scratch / "0").exists())
    readers.close()
    assert deaths == [] and not scratch.exists()


def test_only_readers_idle_for_long_are_ended() -> None:
    body = f"while sys.stdin.readline(): print({EXTRACTED!r}, flush=True)"
    readers = pool(script(body), 20, [], idle_s=100)
    assert readers.end_idle(time.monotonic()) is None
    list(readers.extract(FileRef("a.txt", 1, 1, False)))
    left_s = readers.end_idle(time.monotonic())
    assert left_s is not None and 90 < left_s <= 100
    assert len(readers.pids()) == 1
    assert readers.end_idle(time.monotonic() + 101) is None
    assert readers.pids() == []
    readers.close()


def test_a_worker_that_cannot_start_is_an_error_to_mend(tmp_path: Path) -> None:
    worker = ModelWorker([sys.executable, "-c", "pass"], 512, 16, 1, 60)
    with pytest.raises(UserError, match="No language model"):
        worker.answer("q", [], [], lambda _: None, lambda: False)
    worker.use(tmp_path / "m.gguf")
    with pytest.raises(UserError, match="stopped working"):
        worker.answer("q", [], [], lambda _: None, lambda: False)
    assert worker.pid is None
    worker.close()


def test_an_idle_worker_leaves_memory(tmp_path: Path) -> None:
    from core.messages import Generated, ModelLoaded, Token

    loaded = encode(ModelLoaded(1, "m", "a", 512, 512, 1, 1.0))
    token = encode(Token(2, "Yes."))
    done = encode(Generated(2, "end", 1, 1, 1.0, 1.0))
    body = (
        f"sys.stdin.readline(); print({loaded!r}, flush=True)\n"
        f"sys.stdin.readline(); print({token!r}); print({done!r}, flush=True)\n"
        "time.sleep(600)"
    )
    worker = ModelWorker(script(body), 512, 16, 1, 2)
    worker.use(tmp_path / "m.gguf")
    pieces: list[str] = []
    answer = worker.answer("q", ["p"], [], pieces.append, lambda: False)
    assert (answer.text, answer.stopped, pieces) == ("Yes.", "end", ["Yes."])
    assert worker.pid is not None
    assert comes(lambda: worker.pid is None)
    worker.close()


def test_a_cancelled_answer_gives_what_was_said(tmp_path: Path) -> None:
    from core.messages import ModelLoaded, Token

    loaded = encode(ModelLoaded(1, "m", "a", 512, 512, 1, 1.0))
    token = encode(Token(2, "Yes "))
    body = (
        f"sys.stdin.readline(); print({loaded!r}, flush=True)\n"
        f"sys.stdin.readline(); print({token!r}, flush=True)\n"
        "time.sleep(600)"
    )
    worker = ModelWorker(script(body), 512, 16, 1, 60)
    worker.use(tmp_path / "m.gguf")
    pieces: list[str] = []
    answer = worker.answer("q", ["p"], [], pieces.append, lambda: bool(pieces))
    assert (answer.text, answer.stopped) == ("Yes ", "cancelled")
    worker.close()


def test_fewer_readers_than_there_are_places_for() -> None:
    body = f"while sys.stdin.readline(): time.sleep(0.8); print({EXTRACTED!r}, flush=True)"
    readers = pool(script(body), 20, [], size=2)

    def read_at_once(count: int) -> float:
        started = time.monotonic()
        with ThreadPoolExecutor(count) as threads:
            files = [FileRef(f"{number}.txt", 1, 1, False) for number in range(count)]
            done = list(threads.map(lambda file: len(list(readers.extract(file))), files))
        assert done == [1] * count
        return time.monotonic() - started

    read_at_once(2)
    assert len(readers.pids()) == 2
    readers.resize(1)
    assert len(readers.pids()) == 1, "what is idle ends at once"
    assert read_at_once(3) >= 2.4, "one after another"
    readers.let_go()
    assert readers.pids() == []
    assert read_at_once(2) >= 1.6, "it stays one"
    readers.resize(2)
    read_at_once(2)
    assert len(readers.pids()) == 2
    with ThreadPoolExecutor(2) as threads:
        busy = [
            threads.submit(lambda: list(readers.extract(FileRef("a.txt", 1, 1, False))))
            for _ in range(2)
        ]
        time.sleep(0.4)
        readers.resize(0)
        assert [len(one.result()) for one in busy] == [1, 1], "what is being read is read"
    assert len(readers.pids()) == 1
    readers.close()
    assert readers.pids() == []
