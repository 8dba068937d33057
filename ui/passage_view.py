"""A passage in the text around it, set off by its ground."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit

from core.messages import PreviewText
from ui.parts import Look
from ui.text import tame, tr, utf16


class PassageView(QPlainTextEdit):
    """Plain text that can be selected and copied, and not changed."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._range = (0, 0)
        self.setReadOnly(True)
        self.setProperty("role", "document")
        self.setAccessibleName(tr("The passage in its surroundings"))
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        look.changed.connect(self._mark)

    def show_passage(self, message: PreviewText) -> None:
        """Show a text with its passage marked, in the middle of the view."""
        text = tame(message.text)
        self.setPlainText(text)
        self._range = (utf16(text, message.start), utf16(text, message.end))
        self._mark()
        cursor = self.textCursor()
        for at in reversed(self._range):
            cursor.setPosition(min(at, self._length()))
            self.setTextCursor(cursor)
        self.centerCursor()

    def _length(self) -> int:
        return self.document().characterCount() - 1

    def _mark(self) -> None:
        """Set the passage off from what surrounds it."""
        start, end = (min(at, self._length()) for at in self._range)
        mark = QTextEdit.ExtraSelection()
        cursor = QTextCursor(self.document())
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        style = QTextCharFormat()
        style.setBackground(QColor(self._look.theme.colours.accent_soft))
        mark.cursor = cursor
        mark.format = style
        self.setExtraSelections([mark] if end > start else [])
