"""What was just removed can come back: told in place for some seconds, with a way to undo it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer, Signal

from ui.parts import Banner, Look
from ui.text import tr

UNDO_S = 10.0
LATE_S = 5.0  # how much later an undo that was pressed in time may reach the service


class UndoBar(Banner):
    """Says what is gone. It takes the focus, which was on what is gone, and hides by itself."""

    over = Signal()  # what is gone stays gone

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self._time = QTimer(self, singleShot=True, interval=round(1000 * UNDO_S))
        self._time.timeout.connect(self.hide)
        self._time.timeout.connect(self.over)

    def offer(self, title: str, undo: Callable[[], None], advice: str = "") -> None:
        """Say that something is removed, and how to have it back."""
        self.tell(title, advice, "info", tr("Undo"), undo)
        self.focus_action()
        self._time.start()
