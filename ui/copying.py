"""Putting a file's path, or a passage with its source, on the clipboard."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication

from core.messages import Failed, FileFailed, Message, Preview, PreviewText
from ui.client import Asker, Make
from ui.parts import Banner
from ui.target import Target, quote_with_source, writable
from ui.text import tr

TOLD_MS = 2500  # how long it is said that something was copied


def text_request(target: Target) -> Make:
    """Makes the request for the text around a place."""
    return lambda number: Preview(
        number,
        target.path,
        target.start,
        target.end,
        quote=target.quote,
        locator=target.locator if target.quote is not None else None,
    )


class Copier:
    """Copies, and says so in a banner; a passage that was not read yet is asked for first."""

    def __init__(self, client: Asker, banner: Banner) -> None:
        self._client = client
        self._banner = banner
        self._known: tuple[Target, str] | None = None
        self._wanted: Target | None = None

    def know(self, target: Target, message: PreviewText) -> None:
        """The words of a passage have come."""
        self._known = (target, message.text[message.start : message.end])

    def copy_path(self, target: Target) -> None:
        """Copy the path as it is."""
        self._copy(writable(target.path), tr("The path is copied."))

    def copy_quote(self, target: Target) -> None:
        """Copy the passage with its source."""
        if self._known is not None and self._known[0] == target:
            words = quote_with_source(self._known[1], target)
            self._copy(words, tr("The quote and its source are copied."))
        else:
            self._wanted = target
            self._client.ask(text_request(target), lambda message: self._reply(target, message))

    def _reply(self, target: Target, message: Message) -> None:
        if target != self._wanted:
            return
        self._wanted = None
        if isinstance(message, PreviewText):
            self.know(target, message)
            self.copy_quote(target)
        elif isinstance(message, (Failed, FileFailed)):
            why = message.title if isinstance(message, Failed) else message.reason
            self._banner.tell(tr("The passage cannot be copied."), why, "error")

    def _copy(self, text: str, said: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self._banner.tell(said)
        QTimer.singleShot(TOLD_MS, self._banner, lambda: self._untell(said))

    def _untell(self, said: str) -> None:
        if self._banner.accessibleName() == said:
            self._banner.hide()
