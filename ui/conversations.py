"""The list of kept conversations."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QListView, QWidget

from core.messages import ConversationsList, Failed, Message, Report
from ui.client import Asker
from ui.parts import Banner, Look, button, column, label
from ui.results import Index
from ui.tables import rows_of, text_of, whole_of
from ui.text import one_line, shown, tr

ID_ROLE = Qt.ItemDataRole.UserRole + 1


@dataclass(frozen=True, slots=True)
class Kept:
    """One conversation as the list shows it."""

    id: int
    title: str
    changed_at: float


class ConversationsModel(QAbstractListModel):
    """Conversations, newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: Sequence[Kept] = ()

    def show(self, kept: Sequence[Kept]) -> None:
        """Replace the list."""
        self.beginResetModel()
        self.kept = kept
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802 - Qt's name
        """How many there are."""
        return 0 if parent is not None and parent.isValid() else len(self.kept)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """A title for the list; title and day for screen readers."""
        if not index.isValid() or index.row() >= len(self.kept):
            return None
        kept = self.kept[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return shown(one_line(kept.title)) or tr("Untitled")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            day = time.strftime("%Y-%m-%d", time.localtime(kept.changed_at))
            return f"{shown(one_line(kept.title))}, {day}"
        if role == ID_ROLE:
            return kept.id
        return None


class _List(QListView):
    delete_asked = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Delete removes the chosen conversation."""
        if event.key() == Qt.Key.Key_Delete:
            self.delete_asked.emit()
        else:
            super().keyPressEvent(event)


class ConversationsPanel(QWidget):
    """Lists what is kept; choosing, beginning and deleting are told to the chat."""

    chosen = Signal(int)
    new_asked = Signal()
    delete_asked = Signal(int)

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._client = client
        self.open_id: int | None = None
        self.model = ConversationsModel()
        self.view = _List()
        self.view.setProperty("role", "list")
        self.view.setModel(self.model)
        self.view.setAccessibleName(tr("Conversations"))
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.view.setUniformItemSizes(True)
        self.view.clicked.connect(self._choose)
        self.view.activated.connect(self._choose)
        self.view.delete_asked.connect(self._delete)
        self.new = button(tr("New conversation"), self.new_asked.emit)
        look.dress(self.new, "plus", "text")
        self.banner = Banner(look)
        self.nothing = label(tr("Your conversations will be kept here."), "small", wrap=True)
        layout = column(self.new, self.banner, self.nothing, self.view, spacing=10)
        layout.setContentsMargins(14, 18, 10, 14)
        layout.setStretch(3, 1)
        self.setLayout(layout)

    def reload(self) -> None:
        """Ask for the list."""
        self._client.ask(ConversationsList, self._reply)

    def select(self, conversation: int | None) -> None:
        """Mark the conversation that is open."""
        self.open_id = conversation
        for at, kept in enumerate(self.model.kept):
            if kept.id == conversation:
                self.view.setCurrentIndex(self.model.index(at))
                return
        self.view.clearSelection()
        self.view.selectionModel().clearCurrentIndex()

    def _reply(self, message: Message) -> None:
        if isinstance(message, Failed):
            self.banner.fail(message, self.reload)
        elif isinstance(message, Report):
            self.banner.hide()
            self.model.show(
                [
                    Kept(whole_of(row, "id"), text_of(row, "title"), whole_of(row, "changed_at"))
                    for row in rows_of(message.body, "conversations")
                ]
            )
            self.select(self.open_id)
            self.nothing.setVisible(not self.model.kept)

    def _choose(self, index: Index) -> None:
        number = index.data(ID_ROLE)
        if isinstance(number, int):
            self.chosen.emit(number)

    def _delete(self) -> None:
        number = self.view.currentIndex().data(ID_ROLE)
        if isinstance(number, int):
            self.delete_asked.emit(number)
