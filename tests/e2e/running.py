"""A real service of a home, by itself or with its window, spoken to through its socket."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

import psutil
from helpers import PATIENCE_S, ROOT

from app.address import address
from core.home import find_home
from core.messages import (
    Failed,
    Message,
    Report,
    Search,
    SearchResults,
    SettingsGet,
    decode,
    encode,
    ends,
)

START_S, ANSWER_S = 120.0, 240.0  # of a machine that has much else to do
ALL = 1000

Passages = dict[tuple[str, int], float]


class ServiceGoneError(Exception):
    """The service ended before it had answered."""


def passages(results: SearchResults) -> Passages:
    """Where the hits are, with their scores; none of them is another's copy here."""
    return {(hit.path, hit.start): hit.score for hit in results.hits if hit.state == "ok"}


class Running:
    """A service, by itself or with a window, and one connection to it."""

    def __init__(self, home: Path, environment: Mapping[str, str], window: bool) -> None:
        every = {**os.environ, **environment, "QT_QPA_PLATFORM": "offscreen"}
        program = "app.window" if window else "app.service_process"
        self.home = find_home(str(home), every)
        self.window = window
        started = time.monotonic()
        self._told = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end
        self.process = subprocess.Popen(
            [sys.executable, "-m", program, "--home", str(home)],
            cwd=ROOT, env=every, stdin=subprocess.PIPE, stdout=self._told, stderr=self._told,
        )  # fmt: skip
        self._number = 0
        self._connection = self._connect(started + START_S)
        while not self._answers():
            self._connection = self._connect(started + START_S)

    def _connect(self, deadline: float) -> Connection:
        while True:
            with contextlib.suppress(OSError, EOFError), address(self.home) as where:
                return Client(where)
            assert self.process.poll() is None, "the service ended instead of opening"
            assert time.monotonic() < deadline, "the service does not open"
            time.sleep(0.05)

    def _answers(self) -> bool:
        """Whether a live service has the other end.

        A child that was about to start when its service was killed holds that service's socket
        for some more milliseconds; who asks there is asked to ask again, as the command line does.
        """
        try:
            self.ask(SettingsGet(self.next_id()))
        except ServiceGoneError:
            if self.process.poll() is not None:
                raise
            return False
        return True

    def _last_words(self) -> str:
        """How the process ended, or that it goes on, and the last that it wrote."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        return f"exit status {self.process.poll()}, {self.told()}"

    def told(self) -> str:
        """The last that it wrote to its standard output and error."""
        end = os.fstat(self._told.fileno()).st_size
        said = (
            os.pread(self._told.fileno(), 2000, max(0, end - 2000)) if os.name == "posix" else b""
        )
        return said.decode(errors="replace")

    def next_id(self) -> int:
        """A fresh number for a request."""
        self._number += 1
        return self._number

    def ask(self, message: Message, seen: Callable[[Message], None] | None = None) -> Message:
        """The reply that ends a request. Raises ServiceGoneError."""
        number = getattr(message, "id", 0)
        heard, heard_at = "nothing", time.monotonic()
        try:
            self._connection.send_bytes(encode(message).encode("ascii"))
            deadline = time.monotonic() + ANSWER_S
            while self._connection.poll(max(0.0, deadline - time.monotonic())):
                reply = decode(self._connection.recv_bytes())
                if getattr(reply, "id", None) != number:
                    continue
                heard, heard_at = repr(reply)[:300], time.monotonic()
                if seen is not None:
                    seen(reply)
                if ends(reply):
                    return reply
        except (OSError, EOFError):
            raise ServiceGoneError(self._last_words()) from None
        raise AssertionError(
            f"{message} was not answered in {ANSWER_S} s; heard of it was {heard}, "
            f"{time.monotonic() - heard_at:.0f} s ago; {self._processes()}"
        )

    def _processes(self) -> str:
        """What each process is at, for who wonders why there is no answer."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                name = next((p for p in process.cmdline() if p.startswith("app.")), "?")
                found.append(f"{name} {process.status()} {process.cpu_times().user:.0f} s of CPU")
        return "; ".join(found)

    def report(self, message: Message) -> Any:
        """The body of the report that a request ends with."""
        reply = self.ask(message)
        assert isinstance(reply, Report), reply
        return reply.body

    def search(self, query: str, mode: Any, *, exact: bool = False) -> Passages | Failed:
        """All passages that a search finds."""
        reply = self.ask(Search(self.next_id(), query, k=ALL, mode=mode, exact=exact))
        assert isinstance(reply, SearchResults | Failed), reply
        return passages(reply) if isinstance(reply, SearchResults) else reply

    def family(self) -> list[psutil.Process]:
        """All its processes, parents first."""
        with contextlib.suppress(psutil.Error):
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        return []

    def victims(self, who: str) -> list[psutil.Process]:
        """The processes that a name means, parents first."""
        family = self.family()
        if who == "all":
            return family
        if who == "window":
            return family[:1] if self.window else []
        wanted = {"service": "app.service_process", "extractor": "app.extractor",
                  "worker": "app.worker"}[who]  # fmt: skip
        found = []
        for process in family:
            with contextlib.suppress(psutil.Error):
                if wanted in process.cmdline():
                    found.append(process)
        return found

    def end(self) -> None:
        """End it, whatever is left of it, and wait until it is gone."""
        self._connection.close()
        with contextlib.suppress(psutil.Error):  # so that a window starts no other service now
            psutil.Process(self.process.pid).suspend()
        family = self.family()
        for process in family:
            with contextlib.suppress(psutil.Error):
                process.kill()
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait(PATIENCE_S)
        self._told.close()
        psutil.wait_procs(family, 30)
