"""The turns of the branch that is shown, below each other, and where the reader is in them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QWidget

from ui.parts import clear, column, label, row
from ui.turn import TurnView

WIDEST = 860
NEAR_END_PX = 24


class TurnList(QScrollArea):
    """Follows what is written at its end, until the reader goes elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[TurnView] = []
        self.following = True
        self._layout = column(spacing=8)
        self._layout.setContentsMargins(26, 16, 26, 8)
        inner = QWidget()
        inner.setProperty("ground", "none")
        middle = QWidget()
        middle.setProperty("ground", "none")
        middle.setMaximumWidth(WIDEST)
        middle.setLayout(column(self._layout, 1))
        inner.setLayout(row(middle))
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(inner)
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(self._follow)
        bar.sliderMoved.connect(self._note_place)
        bar.actionTriggered.connect(self._note_place)

    def add(self, turn: TurnView) -> None:
        """Show a turn as the last one."""
        self.turns.append(turn)
        self._layout.addWidget(turn)

    def say(self, text: str) -> None:
        """Say something where the next turn will be."""
        self._layout.addWidget(label(text, "small", wrap=True))

    def leave_out(self, first: int) -> None:
        """Show no more of the turns from this one on."""
        for turn in self.turns[first:]:
            self._layout.removeWidget(turn)
            turn.hide()
            turn.deleteLater()
        del self.turns[first:]

    def empty(self) -> None:
        """Show nothing."""
        self.turns.clear()
        clear(self._layout)

    def bring(self, turn: TurnView) -> None:
        """Scroll to a turn."""
        if turn in self.turns:
            self.verticalScrollBar().setValue(turn.y())

    def scroll_by(self, steps: int) -> None:
        """Scroll by fifths of a page."""
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + steps * bar.pageStep() // 5)
        self._note_place()

    def _note_place(self) -> None:
        bar = self.verticalScrollBar()
        self.following = bar.sliderPosition() >= bar.maximum() - NEAR_END_PX

    def _follow(self) -> None:
        if self.following:
            bar = self.verticalScrollBar()
            bar.setValue(bar.maximum())
