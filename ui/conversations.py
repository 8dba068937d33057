"""The list of kept conversations."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, QPoint, Qt, QTimer, Signal, SignalInstance
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QListView, QMenu, QWidget

from core.messages import ConversationsList, Failed, Message, Report
from ui.client import Asker
from ui.parts import Banner, Look, button, column, label
from ui.results import Index
from ui.tables import rows_of, text_of, whole_of
from ui.text import one_line, shown, tr

ID_ROLE = Qt.ItemDataRole.UserRole + 1
MOST_CHARS = 200
TYPED_MS = 150  # after the last key


@dataclass(frozen=True, slots=True)
class Kept:
    """One conversation as the list shows it."""

    id: int
    title: str
    changed_at: float
    turns: int = 0


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
    rename_asked = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Delete removes the chosen conversation, F2 renames it."""
        if event.key() == Qt.Key.Key_Delete:
            self.delete_asked.emit()
        elif event.key() == Qt.Key.Key_F2:
            self.rename_asked.emit()
        else:
            super().keyPressEvent(event)


class ConversationsPanel(QWidget):
    """Lists what is kept; choosing, beginning and deleting are told to the chat."""

    chosen = Signal(int)
    new_asked = Signal()
    delete_asked = Signal(int)
    rename_asked = Signal(int)
    listed = Signal()

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
        self.view.delete_asked.connect(lambda: self._emit(self.delete_asked))
        self.view.rename_asked.connect(lambda: self._emit(self.rename_asked))
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._offer)
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("Search conversations"))
        self.field.setAccessibleName(tr("Search conversations"))
        self.field.setClearButtonEnabled(True)
        self.field.setMaxLength(MOST_CHARS)
        self.field.textChanged.connect(self._typed)
        self._request = 0
        self._timer = QTimer(self, singleShot=True, interval=TYPED_MS)
        self._timer.timeout.connect(self.reload)
        self.new = button(tr("New conversation"), self.new_asked.emit)
        look.dress(self.new, "plus", "text")
        self.banner = Banner(look)
        self.nothing = label(tr("Your conversations will be kept here."), "small", wrap=True)
        layout = column(self.new, self.field, self.banner, self.nothing, self.view, spacing=10)
        layout.setContentsMargins(14, 18, 10, 14)
        layout.setStretch(4, 1)
        self.setLayout(layout)

    def reload(self) -> None:
        """Ask for the list; what was asked for before is not waited for any more."""
        self._client.cancel(self._request)
        query = " ".join(self.field.text().split())
        self._request = self._client.ask(
            lambda number: ConversationsList(number, query), self._reply
        )

    def kept(self, conversation: int | None) -> Kept | None:
        """What the list says of a conversation."""
        return next((kept for kept in self.model.kept if kept.id == conversation), None)

    def _typed(self) -> None:
        self._timer.start()

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
                    Kept(
                        whole_of(row, "id"),
                        text_of(row, "title"),
                        whole_of(row, "changed_at"),
                        whole_of(row, "turns"),
                    )
                    for row in rows_of(message.body, "conversations")
                ]
            )
            self.select(self.open_id)
            self.nothing.setText(
                tr("No conversation says that.")
                if self.field.text().split()
                else tr("Your conversations will be kept here.")
            )
            self.nothing.setVisible(not self.model.kept)
            self.listed.emit()

    def _choose(self, index: Index) -> None:
        number = index.data(ID_ROLE)
        if isinstance(number, int):
            self.chosen.emit(number)

    def _emit(self, signal: SignalInstance) -> None:
        number = self.view.currentIndex().data(ID_ROLE)
        if isinstance(number, int):
            signal.emit(number)

    def _offer(self, place: QPoint) -> None:
        """The menu of a conversation."""
        if not self.view.indexAt(place).isValid():
            return
        menu = QMenu(self)
        menu.addAction(tr("Rename\tF2"), lambda: self._emit(self.rename_asked))
        menu.addAction(tr("Delete\u2026\tDel"), lambda: self._emit(self.delete_asked))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.view.viewport().mapToGlobal(place))
