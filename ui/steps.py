"""From result to result without leaving the preview."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from ui.parts import Look, icon_button, label, row
from ui.text import count_text, tr


class HitSteps(QWidget):
    """Which of how many results is shown, with a way to the next and back. Hidden until told."""

    stepped = Signal(int)  # to the next result (1) or the one before (-1)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.back = icon_button(
            look, "left", tr("Previous result (Shift+F3)"), lambda: self.stepped.emit(-1)
        )
        self.on = icon_button(look, "right", tr("Next result (F3)"), lambda: self.stepped.emit(1))
        self.number = label(role="small")
        self.setLayout(row(self.back, self.number, self.on, spacing=4))
        ways = (("F3", 1, tr("Next result")), ("Shift+F3", -1, tr("Previous result")))
        for keys, steps, does in ways:
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setObjectName(does)  # on the sheet of keys
            shortcut.activated.connect(lambda steps=steps: self.stepped.emit(steps))
        self.hide()

    def show_position(self, at: int, total: int) -> None:
        """The result `at` (from 1) of `total` is shown; none of a list where that is 0."""
        self.setVisible(total > 1)
        text = tr("%1 of %2").replace("%1", count_text(at))
        self.number.setText(text.replace("%2", count_text(total)))
        self.number.setAccessibleName(tr("Result %1").replace("%1", self.number.text()))
        self.back.setEnabled(at > 1)
        self.on.setEnabled(at < total)
