"""One question with its answer: streamed, checked, with its sources always in sight."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QColor, QFont, QTextBlockFormat, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QTextBrowser, QWidget

from core.messages import AnswerDone, Citation, Failed
from ui.icons import file_icon
from ui.parts import Banner, Elided, Look, button, clear, column, label, row
from ui.preview import Target
from ui.text import one_line, place_text, split_path, tame, tr

FLUSH_MS = 40
BUBBLE_WIDTH = 480
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


class SourceButton(QPushButton):
    """One source: its number, file, place and the words it gives."""

    def __init__(self, look: Look, source: Citation) -> None:
        super().__init__()
        self.source = source
        self.setProperty("kind", "source")
        self.setAutoDefault(False)
        _, name = split_path(source.path)
        place = place_text(source.locator)
        number = label(str(source.n), "badge")
        number.setProperty("tone", "accent")
        icon = QLabel()
        icon.setPixmap(look.icons.pixmap(file_icon(source.path), look.theme.colours.muted, 16))
        title = Elided(name, "strong", middle=True)
        where = Elided(place, "small")
        where.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        first = row(number, icon, title, where, spacing=8)
        first.setStretch(2, 3)
        first.setStretch(3, 2)
        layout = column(first, Elided(one_line(source.quote)[:400], "small"), spacing=3)
        layout.setContentsMargins(10, 8, 10, 8)
        self.setLayout(layout)
        for part in self.findChildren(QLabel):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        said = f"{tr('Source')} {source.n}: {name} {place}"
        self.setAccessibleName(said)
        self.setAccessibleDescription(one_line(source.quote)[:400])

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As tall as its two lines."""
        layout = self.layout()
        hint = layout.sizeHint() if layout is not None else QSize()
        return QSize(hint.width(), hint.height() + 4)


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


class TurnView(QWidget):
    """A question and what became of it."""

    target_chosen = Signal(object)
    retried = Signal(str)

    def __init__(self, look: Look, question: str) -> None:
        super().__init__()
        self.setProperty("ground", "none")
        self._look = look
        self.question = question
        self.state = "waiting"
        self._sources: dict[int, Citation] = {}
        asked = label(tame(question), wrap=True)
        bubble = QFrame()
        bubble.setProperty("bubble", "question")
        inside = column(asked)
        inside.setContentsMargins(16, 10, 16, 10)
        bubble.setLayout(inside)
        wide = asked.fontMetrics().horizontalAdvance(asked.text())
        asked.setMinimumWidth(min(wide + 4, BUBBLE_WIDTH))
        bubble.setMaximumWidth(BUBBLE_WIDTH + 60)
        asked_row = row(1, bubble, spacing=0)
        self.status = label(tr("Looking through your files…"), "muted", wrap=True)
        self.answer = AnswerText(look)
        self.answer.cited.connect(self._cited)
        self.answer.hide()
        self.extract = ExtractCard(look)
        self.extract.chosen.connect(self._cited)
        self.note = Banner(look)
        self.heading = label("", "small")
        self.heading.hide()
        self._source_list = column(spacing=6)
        layout = column(
            asked_row,
            self.extract,
            self.status,
            self.answer,
            self.note,
            self.heading,
            self._source_list,
            spacing=10,
        )
        layout.setContentsMargins(0, 6, 0, 14)
        self.setLayout(layout)

    def sources(
        self, sources: Sequence[Citation], heading: str = "", extract: Citation | None = None
    ) -> None:
        """Show the passages that the answer may rest on, and what answers at once."""
        if extract is not None:
            self.extract.tell(extract)
        self._sources = {source.n: source for source in sources}
        self.answer.know(list(self._sources))
        clear(self._source_list)
        for source in sources:
            made = SourceButton(self._look, source)
            made.clicked.connect(lambda _=False, n=source.n: self._cited(n))
            self._source_list.addWidget(made)
        self.heading.setText(heading or tr("Sources"))
        self.heading.setVisible(bool(sources))
        if self.state == "waiting":
            self.status.setText(tr("Reading the passages…"))

    def add(self, piece: str) -> None:
        """The next piece of the answer."""
        if self.state in ("waiting", "streaming"):
            self.state = "streaming"
            self.status.hide()
            self.answer.show()
            self.answer.add(piece)

    def slow(self) -> None:
        """Say that it takes longer than usual."""
        if self.state == "waiting":
            self.status.setText(tr("Still working… The language model may be starting."))

    def done(self, done: AnswerDone) -> None:
        """The whole answer, as it was checked."""
        if done.stopped == "cancelled":
            self.stopped()
            return
        self.finish(done.answer, done.found, done.citations, done.unsupported)
        if done.stopped == "length" and done.found:
            self.note_more(tr("The answer reached its greatest length and ends here."))

    def note_more(self, text: str) -> None:
        """A remark under the answer, unless a weightier one stands there."""
        if self.note.isHidden():
            self.note.tell(text)

    def finish(
        self,
        answer: str,
        found: bool,
        citations: Sequence[Citation],
        unsupported: Sequence[tuple[int, int]] = (),
    ) -> None:
        """Show an answer for good, and say how well it is supported."""
        self.status.hide()
        if self.extract.quote and answer.startswith(self.extract.quote):
            self.extract.hide()  # the answer leads with it
        if not found:
            self.state = "not found"
            self.answer.hide()
            self.note.tell(
                tr("Not found in your files."),
                tr("No passage answers this. Try other words, or add the folder that would say."),
                "warning",
            )
            self.heading.setText(tr("Passages that came closest"))
            return
        self.state = "answered"
        if not self._sources:
            self.sources(citations)
        self.answer.put(answer, unsupported)
        self.answer.show()
        cited = {citation.n for citation in citations}
        if cited:
            self._order(cited)
            if unsupported:
                self.note.tell(
                    tr("Your files do not support all of this."),
                    tr("What is underlined with dots are the model\u2019s own words."),
                )
        else:
            self.state = "unsupported"
            self.note.tell(
                tr("No passage in your files supports this answer."),
                tr("It names none of the passages it was given. Check it before you rely on it."),
                "warning",
            )
            self.heading.setText(tr("Passages it was given, cited by none of its words"))

    def _order(self, cited: set[int]) -> None:
        """Cited sources first, then the others, each under its heading."""
        others = [s for s in self._sources.values() if s.n not in cited]
        first = [s for s in self._sources.values() if s.n in cited]
        self.sources([*first, *others], tr("Sources"))
        if others:
            self._source_list.insertWidget(len(first), label(tr("Also looked at"), "small"))

    def stopped(self) -> None:
        """The person stopped it; what was said so far stays."""
        self.state = "stopped"
        self.status.hide()
        self.answer.flush()
        self.note.tell(tr("You stopped this answer."), tr("It is unfinished and was not checked."))

    def failed(self, failed: Failed) -> None:
        """Say why there is no answer."""
        self.state = "failed"
        self.status.hide()
        self.note.tell(
            failed.title,
            failed.advice,
            "error",
            tr("Retry"),
            lambda: self.retried.emit(self.question),
        )

    def _cited(self, number: int) -> None:
        source = self._sources.get(number)
        if source is not None:
            self.target_chosen.emit(Target.of(source))
