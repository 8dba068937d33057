"""The person's last searches on the empty search page: to make again, and to be forgotten."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from core.messages import Failed, Message, Report, SearchesRequest
from ui.client import Asker, Make
from ui.parts import Banner, Look, button, clear, column, icon_button, label, row
from ui.tables import texts_of
from ui.text import one_line, tr
from ui.undo import UndoBar

SHOWN = 5
WIDEST_PX = 440
BESIDE_PX = 90  # what stands beside the words of a line


class RecentList(QWidget):
    """A line for each of the last searches; hidden where there are none or none are kept."""

    chosen = Signal(str)

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._look = look
        self._client = client
        self._searches: tuple[str, ...] = ()
        self.lines: list[QPushButton] = []
        self._list = column(spacing=0)
        self.clear_button = button(tr("Remove all"), self.clear, "quiet")
        self.banner = Banner(look)
        self.undo_bar = UndoBar(look)
        self._head = label(tr("Recent searches"), "small")
        head = row(self._head, 1, self.clear_button)
        self.setLayout(column(head, self._list, self.banner, self.undo_bar, spacing=2))
        self.setMaximumWidth(WIDEST_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.undo_bar.over.connect(self._show_if_any)
        self.hide()

    def reload(self) -> None:
        """Ask for the searches that are kept."""
        self._ask(SearchesRequest)

    def note(self, text: str) -> None:
        """Have a search kept, if any are; that it could not be is not worth a word."""
        if self._searches[:1] != (text,):
            self._client.ask(
                lambda number: SearchesRequest(number, "note", text),
                lambda message: self._show(message) if isinstance(message, Report) else None,
            )

    def remove(self, text: str) -> None:
        """Forget one search; for some seconds that can be undone."""
        said = tr("Forgot “%1”.").replace("%1", one_line(text))
        self._forget(lambda number: SearchesRequest(number, "remove", text), said)

    def clear(self) -> None:
        """Forget them all; for some seconds that can be undone."""
        self._forget(
            lambda number: SearchesRequest(number, "clear"), tr("Forgot all recent searches.")
        )

    def _forget(self, make: Make, said: str) -> None:
        before = self._searches

        def restore() -> None:
            for text in reversed(before):  # the newest is noted last
                self._ask(partial(SearchesRequest, action="note", text=text))

        def replied(message: Message) -> None:
            self._reply(message)
            if isinstance(message, Report):
                self.undo_bar.offer(said, restore)
                self._show_if_any()

        self._client.ask(make, replied)

    def take_focus(self) -> None:
        """Go to the newest."""
        if self.isVisible() and self.lines:
            self.lines[0].setFocus(Qt.FocusReason.TabFocusReason)

    def _ask(self, make: Make) -> None:
        self._client.ask(make, self._reply)

    def _reply(self, message: Message) -> None:
        self.banner.hide()
        if isinstance(message, Failed):
            self.banner.fail(message, self.reload)
        elif isinstance(message, Report):
            self._show(message)

    def _show(self, message: Report) -> None:
        self._searches = tuple(texts_of(message.body, "searches"))
        focused = any(line.hasFocus() for line in self.findChildren(QWidget))
        clear(self._list)
        self.lines = []
        for text in self._searches[:SHOWN]:
            words = one_line(text)
            room = WIDEST_PX - BESIDE_PX
            short = self.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, room)
            line = button(short.replace("&", "&&"), partial(self.chosen.emit, text), "plain")
            line.setMinimumWidth(1)
            line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            line.setAccessibleName(tr("Search again for %1").replace("%1", words))
            self._look.dress(line, "search", "muted")
            name = tr("Forget the search for %1").replace("%1", words)
            away = icon_button(self._look, "close", name, partial(self.remove, text))
            away.setToolTip(tr("Forget this search"))
            whole = row(line, away, spacing=4)
            whole.setStretch(0, 1)
            self._list.addLayout(whole)
            self.lines.append(line)
        self._show_if_any()
        if focused:
            self.take_focus()

    def _show_if_any(self) -> None:
        """Show the list while there is something in it, or something to bring back."""
        for part in (self._head, self.clear_button):
            part.setVisible(bool(self._searches))
        self.setVisible(bool(self._searches) or not self.undo_bar.isHidden())
