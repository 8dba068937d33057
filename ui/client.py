"""The window's side of the service: a child process spoken to without ever waiting for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from core.messages import (
    PROTOCOL_VERSION,
    Cancel,
    Done,
    Failed,
    Hello,
    IndexProgress,
    Message,
    ProtocolError,
    Raise,
    State,
    decode,
    encode,
    ends,
)
from ui.heard import heard
from ui.text import tr
from ui.wire import Lines, LineTooLong

OnReply = Callable[[Message], None]
OnSlow = Callable[[], None]
Make = Callable[[int], Message]


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient the client is, in milliseconds."""

    slow_ms: int = 4000
    tick_ms: int = 500
    slice_ms: float = 6.0  # of work on replies before the window gets its turn again
    backoff_ms: tuple[int, ...] = (300, 1000, 2000, 5000, 15_000, 30_000)
    proven_ms: int = 20_000  # a service that lived this long starts the back-off anew
    end_ms: int = 8000


@dataclass(frozen=True, slots=True)
class Link:
    """How it stands with the service; `title` and `advice` say why when it is not there."""

    state: Literal["starting", "ready", "lost", "refused"]
    title: str = ""
    advice: str = ""


@dataclass(slots=True)
class _Pending:
    on_reply: OnReply
    on_slow: OnSlow | None
    sent_at: float = field(default_factory=time.monotonic)


class Asker(Protocol):
    """What a page needs of the client."""

    def ask(self, make: Make, on_reply: OnReply, on_slow: OnSlow | None = None) -> int:
        """Send the request that `make` builds for an id; each reply goes to `on_reply`."""
        ...

    def cancel(self, number: int) -> None:
        """Give up a request: no reply to it is delivered from here on."""
        ...


class Client(QObject):
    """Runs the service as a child and carries messages both ways.

    A request always ends: by its reply, by being cancelled, or by a Failed
    made here when the service dies. Late, doubled and unknown replies are
    ignored. A service that dies is started again, later each time. `first_arguments` are
    for those that are started until one has been ready.
    """

    news = Signal(object)  # State and IndexProgress, as they come
    started = Signal()  # the service can take requests, though it may not answer yet
    greeted = Signal()
    link_changed = Signal(object)
    raise_asked = Signal()  # a second start of the window
    open_elsewhere = Signal()  # this is the second start; the first has come to the front
    ended = Signal()

    def __init__(
        self,
        command: Sequence[str],
        first_arguments: Sequence[str] = (),
        timing: Timing | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._command = list(command)
        self._first_arguments = list(first_arguments)
        self._timing = timing or Timing()
        self._pending: dict[int, _Pending] = {}
        self._next_id = 1
        self._lines = Lines()
        self._process: QProcess | None = None
        self._started_at = 0.0
        self._deaths = 0
        self._closing = False
        self._refusal: Failed | None = None
        self.link = Link("starting")
        self._pump_timer = QTimer(self, singleShot=True, interval=0)
        self._pump_timer.timeout.connect(self._pump)
        self._restart_timer = QTimer(self, singleShot=True)
        self._restart_timer.timeout.connect(self.start)
        self._tick_timer = QTimer(self, interval=self._timing.tick_ms)
        self._tick_timer.timeout.connect(self._tick)
        self._end_timer = QTimer(self, singleShot=True, interval=self._timing.end_ms)
        self._end_timer.timeout.connect(self._kill)

    # --- requests -----------------------------------------------------------------------

    def ask(self, make: Make, on_reply: OnReply, on_slow: OnSlow | None = None) -> int:
        """Send a request; replies come later, never from inside this call.

        `on_slow` is called once when nothing has come for a while.
        """
        number = self._next_id
        self._next_id += 1
        self._pending[number] = _Pending(on_reply, on_slow)
        if self._running():
            self._send(make(number))
            if not self._tick_timer.isActive():
                self._tick_timer.start()
        else:
            QTimer.singleShot(0, lambda: self._fail(number))
        return number

    def cancel(self, number: int) -> None:
        """Give up a request; what still comes of it is ignored."""
        if self._pending.pop(number, None) is not None and self._running():
            self._send(Cancel(number))

    @property
    def pid(self) -> int:
        """Process id of the service, 0 when there is none."""
        return int(self._process.processId()) if self._process is not None else 0

    def _running(self) -> bool:
        process = self._process
        return process is not None and process.state() != QProcess.ProcessState.NotRunning

    def _send(self, message: Message) -> None:
        if self._process is not None:
            self._process.write(encode(message).encode("ascii") + b"\n")

    # --- the process --------------------------------------------------------------------

    def start(self) -> None:
        """Start the service; nothing happens while one runs."""
        if self._running() or self._closing:
            return
        self._restart_timer.stop()
        self._lines.clear()
        self._refusal = None
        process = QProcess(self)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.ForwardedErrorChannel)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._error)
        self._process = process
        self._started_at = time.monotonic()
        program, *arguments = [*self._command, *self._first_arguments]
        self._set_link(Link("starting"))
        process.start(program, arguments)
        if self._running():
            self.started.emit()

    def close(self) -> None:
        """End the service: its input is closed, and it finishes the file in hand.

        `ended` is emitted when it is gone; one that does not go is killed.
        """
        self._closing = True
        self._restart_timer.stop()
        self._pending.clear()
        if not self._running():
            QTimer.singleShot(0, self.ended.emit)
            return
        assert self._process is not None
        self._process.closeWriteChannel()
        self._end_timer.start()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._gone()

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        while self._refusal is None and (line := self._lines.take()) is not None:
            self._take(line)
        self._gone(orderly=code == 0 and status == QProcess.ExitStatus.NormalExit)

    def _gone(self, orderly: bool = False) -> None:
        """The service has ended; tell everyone who waits, and try again unless it refused."""
        if self._process is not None:
            self._process.deleteLater()
            self._process = None
        self._end_timer.stop()
        self._tick_timer.stop()
        if self._closing:
            self.ended.emit()
            return
        if self._refusal is not None:
            self._set_link(Link("refused", self._refusal.title, self._refusal.advice))
        else:
            if 1000 * (time.monotonic() - self._started_at) > self._timing.proven_ms:
                self._deaths = 0
            waits = self._timing.backoff_ms
            wait_ms = waits[min(self._deaths, len(waits) - 1)]
            self._deaths += 1
            self._restart_timer.start(wait_ms)
            # One that left in order was passing on to a command that has ended.
            self._set_link(
                Link("starting")
                if orderly
                else Link(
                    "lost",
                    tr("Satchel's background service stopped unexpectedly."),
                    tr("It is being started again; nothing of your files is lost."),
                )
            )
        for number in list(self._pending):
            self._fail(number)

    def _fail(self, number: int) -> None:
        pending = self._pending.pop(number, None)
        if pending is None:
            return
        if self._refusal is not None:
            failed = Failed(number, self._refusal.title, self._refusal.advice)
        else:
            failed = Failed(
                number,
                tr("Satchel's background service stopped before it could finish this."),
                tr("It is being started again. Try again in a moment."),
            )
        pending.on_reply(failed)

    def _set_link(self, link: Link) -> None:
        if link != self.link:
            self.link = link
            self.link_changed.emit(link)

    # --- replies ------------------------------------------------------------------------

    def _read(self) -> None:
        if self._process is None:
            return
        try:
            self._lines.feed(bytes(self._process.readAllStandardOutput().data()))
        except LineTooLong:
            self._process.kill()
            return
        if not self._pump_timer.isActive():
            self._pump_timer.start()

    def _pump(self) -> None:
        """Work on what has come, in slices, so that the window stays quick in a flood."""
        until = time.monotonic() + self._timing.slice_ms / 1000
        while (line := self._lines.take()) is not None:
            self._take(line)
            if time.monotonic() > until:
                break
        if len(self._lines):
            self._pump_timer.start()

    def _take(self, line: bytes) -> None:
        try:
            message = heard(decode(line))
        except ProtocolError:
            return
        if isinstance(message, Hello):
            if message.version != PROTOCOL_VERSION:
                self._refuse(
                    Failed(
                        0,
                        tr("Satchel was updated while it was running."),
                        tr("Quit Satchel and start it again."),
                    )
                )
            else:
                self.greeted.emit()
        elif isinstance(message, Raise):
            self.raise_asked.emit()
        elif isinstance(message, State):
            self._first_arguments = []
            self._set_link(Link("ready"))
            self.news.emit(message)
        elif isinstance(message, IndexProgress) and message.id == 0:
            self.news.emit(message)
        elif isinstance(message, Failed) and message.id == 0:
            self._refuse(message)
        elif isinstance(message, Done) and message.id == 0:
            self.open_elsewhere.emit()
        else:
            self._deliver(message)

    def _refuse(self, why: Failed) -> None:
        """The service cannot be used, and trying again by itself would not help."""
        self._refusal = why
        if self._process is not None:
            self._process.closeWriteChannel()

    def _deliver(self, message: Message) -> None:
        number = int(getattr(message, "id", 0))
        pending = self._pending.get(number)
        if pending is None:
            return
        pending.sent_at = time.monotonic()
        if ends(message):
            del self._pending[number]
        pending.on_reply(message)

    def _tick(self) -> None:
        late = time.monotonic() - self._timing.slow_ms / 1000
        for pending in list(self._pending.values()):
            if pending.on_slow is not None and pending.sent_at < late:
                on_slow, pending.on_slow = pending.on_slow, None
                on_slow()
        if not any(pending.on_slow for pending in self._pending.values()):
            self._tick_timer.stop()
