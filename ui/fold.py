"""A line that folds something away."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from ui.parts import Look, button, column


class Fold(QWidget):
    """A heading with an arrow; what is under it is shown or hidden with each press."""

    opened = Signal()

    def __init__(self, look: Look, name: str, content: QWidget) -> None:
        super().__init__()
        self._look = look
        self._content = content
        self.head = button(name, lambda: self.open(self._content.isHidden()), "plain")
        self.head.setCheckable(True)
        content.hide()
        self.setLayout(column(self.head, content, spacing=4))
        look.changed.connect(self._dress)
        self._dress()

    def open(self, wanted: bool = True) -> None:
        """Show what is folded away, or hide it."""
        self._content.setVisible(wanted)
        self._dress()
        if wanted:
            self.opened.emit()

    def _dress(self) -> None:
        shown = not self._content.isHidden()
        self.head.setChecked(shown)
        arrow = self._look.icons.icon(
            "unfolded" if shown else "right", self._look.theme.colours.muted, 14, 4
        )
        self.head.setIcon(arrow)
