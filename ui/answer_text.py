"""Parts of an answer: its words, its tables and its code; and words of a file before it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QGuiApplication,
    QShowEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
    QTextLength,
    QTextTableFormat,
)
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QTextBrowser

from core.messages import Citation
from ui.markdown import Block, Run
from ui.parts import Look, button, column, label, row
from ui.text import one_line, tr

LINE_PERCENT = 135
INDENT_PX = 22
_CITED = re.compile(r"\[(\d{1,3})\]")
_SIDES = {
    "left": Qt.AlignmentFlag.AlignLeft,
    "center": Qt.AlignmentFlag.AlignHCenter,
    "right": Qt.AlignmentFlag.AlignRight,
}

Spans = tuple[tuple[int, int], ...]


def touching(spans: Spans, block: Block) -> Spans:
    """The spans that have a part in a block."""
    return tuple(span for span in spans if span[0] < block.end and block.start < span[1])


class Words(QTextBrowser):
    """Words of an answer, as tall as they are; only its [n] are links, and they stay inside."""

    cited = Signal(int)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._known: frozenset[int] = frozenset()
        self._drawn: list[tuple[Block, Spans]] = []
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

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: ARG002, N802
        """Nothing is ever fetched for an answer."""
        return None

    def know(self, known: frozenset[int]) -> None:
        """The sources that [n] may lead to, from what is drawn next on."""
        self._known = known

    def forget_drawn(self) -> None:
        """Draw everything anew the next time."""
        self.clear()
        self._drawn = []

    def _insert(self, cursor: QTextCursor, run: Run, spans: Spans, bold: bool = False) -> None:
        """Draw a run: its citations as links, what has no support in it underlined."""
        base = self._plain(run, bold)
        at = 0
        for found in () if run.code else _CITED.finditer(run.text):
            self._insert_words(cursor, run, at, found.start(), spans, base)
            number = int(found.group(1))
            cursor.insertText(found.group(), self._link(number) if number in self._known else base)
            at = found.end()
        self._insert_words(cursor, run, at, len(run.text), spans, base)

    def _insert_words(
        self, cursor: QTextCursor, run: Run, at: int, end: int, spans: Spans, base: QTextCharFormat
    ) -> None:
        doubtful = QTextCharFormat(base)
        doubtful.setForeground(QColor(self._look.theme.colours.muted))
        doubtful.setUnderlineStyle(QTextCharFormat.UnderlineStyle.DotLine)
        doubtful.setToolTip(tr("No passage in your files supports this."))
        for span in spans:
            start, stop = span[0] - run.start, span[1] - run.start
            if at < stop and start < end:
                cursor.insertText(run.text[at : max(at, start)], base)
                cursor.insertText(run.text[max(at, start) : min(stop, end)], doubtful)
                at = min(stop, end)
        cursor.insertText(run.text[at:end], base)

    def _plain(self, run: Run, bold: bool = False) -> QTextCharFormat:
        style = QTextCharFormat()
        style.setForeground(QColor(self._look.theme.colours.text))
        if run.bold or bold:
            style.setFontWeight(QFont.Weight.DemiBold)
        if run.italic:
            style.setFontItalic(True)
        if run.code:
            families = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).families()
            style.setFontFamilies(families)
            style.setBackground(QColor(self._look.theme.colours.sunken))
        return style

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


class Prose(Words):
    """Paragraphs, headings, lists and quotes. Only what is new of them is laid out."""

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self._places: list[int] = []

    def forget_drawn(self) -> None:
        """Draw everything anew the next time."""
        super().forget_drawn()
        self._places = []

    def show_blocks(self, shown: Sequence[Block], spans: Spans) -> None:
        """Show these blocks, from the first one on that is not as it was drawn."""
        wanted = [(block, touching(spans, block)) for block in shown]
        same = 0
        while same < min(len(wanted), len(self._drawn)) and wanted[same] == self._drawn[same]:
            same += 1
        if same == len(wanted) == len(self._drawn):
            return
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        if same == len(self._drawn) - 1 and same < len(wanted):
            grown = _grown(*self._drawn[same], *wanted[same])
            if grown is not None:
                cursor.movePosition(QTextCursor.MoveOperation.End)
                heading = wanted[same][0].kind == "heading"
                for run in grown:
                    self._insert(cursor, run, wanted[same][1], heading)
                self._drawn[same] = wanted[same]
                same += 1
        if same < len(self._drawn):
            cursor.setPosition(self._places[same])
            cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
            del self._drawn[same:], self._places[same:]
        for block, marked in wanted[same:]:
            self._draw(cursor, block, marked)
        cursor.endEditBlock()

    def _draw(self, cursor: QTextCursor, block: Block, spans: Spans) -> None:
        cursor.movePosition(QTextCursor.MoveOperation.End)
        self._places.append(cursor.position())
        style, plain = self._block_style(block), QTextCharFormat()
        if len(self._drawn):
            cursor.insertBlock(style, plain)
        else:
            cursor.setBlockFormat(style)
            cursor.setBlockCharFormat(plain)
        self._drawn.append((block, spans))
        if block.marker:
            marker = Run(f"{block.marker} ", block.start)
            self._insert(cursor, marker, ())
        for run in block.runs:
            self._insert(cursor, run, spans, block.kind == "heading")

    def _block_style(self, block: Block) -> QTextBlockFormat:
        style = QTextBlockFormat()
        style.setLineHeight(LINE_PERCENT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        if self._drawn:
            near = block.kind in ("item", "quote") and self._drawn[-1][0].kind == block.kind
            style.setTopMargin(2 if near else 8)
        if block.kind == "item":
            style.setLeftMargin(INDENT_PX * (block.level + 1))
            style.setTextIndent(-self.fontMetrics().horizontalAdvance(f"{block.marker} "))
        elif block.kind == "quote":
            style.setLeftMargin(INDENT_PX)
        elif block.kind == "heading":
            style.setHeadingLevel(min(block.level + 1, 6))
        elif block.kind == "rule":
            whole = QTextLength(QTextLength.Type.PercentageLength, 100)
            style.setProperty(QTextFormat.Property.BlockTrailingHorizontalRulerWidth, whole)
        return style


def _grown(old: Block, marked: Spans, new: Block, marks: Spans) -> list[Run] | None:
    """What has to be written after a block so that it becomes another; None if it cannot."""
    same = (old.kind, old.level, old.marker, old.start) == (
        new.kind, new.level, new.marker, new.start,
    )  # fmt: skip
    if not same or marked != marks or new.kind == "rule" or len(old.runs) > len(new.runs):
        return None
    if not old.runs:
        return list(new.runs)
    last = len(old.runs) - 1
    was, now = old.runs[last], new.runs[last]
    alike = (was.start, was.bold, was.italic, was.code) == (
        now.start, now.bold, now.italic, now.code,
    )  # fmt: skip
    if old.runs[:last] != new.runs[:last] or not alike or not now.text.startswith(was.text):
        return None
    at = len(was.text)
    rest = Run(now.text[at:], now.start + at, now.bold, now.italic, now.code)
    return [rest, *new.runs[last + 1 :]]


class TablePart(Words):
    """A table of an answer."""

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self.setAccessibleName(tr("Table"))

    def show_blocks(self, shown: Sequence[Block], spans: Spans) -> None:
        """Show a table; a row that came is drawn with all others."""
        wanted = [(block, touching(spans, block)) for block in shown]
        if wanted == self._drawn:
            return
        self.clear()
        self._drawn = wanted
        [(block, marked)] = wanted
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        small = QTextBlockFormat()  # Qt keeps an empty line before a table
        small.setLineHeight(1, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
        cursor.setBlockFormat(small)
        table = cursor.insertTable(len(block.rows), len(block.sides), self._table_style())
        for number, cells in enumerate(block.rows):
            for at, (cell, side) in enumerate(zip(cells, block.sides, strict=True)):
                place = table.cellAt(number, at).firstCursorPosition()
                align = QTextBlockFormat()
                align.setAlignment(_SIDES[side])
                place.setBlockFormat(align)
                for run in cell:
                    self._insert(place, run, marked, bold=number == 0)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.setBlockFormat(small)
        cursor.endEditBlock()

    def _table_style(self) -> QTextTableFormat:
        style = QTextTableFormat()
        style.setBorder(1)
        style.setBorderCollapse(True)
        style.setBorderStyle(QTextTableFormat.BorderStyle.BorderStyle_Solid)
        style.setBorderBrush(QColor(self._look.theme.colours.strong_border))
        style.setCellPadding(6)
        style.setCellSpacing(0)
        style.setHeaderRowCount(1)
        style.setBackground(QColor(self._look.theme.colours.surface))
        return style


class CodePart(QFrame):
    """Code of an answer: shown as it is, never run, with a button that copies it."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setProperty("card", "true")
        self._language = label("", "small")
        self.copy_button = button(tr("Copy code"), self._copy, "quiet")
        look.dress(self.copy_button, "copy", "muted")
        self.text = QPlainTextEdit()
        self.text.setProperty("role", "code")
        self.text.setReadOnly(True)
        self.text.setFrameShape(QFrame.Shape.NoFrame)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setLayoutDirection(Qt.LayoutDirection.LeftToRight)  # as code is in any language
        self.text.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setAccessibleName(tr("Code"))
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.text.setTabChangesFocus(True)
        head = row(self._language, 1, self.copy_button, spacing=8)
        head.setContentsMargins(8, 0, 8, 0)  # the same in a window that is mirrored
        inside = column(head, self.text, spacing=0)
        inside.setContentsMargins(4, 4, 4, 8)
        self.setLayout(inside)
        self._code = ""
        self._fit()

    def show_blocks(self, shown: Sequence[Block], spans: Spans) -> None:  # noqa: ARG002
        """Show a code block; what is longer than before is written after it."""
        [block] = shown
        self._language.setText(block.language or tr("Code"))
        if block.code.startswith(self._code):
            cursor = QTextCursor(self.text.document())
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertText(block.code[len(self._code) :])
        else:
            self.text.setPlainText(block.code)
        self._code = block.code
        self._fit()

    def forget_drawn(self) -> None:
        """It has the colours of its style sheet: nothing is to be drawn anew."""

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._code)
        self.copy_button.setText(tr("Copied"))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Its letters have their size only now."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.text.ensurePolished()
        lines = self.text.document().blockCount()
        bar = self.text.horizontalScrollBar().sizeHint().height()
        spare = 2 * round(self.text.document().documentMargin()) + 10
        height = lines * self.text.fontMetrics().lineSpacing() + bar + spare
        if height != self.text.height():
            self.text.setFixedHeight(height)


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
