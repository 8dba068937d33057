"""An answer as it is written and as it was checked: words, tables and code below each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QWidget

from ui.answer_text import CodePart, Prose, Spans, TablePart, Words
from ui.markdown import Block, blocks
from ui.parts import Look, column
from ui.text import tame

FLUSH_MS = 40
_UNFINISHED = re.compile(r"\[\d{0,3}$")

Part = Prose | TablePart | CodePart
_KINDS: dict[str, type[Part]] = {"code": CodePart, "table": TablePart}


class AnswerView(QWidget):
    """The whole of an answer. What stands there stays there while more is written after it."""

    cited = Signal(int)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setProperty("ground", "none")
        self._look = look
        self._waiting = ""
        self._whole = ""
        self._known: frozenset[int] = frozenset()
        self._unsupported: Spans = ()
        self._blocks: list[Block] = []
        self.parts: list[Part] = []
        self._layout = column(spacing=8)
        self.setLayout(self._layout)
        self._timer = QTimer(self, singleShot=True, interval=FLUSH_MS)
        self._timer.timeout.connect(self.flush)
        look.changed.connect(self._redraw)

    def know(self, numbers: Sequence[int]) -> None:
        """The sources that [n] may lead to."""
        known = frozenset(numbers)
        if known != self._known:
            self._known = known
            self._redraw()

    def add(self, piece: str) -> None:
        """Take the next piece; pieces are drawn together, a few times a second."""
        self._waiting += piece
        if not self._timer.isActive():
            self._timer.start()

    def flush(self) -> None:
        """Draw what waits, but for the beginning of a citation that is not whole yet."""
        unfinished = _UNFINISHED.search(self._waiting)
        cut = unfinished.start() if unfinished else len(self._waiting)
        ready, self._waiting = self._waiting[:cut], self._waiting[cut:]
        self._whole += ready
        shown = tame(self._whole)
        # All blocks but the last stay what they are.
        begun = self._blocks[-1].start if self._blocks else 0
        self._blocks = [*self._blocks[:-1], *blocks(shown, begun)]
        self._draw()

    def put(self, text: str, unsupported: Sequence[tuple[int, int]] = ()) -> None:
        """Show this text instead of what was there; ranges without support are underlined."""
        self._timer.stop()
        self._waiting, self._whole = "", text
        self._unsupported = tuple(unsupported)
        self._blocks = blocks(tame(text))
        self._draw()

    def text(self) -> str:
        """What is shown, as it was written."""
        return self._whole

    def _redraw(self) -> None:
        for part in self.parts:
            if isinstance(part, Words):
                part.know(self._known)
            part.forget_drawn()
        self._draw()

    def _draw(self) -> None:
        groups = [list(group) for _, group in groupby(enumerate(self._blocks), _together)]
        for number, group in enumerate(groups):
            shown = [block for _, block in group]
            kind = _KINDS.get(shown[0].kind, Prose)
            if number < len(self.parts) and type(self.parts[number]) is not kind:
                self._drop(number)
            if number == len(self.parts):
                self._begin(kind)
            self.parts[number].show_blocks(shown, self._unsupported)
        self._drop(len(groups))

    def _begin(self, kind: type[Part]) -> None:
        made = kind(self._look)
        if isinstance(made, Words):
            made.know(self._known)
            made.cited.connect(self.cited)
        self.parts.append(made)
        self._layout.addWidget(made)

    def _drop(self, first: int) -> None:
        """Let go of the parts from a number on."""
        for part in self.parts[first:]:
            self._layout.removeWidget(part)
            part.hide()
            part.deleteLater()
        del self.parts[first:]


def _together(numbered: tuple[int, Block]) -> int:
    """Words stay together; each table and each code is alone."""
    number, block = numbered
    return number if block.kind in ("code", "table") else -1
