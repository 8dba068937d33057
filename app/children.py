"""Child processes that speak one message a line: started, watched, ended."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import psutil

from app.job import Job
from app.stdio import Channel
from core.bundle import NO_CONSOLE, module_command
from core.messages import PROTOCOL_VERSION, Hello, Message, ProtocolError

DEBUG_VARIABLE = "SATCHEL_DEBUG"  # set, it lets children print to stderr
START_TIMEOUT_S = 60.0
WAITING_MESSAGES = 16
_GOES_FIRST = "500"  # of 1000


class ChildGone(Exception):
    """The child ended by itself: it crashed, was killed, or could not start."""


class ChildSlow(Exception):
    """The child did not answer within the time it was given."""


class Child:
    """One running child process. Replies wait in a short queue, so a fast child is held back.

    It leads a process group of its own: Ctrl+C goes to its parent only, which
    knows what to do, and whatever it started ends together with it.
    """

    def __init__(
        self, command: Sequence[str], memory_bytes: int | None = None, greet: bool = True
    ) -> None:
        """Start the process; raises ChildGone when it does not greet as it should.

        `memory_bytes` is kept by the system on Windows only. Without `greet` the
        greeting is waited for when `greet` is called.
        """
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # What a crashing parser prints is no use to a person, and may hold their text.
            stderr=None if os.environ.get(DEBUG_VARIABLE) else subprocess.DEVNULL,
            close_fds=True,
            process_group=0 if os.name == "posix" else None,
            creationflags=NO_CONSOLE,
        )
        _let_it_go_first(self._process.pid)
        self._job = Job(self._process, memory_bytes)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._channel = Channel(self._process.stdout, self._process.stdin)
        self._replies: queue.Queue[Message | None] = queue.Queue(WAITING_MESSAGES)
        self._closed = threading.Event()
        self._pump = threading.Thread(target=self._read, name="child-replies", daemon=True)
        self._pump.start()
        self._hello: Hello | None = None
        if greet:
            self.greet()

    def greet(self) -> Hello:
        """The child's greeting. Raises ChildGone when it is late or not what it should be."""
        if self._hello is not None:
            return self._hello
        try:
            hello = self.receive(START_TIMEOUT_S)
        except ChildSlow as error:
            self.close()
            raise ChildGone("it did not start in time") from error
        except ChildGone:
            self.close()
            raise
        if not isinstance(hello, Hello) or hello.version != PROTOCOL_VERSION:
            self.close()
            raise ChildGone("it is of another version")
        self._hello = hello
        return hello

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def _read(self) -> None:
        message: Message | None = None
        while not self._closed.is_set():
            try:
                message = self._channel.receive()
            except (ProtocolError, OSError, ValueError):
                message = None
            while not self._closed.is_set():
                with contextlib.suppress(queue.Full):
                    self._replies.put(message, timeout=0.2)
                    break
            if message is None:
                return

    def send(self, message: Message) -> None:
        """Send one message. Raises ChildGone when the child has ended."""
        try:
            self._channel.send(message)
        except (OSError, ValueError) as error:
            raise ChildGone(self.ending()) from error

    def receive(self, timeout_s: float) -> Message:
        """The next reply. Raises ChildGone or ChildSlow."""
        try:
            message = self._replies.get(timeout=timeout_s)
        except queue.Empty:
            raise ChildSlow from None
        if message is None:
            raise ChildGone(self.ending())
        return message

    def ending(self) -> str:
        """How the process ended, in words."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "it broke off"
        return f"it was ended by signal {-code}" if code < 0 else f"it ended with code {code}"

    def memory_bytes(self) -> int:
        """Resident memory of the process, 0 when it is gone or may not be looked at."""
        # On Windows the Python of a virtual environment runs as a child of what was started.
        pid = self.greet().pid if sys.platform == "win32" else self.pid
        try:
            return int(psutil.Process(pid).memory_info().rss)
        except psutil.Error:
            return 0

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process and what it started now, and wait until it is gone."""
        self._closed.set()
        if self._process.poll() is None:
            if sys.platform != "win32":
                with contextlib.suppress(OSError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
        self._process.wait()
        self._job.close()
        self._pump.join(timeout=5)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _let_it_go_first(pid: int) -> None:
    """Where memory runs out, the system ends this child and not the service (Linux)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/oom_score_adj").write_text(_GOES_FIRST, "ascii")


def python_child(module: str, *arguments: str) -> list[str]:
    """The command line that runs one of our modules as a child."""
    return module_command(module, *arguments)
