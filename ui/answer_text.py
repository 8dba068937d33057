"""The words of an answer, and those of a file that answer before it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QColor, QFont, QTextBlockFormat, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QTextBrowser

from core.messages import Citation
from ui.parts import Look, button, column, label, row
from ui.text import one_line, tame, tr

FLUSH_MS = 40
LINE_PERCENT = 135
_CITED = re.compile(r"\[(\d{1,3})\]")
_UNFINISHED = re.compile(r"\[\d{0,3}$")


class AnswerText(QTextBrowser):
    """The words of an answer, as plain text; only its [n] are links, and they stay inside."""

    cited = Signal(int)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._waiting = ""
        self._whole = ""
        self._known: frozenset[int] = frozenset()
        self._unsupported: tuple[tuple[int, int], ...] = ()
        self.setProperty("role", "answer")
        self.setAccessibleName(tr("Answer"))
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setUndoRedoEnabled(False)
        self.document().setDocumentMargin(2)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self.anchorClicked.connect(self._clicked)
        self._timer = QTimer(self, singleShot=True, interval=FLUSH_MS)
        self._timer.timeout.connect(self.flush)
        look.changed.connect(self._redraw)

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: ARG002, N802
        """Nothing is ever fetched for an answer."""
        return None

    def know(self, numbers: Sequence[int]) -> None:
        """The sources that [n] may lead to."""
        self._known = frozenset(numbers)

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
        self._draw(ready)

    def put(self, text: str, unsupported: Sequence[tuple[int, int]] = ()) -> None:
        """Show this text instead of what was there; ranges without support are underlined."""
        self._timer.stop()
        self._waiting = self._whole = ""
        self._unsupported = tuple(unsupported)
        self.clear()
        self._draw(text)

    def text(self) -> str:
        """What is shown."""
        return self._whole

    def _redraw(self) -> None:
        self.put(self._whole + self._waiting, self._unsupported)

    def _draw(self, text: str) -> None:
        begun = len(self._whole)
        self._whole += text
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        plain = QTextCharFormat()
        plain.setForeground(QColor(self._look.theme.colours.text))
        at = 0
        cursor.beginEditBlock()
        spaced = QTextBlockFormat()
        spaced.setLineHeight(
            LINE_PERCENT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value
        )
        cursor.mergeBlockFormat(spaced)
        for found in _CITED.finditer(text):
            self._insert(cursor, begun + at, begun + found.start(), plain)
            number = int(found.group(1))
            cursor.insertText(found.group(), self._link(number) if number in self._known else plain)
            at = found.end()
        self._insert(cursor, begun + at, len(self._whole), plain)
        cursor.endEditBlock()

    def _insert(self, cursor: QTextCursor, at: int, end: int, plain: QTextCharFormat) -> None:
        """Draw a part of the whole text, what has no support in it underlined."""
        doubtful = QTextCharFormat(plain)
        doubtful.setForeground(QColor(self._look.theme.colours.muted))
        doubtful.setUnderlineStyle(QTextCharFormat.UnderlineStyle.DotLine)
        doubtful.setToolTip(tr("No passage in your files supports this."))
        for start, stop in self._unsupported:
            if at < stop and start < end:
                cursor.insertText(tame(self._whole[at : max(at, start)]), plain)
                cursor.insertText(tame(self._whole[max(at, start) : min(stop, end)]), doubtful)
                at = min(stop, end)
        cursor.insertText(tame(self._whole[at:end]), plain)

    def _link(self, number: int) -> QTextCharFormat:
        style = QTextCharFormat()
        style.setAnchor(True)
        style.setAnchorHref(f"cite:{number}")
        style.setForeground(QColor(self._look.theme.colours.accent_strong))
        style.setBackground(QColor(self._look.theme.colours.accent_soft))
        style.setFontWeight(QFont.Weight.DemiBold)
        return style

    def _clicked(self, url: QUrl) -> None:
        number = url.path()
        if url.scheme() == "cite" and number.isdecimal():
            self.cited.emit(int(number))

    def _fit(self) -> None:
        height = round(self.document().size().height()) + 6
        if height != self.height():
            self.setFixedHeight(height)


class ExtractCard(QFrame):
    """The words of a file that answer most likely, shown before the model has begun."""

    chosen = Signal(int)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setProperty("card", "true")
        self._n = 0
        self.quote = ""
        self._text = label("", wrap=True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._open = button(tr("Open"), lambda: self.chosen.emit(self._n), "plain")
        look.dress(self._open, "open", "muted")
        head = row(label(tr("From your files"), "small"), 1, self._open, spacing=8)
        inside = column(head, self._text, spacing=4)
        inside.setContentsMargins(14, 8, 10, 12)
        self.setLayout(inside)
        self.hide()

    def tell(self, extract: Citation) -> None:
        """Show the words of a passage as they are."""
        self._n, self.quote = extract.n, one_line(extract.quote)
        self._text.setText(f"\u201c{self.quote}\u201d [{extract.n}]")
        self.setAccessibleName(f"{tr('From your files')}: {self.quote}")
        self.show()
