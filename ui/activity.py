"""What the service does in the background: watched here once, shown in several places."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QObject, Signal

from core.messages import Failed, Index, IndexProgress, Message, Pause, State, Subscribe
from ui.client import Client, Link
from ui.text import spoken, tr

Doing = Literal["starting", "idle", "indexing", "paused", "attention", "lost", "stopped"]

PAUSED = "paused "  # before the reason of a pause that the service made: "paused because ..."
SHOWN_PHASES = ("scanning", "indexing", "levelling")


class Activity(QObject):
    """Keeps indexing going and knows its state; `changed` follows every change of it."""

    changed = Signal()
    settled = Signal()  # the index or the folders may have changed: look again

    def __init__(self, client: Client, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self.doing: Doing = "starting"
        self.reason: str | None = None
        self.progress: IndexProgress | None = None
        self.failed: Failed | None = None
        client.news.connect(self._event)
        client.started.connect(self.begin)
        client.link_changed.connect(self._link)

    def begin(self) -> None:
        """Ask the service for news, and to bring the index up to date and keep it so."""
        self.failed = None
        self.changed.emit()
        self._client.ask(Subscribe, lambda _: None)
        self._client.ask(lambda number: Index(number, watch=True), self._index_reply)

    def pause(self, paused: bool, for_s: float | None = None) -> None:
        """Hold indexing, for a while or until it is resumed, or let it go on."""
        self._client.ask(lambda number: Pause(number, paused, for_s), self._pause_reply)

    @property
    def paused(self) -> bool:
        """Whether the person has paused indexing."""
        return self.doing == "paused"

    def headline(self) -> str:
        """The state in a few words."""
        if self.failed is not None:
            return self.failed.title
        if self.doing == "indexing" and self.progress is not None and self.progress.files_total:
            share = 100 * self.progress.files_done // max(1, self.progress.files_total)
            moving = self.progress.phase == "levelling"
            text = tr("Coming to another level, %1 %") if moving else tr("Indexing, %1 %")
            return text.replace("%1", str(share))
        return {
            "starting": tr("Starting…"),
            "idle": tr("Up to date"),
            "indexing": tr("Looking for changes…"),
            "paused": tr("Paused"),
            "attention": tr("Needs attention"),
            "lost": tr("Restarting…"),
            "stopped": tr("Not running"),
        }[self.doing]

    def because(self) -> str:
        """Why, as it goes on from the headline; empty when there is nothing to add.

        Who has paused it themselves is not told so; what the service paused says why.
        """
        if self.doing != "paused" or self.reason is None:
            return spoken(self.reason or "")
        return spoken(self.reason).removeprefix(PAUSED) if self.reason.startswith(PAUSED) else ""

    def statement(self) -> str:
        """The state in one line, a pause with its reason."""
        paused = self.doing == "paused" and self.failed is None
        because = self.because() if paused else ""
        if not because:
            return self.headline()
        return tr("%1 %2").replace("%1", self.headline()).replace("%2", because)

    def _event(self, message: Message) -> None:
        if isinstance(message, State):
            was = self.doing
            self.doing, self.reason = message.state, message.reason
            if message.state != "indexing":
                self.progress = None
            self.changed.emit()
            if was != self.doing:
                self.settled.emit()
        elif isinstance(message, IndexProgress):
            self.progress = message if message.phase in SHOWN_PHASES else None
            self.changed.emit()
            if message.phase == "watching":
                self.settled.emit()

    def _link(self, link: Link) -> None:
        if link.state == "starting":
            self.doing, self.progress = "starting", None
        elif link.state != "ready":
            self.doing = "stopped" if link.state == "refused" else "lost"
            self.progress = None
        self.reason = None
        self.changed.emit()

    def _index_reply(self, message: Message) -> None:
        if isinstance(message, Failed) and self._client.link.state == "ready":
            self.failed = message
            self.changed.emit()

    def _pause_reply(self, message: Message) -> None:
        if isinstance(message, Failed):
            self.reason = message.title
            self.changed.emit()
