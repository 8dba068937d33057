"""A whole course of the application under system-call tracing: nothing leaves, nothing leaks.

The course goes from a first start to the end, in the window and on the command line. Words
that are nowhere else stand in a file, its name, a query, a question and a memory.
"""

from __future__ import annotations

import json
import re
import stat
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from helpers import ROOT, satchel
from remote_server import remote_serving
from tracing import Call, Traced, leaving, need_tracing, traced, written

DRIVER = Path(__file__).with_name("drive_window.py")
SENTINEL = "zorvex"  # the beginning of every word that must not be seen elsewhere
NAME = "zorvexname of the harbour.txt"
SECRET = "The zorvexfile harbour master hides the brass key under the third flowerpot."
QUERY = "zorvexquery brass key of the harbour master"
QUESTION = "Where does the zorvexfile harbour master hide the brass key?"
MEMORY = "I keep a zorvexmemory of the harbour."
REMOTE = "http://127.0.0.1:9/harbour.png"  # a window that loads it tries to connect
ELSEWHERE = re.compile(r"/dev/null|/proc/\d+/oom_score_adj")  # written to, and nothing is kept


class Watch(threading.Thread):
    """Reads again and again what `ps` would show of a process's descendants."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[str] = set()  # a process that ends shows itself once more, without arguments
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.1):
            for process in psutil.Process().children(recursive=True):
                try:
                    self.seen.add(f"{process.name()} {process.cmdline()}")
                except psutil.Error:
                    continue  # it has just ended

    def end(self) -> None:
        self._over.set()
        self.join()


@dataclass(frozen=True)
class Course:
    """What was done, and what was seen meanwhile."""

    person: Path  # the person's folder of everything
    home: Path
    window: Traced
    commands: tuple[Traced, ...]
    processes: tuple[str, ...]  # of the window's course only

    @property
    def runs(self) -> tuple[Traced, ...]:
        return (self.window, *self.commands)

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(call for run in self.runs for call in run.calls)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Course]:
    need_tracing()
    person = tmp_path_factory.mktemp("person")
    files, home, temporary = person / "files", person / "home", person / "tmp"
    files.mkdir()
    temporary.mkdir()
    (files / NAME).write_text(f'{SECRET}\n<img src="{REMOTE}"> ![harbour]({REMOTE})\n')
    (files / "page.html").write_text(f'<link href="{REMOTE}"><img src="{REMOTE}">The harbour.')
    (files / "garden.md").write_text("# Garden\n\nThe beans were sown in May.\n")
    words = {"folder": str(files), "query": QUERY, "question": QUESTION, "memory": MEMORY}
    environment = {
        "HOME": str(person),
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",  # an installed Satchel is compiled already
        "QT_QPA_PLATFORM": "offscreen",
        "SATCHEL_MODELS": str(models),
        "SATCHEL_TEST_WORDS": json.dumps(words),
    }
    watch = Watch()
    watch.start()
    drive = [sys.executable, str(DRIVER), "first_course", "--home", str(home)]
    window = traced(drive, person / "window.trace", environment)
    watch.end()
    commands = []
    for number, arguments in enumerate(
        (
            ("index",),
            ("ask", QUESTION),  # the window was told it; the model is loaded once more by the next
            ("doctor",),
        )
    ):
        command = [sys.executable, "-m", "app.cli", "--home", str(home), *arguments]
        commands.append(traced(command, person / f"{number}.trace", environment))
    yield Course(person, home, window, tuple(commands), tuple(watch.seen))


def test_the_course_was_run(course: Course) -> None:
    """Else the tests below would prove nothing."""
    assert [run.code for run in course.runs] == [0] * len(course.runs), course.window.stderr
    found = json.loads(course.window.stdout.splitlines()[-1])
    assert "late" not in found, found
    assert found["hits"][0].endswith(NAME)
    assert found["pages"]
    assert "zorvexfile" in found["answer"]
    assert "zorvexfile" in course.commands[1].stdout
    for module in ("app.service_process", "app.extractor", "app.worker"):
        assert any(module in shown for shown in course.processes), module
    assert len({call.pid for call in course.calls}) > 10


def test_no_call_reaches_out(course: Course) -> None:
    assert leaving(course.calls, course.home) == []


def test_all_that_is_written_is_in_the_home(course: Course) -> None:
    paths = set(written(course.calls))
    assert str(course.home / "config" / "settings.toml") in paths
    outside = {path for path in paths if not Path(path).is_relative_to(course.home)}
    assert [path for path in outside if not ELSEWHERE.fullmatch(path)] == []


def test_nobody_sees_a_word_of_it(course: Course) -> None:
    assert [shown for shown in course.processes if SENTINEL in shown.lower()] == []
    for run in course.runs:
        assert SENTINEL not in run.stderr.lower()


def test_all_in_the_home_is_the_owners_only(course: Course) -> None:
    for path in (course.home, *course.home.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.lstat().st_mode) == wanted, path


def test_what_the_person_asks_for_goes_there_and_nowhere_else(tmp_path: Path) -> None:
    need_tracing()
    home = tmp_path / "home"
    with remote_serving() as server:
        assert satchel(home, "remote", "set", server.address).returncode == 0
        command = [sys.executable, "-m", "app.cli", "--home", str(home), "remote", "check"]
        run = traced(command, tmp_path / "trace")
        assert (run.code, server.paths) == (0, ["/v1/models"])
        out = leaving(run.calls, home)
        port = server.address.rpartition(":")[2]
        assert [call for call in out if call.startswith("connect")]
        for call in out:
            assert call.startswith("socket(AF_INET,") or f"htons({port})" in call, call


ATTEMPTS = {
    "connect": "socket.create_connection(('127.0.0.1', 9), 1)",
    "look up": "socket.getaddrinfo('satchel.invalid', 80)",
    "datagram": "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
    "helper": "socket.socket(socket.AF_UNIX).connect('/run/nscd/socket')",
    "abstract": "socket.socket(socket.AF_UNIX).bind('\\0satchel')",
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_tracing_sees_what_a_grandchild_tries(attempt: str, tmp_path: Path) -> None:
    need_tracing()
    inner = f"import socket, threading; t = threading.Thread(target=lambda: {attempt}); t.start()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    run = traced([sys.executable, "-c", outer], tmp_path / "trace")
    assert leaving(run.calls, tmp_path)
    quiet = traced([sys.executable, "-c", "import socket"], tmp_path / "trace")
    assert quiet.calls
    assert leaving(quiet.calls, tmp_path) == []
