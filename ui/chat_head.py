"""The head of an open conversation: its title, changed in place; export; deletion for good."""

from __future__ import annotations

import re
from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget

from core.messages import (
    ConversationDelete,
    ConversationExport,
    ConversationRename,
    Failed,
    Message,
    Report,
)
from ui.client import Asker
from ui.parts import Banner, Look, button, column, row
from ui.tables import text_of
from ui.text import counted, one_line, shown, tr
from ui.turn_parts import wants_escape

TITLE_CHARS = 80  # as many as are kept
_NO_NAME = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')


class _Title(QLineEdit):
    """A title that can be written over; Escape and leaving it empty take it back."""

    given = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.kept = ""
        self.setProperty("role", "title")
        self.setAccessibleName(tr("Title of the conversation"))
        self.setToolTip(tr("Write another title and press Enter"))
        self.setMaxLength(TITLE_CHARS)
        self.returnPressed.connect(self._give)

    def put(self, title: str) -> None:
        """The title as it is kept."""
        self.kept = one_line(title)
        self.setText(self.kept)
        self.setCursorPosition(0)

    def event(self, event: QEvent) -> bool:
        """Escape is for this field while there is something to take back."""
        changed = self.text() != self.kept
        return (changed and wants_escape(event)) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Escape takes back what was written."""
        if event.key() == Qt.Key.Key_Escape and self.text() != self.kept:
            self.setText(self.kept)
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """What was written is the title, also without Enter."""
        super().focusOutEvent(event)
        self._give()

    def _give(self) -> None:
        title = " ".join(self.text().split())
        if not title:
            self.setText(self.kept)
        elif title != self.kept:
            self.kept = title
            self.given.emit(title)


class ChatHead(QWidget):
    """What can be done with the whole of a conversation."""

    renamed = Signal()
    deleted = Signal(int)

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self.setProperty("ground", "none")
        self._client = client
        self.conversation: int | None = None
        self.turns = 0
        self.title = _Title()
        self.title.given.connect(self._rename)
        self.export_button = button(tr("Export\u2026"), self.export, "quiet")
        self.delete_button = button(tr("Delete\u2026"), self._ask_to_delete, "quiet")
        look.dress(self.export_button, "reveal", "muted")
        look.dress(self.delete_button, "trash", "muted")
        self.export_button.setToolTip(tr("Write it to a Markdown file"))
        self.banner = Banner(look)
        line = row(self.title, self.export_button, self.delete_button, spacing=4)
        line.setStretch(0, 1)
        layout = column(line, self.banner, spacing=8)
        layout.setContentsMargins(18, 10, 18, 4)
        self.setLayout(layout)
        self._line = (self.title, self.export_button, self.delete_button)
        self.show_for(None)

    def show_for(self, conversation: int | None, title: str = "") -> None:
        """Be the head of this conversation."""
        if conversation != self.conversation:
            self.banner.hide()
        self.conversation = conversation
        self.title.put(title)
        for part in self._line:
            part.setVisible(conversation is not None)
        self._show()

    def know_title(self, title: str) -> None:
        """The title as the list has it, unless another one is being written."""
        if title and not self.title.hasFocus():
            self.title.put(title)

    def edit_title(self) -> None:
        """Let the title be written over."""
        self.title.setFocus()
        self.title.selectAll()

    def _show(self) -> None:
        self.setVisible(self.conversation is not None or not self.banner.isHidden())

    # --- its title ------------------------------------------------------------------------

    def _rename(self, title: str) -> None:
        conversation = self.conversation
        if conversation is None:
            return

        def reply(message: Message) -> None:
            if isinstance(message, Failed):
                self._fail(message, lambda: self._rename(title))
            elif isinstance(message, Report):
                if conversation == self.conversation:
                    self.know_title(text_of(message.body, "title"))
                self.renamed.emit()

        self._client.ask(lambda number: ConversationRename(number, conversation, title), reply)

    # --- export ---------------------------------------------------------------------------

    def export(self) -> None:
        """Ask for a file, and have the conversation written to it."""
        if self.conversation is not None:
            name = file_name(self.title.kept)
            path, _ = QFileDialog.getSaveFileName(
                self, tr("Export the conversation"), name, tr("Markdown (*.md)")
            )
            if path:
                self.export_to(path)

    def export_to(self, path: str) -> None:
        """Have the conversation written to a file, for which the dialog has asked."""
        conversation = self.conversation
        if conversation is None:
            return

        def reply(message: Message) -> None:
            if isinstance(message, Failed):
                self._fail(message, lambda: self.export_to(path))
            else:
                self.banner.tell(tr("Exported."), shown(path))
                self._show()

        self._client.ask(
            lambda number: ConversationExport(number, conversation, path, replace=True), reply
        )

    # --- deletion -------------------------------------------------------------------------

    def _ask_to_delete(self) -> None:
        if self.conversation is not None:
            self.ask_to_delete(self.conversation, self.title.kept, self.turns)

    def ask_to_delete(self, conversation: int, title: str, turns: int) -> None:
        """Ask in place before a conversation goes for good."""
        what = (
            counted(turns, tr("1 question"), tr("%1 questions")) if turns else tr("Its questions")
        )
        gone = tr(
            "%1 with all versions of the answers, and what the model kept of them, are removed "
            "for good. Your files stay."
        ).replace("%1", what)
        asked = tr("Delete \u201c%1\u201d?").replace("%1", one_line(title) or tr("Untitled"))
        self.banner.tell(
            asked,
            gone,
            "question",
            tr("Delete"),
            lambda: self._delete(conversation),
            tr("Keep"),
            self._show,
        )
        self._show()

    def _delete(self, conversation: int) -> None:
        def reply(message: Message) -> None:
            if isinstance(message, Failed):
                self._fail(message, lambda: self._delete(conversation))
            else:
                self.deleted.emit(conversation)

        self._client.ask(lambda number: ConversationDelete(number, conversation), reply)
        self._show()

    def _fail(self, failed: Failed, retry: Callable[[], None]) -> None:
        self.banner.fail(failed, retry)
        self._show()


def file_name(title: str) -> str:
    """A name for the file of a conversation that every system takes."""
    name = _NO_NAME.sub(" ", title).strip(" .")[:60].rstrip(" .")
    # Windows has names of devices that no file may have (CON, COM1.md); they are short.
    if len(name.partition(".")[0].strip()) < 5:
        name = f"{tr('Conversation')} {name}".strip()
    return f"{name}.md"
