"""What came of reading a whole file: a summary, its dates, or what changed, each with its place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QColor, QFont, QTextBlockFormat, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QProgressBar, QTextBrowser, QWidget

from core.messages import (
    Digest,
    DigestDone,
    DigestEntry,
    DigestProgress,
    DigestTask,
    Failed,
    Message,
    Quoted,
)
from ui.client import Asker
from ui.parts import Banner, Look, button, column, label, row
from ui.text import count_text, one_line, place_text, tame, tr


class DigestView(QWidget):
    """One digest at a time; what was read stays when it is stopped. A click leads to the place."""

    place_chosen = Signal(object)  # Quoted

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._look = look
        self._client = client
        self._request = 0
        self._asked: tuple[DigestTask, tuple[str, ...], str] | None = None
        self._entries: Sequence[DigestEntry] = ()
        self.headline = label(role="strong", wrap=True)
        self.stop_button = button(tr("Stop"), self.stop, "quiet")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(tr("How much is read"))
        self.banner = Banner(look)
        self.text = QTextBrowser()
        self.text.setProperty("role", "document")
        self.text.setFrameShape(QFrame.Shape.NoFrame)
        self.text.document().setDocumentMargin(16)
        self.text.setOpenLinks(False)
        self.text.setOpenExternalLinks(False)
        self.text.setAccessibleName(tr("What was found in the file"))
        self.text.anchorClicked.connect(self._clicked)
        look.changed.connect(self._draw)
        line = row(self.headline, self.stop_button)
        line.setStretch(0, 1)
        head = column(line, self.bar, self.banner, spacing=8)
        head.setContentsMargins(20, 12, 16, 8)
        whole = column(head, self.text, spacing=0)
        whole.setStretch(1, 1)
        self.setLayout(whole)

    @property
    def reading(self) -> bool:
        """Whether a file is being read."""
        return self._request != 0

    def show_for(self, task: DigestTask, paths: tuple[str, ...], wanted: str = "") -> None:
        """Read files for a task, unless that is shown or being read already."""
        if self._asked == (task, paths, wanted) and (self.reading or self._entries):
            return
        self.stop()
        self.read(task, paths, wanted)

    def read(self, task: DigestTask, paths: tuple[str, ...], wanted: str = "") -> None:
        """Read files for a task, from where they were left."""
        self._asked = (task, paths, wanted)
        self._entries = ()
        self._draw()
        self.banner.hide()
        self.headline.setText(
            {
                "summarize": tr("Reading the file for its summary…"),
                "dates": tr("Looking for dates…"),
                "changes": tr("Comparing the two files…"),
                "find": tr("The language model looks at every sentence…"),
            }[task]
        )
        self.bar.setRange(0, 0)
        self._busy(True)
        self._request = self._client.ask(
            lambda number: Digest(number, task, paths, wanted=wanted), self._reply
        )

    def stop(self) -> None:
        """Stop reading; what was read is kept."""
        if self.reading:
            self._client.cancel(self._request)
            self._end()
            task, paths, wanted = self._asked or ("summarize", (), "")
            so_far = tr("Stopped. This is from what was read so far.")
            self.headline.setText(so_far if self._entries else tr("Stopped."))
            self.banner.tell(
                tr("What was read is kept."),
                "",
                "info",
                tr("Go on"),
                lambda: self.read(task, paths, wanted),
            )

    def _reply(self, message: Message) -> None:
        if isinstance(message, DigestProgress):
            self._progress(message)
        elif isinstance(message, DigestDone):
            self._end()
            self._entries = message.entries
            self.headline.setText(headline(message))
            self._draw()
        elif isinstance(message, Failed):
            self._end()
            task, paths, wanted = self._asked or ("summarize", (), "")
            self.headline.setText("")
            self.banner.fail(message, lambda: self.read(task, paths, wanted))

    def _progress(self, message: DigestProgress) -> None:
        if message.chars_total:
            self.bar.setRange(0, 1000)
            self.bar.setValue(1000 * message.chars_done // message.chars_total)
        if message.entries:
            self._entries = message.entries
            self.headline.setText(tr("Still reading. This is from what was read so far."))
            self._draw()

    def _end(self) -> None:
        self._request = 0
        self._busy(False)

    def _busy(self, busy: bool) -> None:
        self.bar.setVisible(busy)
        self.stop_button.setVisible(busy)

    def _clicked(self, url: QUrl) -> None:
        side, _, number = url.path().partition("-")
        if url.scheme() == "place" and number.isdecimal() and int(number) < len(self._entries):
            entry = self._entries[int(number)]
            quoted = entry.old if side == "old" else entry.new
            if quoted is not None:
                self.place_chosen.emit(quoted)

    # --- drawing --------------------------------------------------------------------------

    def _draw(self) -> None:
        self.text.clear()
        cursor = QTextCursor(self.text.document())
        spaced = QTextBlockFormat()
        spaced.setBottomMargin(10)
        spaced.setLineHeight(130, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        cursor.setBlockFormat(spaced)
        for number, entry in enumerate(self._entries):
            if number:
                cursor.insertBlock(spaced)
            self._draw_entry(cursor, number, entry)
        self.text.moveCursor(QTextCursor.MoveOperation.Start)

    def _draw_entry(self, cursor: QTextCursor, number: int, entry: DigestEntry) -> None:
        colours = self._look.theme.colours
        if entry.date:
            cursor.insertText(
                f"{entry.date}{' ?' if entry.unsure else ''}   ", self._style(bold=True)
            )
        names = {
            "changed": tr("changed"), "moved": tr("moved"),
            "added": tr("added"), "removed": tr("removed"),
        }  # fmt: skip
        if entry.kind in names:
            cursor.insertText(f"{names[entry.kind]}   ", self._style(bold=True))
        if entry.old is not None and entry.kind != "moved":
            self._draw_quote(cursor, f"old-{number}", entry.old, colours.danger)
            if entry.new is not None:
                cursor.insertText("\n")
        if entry.new is not None:
            self._draw_quote(cursor, f"new-{number}", entry.new, colours.accent_strong)

    def _draw_quote(self, cursor: QTextCursor, place: str, quoted: Quoted, colour: str) -> None:
        plain, strong = self._style(), self._style(colour, bold=True)
        at = 0
        for start, end in quoted.marks:
            cursor.insertText(_flat(quoted.text[at:start]), plain)
            cursor.insertText(_flat(quoted.text[start:end]), strong)
            at = end
        cursor.insertText(_flat(quoted.text[at:]), plain)
        link = self._style(self._look.theme.colours.accent_strong)
        link.setAnchor(True)
        link.setAnchorHref(f"place:{place}")
        cursor.insertText("  ", plain)
        cursor.insertText(place_text(quoted.locator) or tr("show"), link)

    def _style(self, colour: str = "", bold: bool = False) -> QTextCharFormat:
        style = QTextCharFormat()
        style.setForeground(QColor(colour or self._look.theme.colours.text))
        if bold:
            style.setFontWeight(QFont.Weight.DemiBold)
        return style


def headline(done: DigestDone) -> str:
    """What came of it, in a sentence or two."""
    count = count_text(len(done.entries))
    if done.task == "summarize":
        said = (
            tr("%1 sentences that say most of it, in their own words")
            if done.entries
            else tr("No sentence of it could make a summary")
        )
    elif done.task == "find":
        found = tr("%1 sentences, as the language model chose")
        said = found if done.entries else tr("The language model found no sentence about that")
    elif done.task == "dates":
        said = tr("%1 dates, in time") if done.entries else tr("It names no date")
    else:
        said = tr("%1 differences") if done.entries else tr("Nothing changed")
    more = tr("%1 more have no room here").replace("%1", count_text(done.more)) if done.more else ""
    return ". ".join(part for part in (said.replace("%1", count), more) if part) + "."


def compared_with(path: str) -> str:
    """What the dialog asks when a second file is wanted."""
    return tr("What to compare %1 with").replace("%1", one_line(PurePath(path).name))


def _flat(text: str) -> str:
    """The words of a quote, tamed, without its line breaks."""
    return tame(text.replace("\n", " "))
