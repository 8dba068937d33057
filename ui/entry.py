"""The field for queries and questions."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

MOST_CHARS = 4000
_MOVES = {
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_PageDown: 5,
    Qt.Key.Key_PageUp: -5,
}


class EntryField(QLineEdit):
    """One line of text; what is too long is cut, and `shortened` tells.

    Up and Down move the selection of the results below without leaving the field.
    """

    shortened = Signal()
    asked = Signal()  # Ctrl+Enter
    entered = Signal()  # Enter
    moved = Signal(int)

    def __init__(self, name: str, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "entry")
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.setMaxLength(MOST_CHARS)
        self.inputRejected.connect(self.shortened)

    def words(self) -> str:
        """What was typed, on one line, without space around it."""
        return " ".join(self.text().split())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Enter, Ctrl+Enter and the arrows mean something here."""
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            (self.asked if control else self.entered).emit()
        elif key in _MOVES:
            self.moved.emit(_MOVES[Qt.Key(key)])
        else:
            super().keyPressEvent(event)
