"""The preview: a passage in its surroundings, or the page of a PDF as a picture."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, Qt, Signal
from PySide6.QtGui import QColor, QImage, QImageReader, QPixmap, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QInputDialog,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from core.messages import (
    Citation,
    DigestTask,
    Failed,
    FileFailed,
    Hit,
    Locator,
    Message,
    PageImage,
    PagePreview,
    Preview,
    PreviewText,
    Quoted,
)
from ui.client import Asker
from ui.digest import DigestView, compared_with
from ui.opening import Opener
from ui.parts import Banner, EmptyState, Look, button, column, icon_button, label, row, rule
from ui.tags import FileTags
from ui.text import place_text, split_path, tame, tr, utf16

WIDEST_PX = 1600
MOST_WANTED_CHARS = 200
MOST_PICTURE_PIXELS = 60_000_000


@dataclass(frozen=True, slots=True)
class Target:
    """What to show: a range of a file's text, or the words a citation quotes."""

    path: str
    locator: Locator
    start: int = 0
    end: int = 0
    quote: str | None = None

    @staticmethod
    def of(what: Hit | Citation) -> Target:
        """The place that a result or a citation points at."""
        if isinstance(what, Hit):
            return Target(what.path, what.locator, what.start, what.end)
        return Target(what.path, what.locator, quote=what.quote)


class PreviewPane(QWidget):
    """Shows one target at a time; a newer one replaces the older."""

    closed = Signal()

    def __init__(self, look: Look, client: Asker, opener: Opener) -> None:
        super().__init__()
        self.setProperty("ground", "window")
        self._look = look
        self._client = client
        self._opener = opener
        self.target: Target | None = None
        self._request = 0
        self._page = 0
        self._pages = 0
        self._picture_wanted = False
        self._range = (0, 0)
        self.empty = EmptyState(
            look,
            "file-text",
            tr("Nothing chosen"),
            tr("Choose a result or a source to see it in its surroundings."),
        )
        head = self._build_head()
        self._build_body()
        self._shown = QWidget()
        shown = column(head, rule(), self.body, spacing=0)
        shown.setStretch(2, 1)
        self._shown.setLayout(shown)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._shown)
        self.setLayout(column(self._stack))
        look.changed.connect(self._mark)

    def _build_head(self) -> QVBoxLayout:
        self.name = label(role="heading", wrap=True)
        self.place = label(role="small", wrap=True)
        self.folder = label(role="small", wrap=True)
        self.open_button = button(tr("Open"), self.open, "primary")
        self.reveal_button = button(tr("Show in folder"), self.reveal)
        self._look.dress(self.open_button, "open", "on_accent")
        self._look.dress(self.reveal_button, "reveal", "text")
        close = icon_button(self._look, "close", tr("Close the preview"), self.closed.emit)
        self.text_button = button(tr("Text"), lambda: self._choose(False), "segment")
        self.page_button = button(tr("Page"), lambda: self._choose(True), "segment")
        group = QButtonGroup(self)
        for choice in (self.text_button, self.page_button):
            choice.setCheckable(True)
            group.addButton(choice)
        self.text_button.setChecked(True)
        self.back = icon_button(self._look, "left", tr("Page before"), lambda: self._turn(-1))
        self.forward = icon_button(self._look, "right", tr("Next page"), lambda: self._turn(1))
        self.page_number = label(role="small")
        self.pager = QWidget()
        pager = row(self.back, self.page_number, self.forward, spacing=4)
        self.pager.setLayout(pager)
        title = row(column(self.name, self.place, self.folder, spacing=3), close, spacing=8)
        title.setStretch(0, 1)
        title.setAlignment(close, Qt.AlignmentFlag.AlignTop)
        self._choices = QWidget()
        self._choices.setLayout(row(self.text_button, self.page_button, spacing=2))
        actions = row(self.open_button, self.reveal_button, 1)
        self.tags = FileTags(self._look, self._client)
        tools = row(self._choices, 1, self.pager)
        self.back_button = button(tr("Back to the text"), self.reload, "quiet")
        self.back_button.hide()
        reads = row(self._build_whole(), 1, self.back_button, spacing=2)
        self.banner = Banner(self._look)
        head = column(title, actions, self.tags, tools, reads, self.banner, spacing=10)
        head.setContentsMargins(20, 18, 16, 12)
        return head

    def _build_whole(self) -> QPushButton:
        """The button with what can be done with the whole file."""
        whole = button(tr("Whole file"), lambda: None)
        menu = QMenu(whole)
        self.whole_actions = {
            name: menu.addAction(text, run)
            for name, text, run in (
                ("summarize", tr("Summarize"), lambda: self._digest("summarize")),
                ("dates", tr("List its dates"), lambda: self._digest("dates")),
                ("find", tr("Find all about…"), self._find),
                ("changes", tr("Compare with…"), self._compare),
            )
        }
        whole.setMenu(menu)
        return whole

    def _build_body(self) -> None:
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setProperty("role", "document")
        self.text.setAccessibleName(tr("The passage in its surroundings"))
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.picture.setAccessibleName(tr("The page as a picture"))
        self._picture_area = QScrollArea()
        self._picture_area.setProperty("picture", "true")
        self._picture_area.setWidgetResizable(True)
        self._picture_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._picture_area.setAccessibleName(tr("The page as a picture"))
        self._picture_area.setWidget(self.picture)
        self._loading = label(tr("Reading the file…"), "muted")
        self._loading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.body = QStackedWidget()
        self.digest = DigestView(self._look, self._client)
        self.digest.place_chosen.connect(self._to_place)
        for part in (self.text, self._picture_area, self._loading, QWidget(), self.digest):
            self.body.addWidget(part)

    # --- what is shown ------------------------------------------------------------------

    def show_target(self, target: Target | None) -> None:
        """Show a place in a file, or nothing."""
        if target == self.target:
            return
        self._give_up()
        if self.target is not None and (target is None or self.target.path != target.path):
            self.digest.stop()
        self.target = target
        self.banner.hide()
        if target is None:
            self._stack.setCurrentWidget(self.empty)
            return
        folder, name = split_path(target.path)
        self.name.setText(name)
        self.folder.setText(folder)
        self.place.setText(place_text(target.locator))
        self.place.setVisible(bool(self.place.text()))
        paged = target.locator.page is not None and target.path.lower().endswith(".pdf")
        self._choices.setVisible(paged)
        self._page, self._pages = target.locator.page or 0, 0
        self._stack.setCurrentWidget(self._shown)
        self.tags.show_path(target.path)
        self._load()

    def reload(self) -> None:
        """Ask for what is shown once more."""
        self._give_up()
        self.banner.hide()
        if self.target is not None:
            self._load()

    # --- the whole file -------------------------------------------------------------------

    def _find(self) -> None:
        """Ask what to look for in the whole file, and have the model look."""
        wanted, sure = QInputDialog.getText(
            self, tr("Find all"), tr("Every sentence about what? For example: payments")
        )
        if sure and wanted.strip():
            self._digest("find", wanted=wanted.strip()[:MOST_WANTED_CHARS])

    def _digest(self, task: DigestTask, other: str | None = None, wanted: str = "") -> None:
        """Have the whole file read for a task, and show what comes of it."""
        if self.target is not None:
            self._give_up()
            self.banner.hide()
            paths = (self.target.path,) if other is None else (self.target.path, other)
            self.digest.show_for(task, paths, wanted)
            self.body.setCurrentWidget(self.digest)
            self.back_button.show()

    def _compare(self) -> None:
        if self.target is not None:
            folder = split_path(self.target.path)[0]
            chosen, _ = QFileDialog.getOpenFileName(self, compared_with(self.target.path), folder)
            if chosen:
                self._digest("changes", chosen)

    def _to_place(self, quoted: Quoted) -> None:
        """Show where an entry of a digest stands."""
        self._picture_wanted = False
        self.text_button.setChecked(True)
        target = Target(quoted.path, quoted.locator, quoted.start, quoted.end)
        if target == self.target:
            self.reload()
        else:
            self.show_target(target)

    @property
    def shows_picture(self) -> bool:
        """Whether the page is wanted as a picture, where there is one."""
        return self._picture_wanted and not self._choices.isHidden()

    def _give_up(self) -> None:
        if self._request:
            self._client.cancel(self._request)
            self._request = 0

    def _load(self) -> None:
        target = self.target
        if target is None:
            return
        self.pager.setVisible(self.shows_picture)
        self.back_button.hide()
        self.body.setCurrentWidget(self._loading)
        if self.shows_picture:
            self._number_pages()
            width = round(self._picture_area.viewport().width() * self.devicePixelRatioF())
            width = max(400, min(WIDEST_PX, width))
            self._request = self._client.ask(
                lambda number: PagePreview(number, target.path, self._page, width),
                self._reply,
                self.banner.working,
            )
        else:
            self._request = self._client.ask(
                lambda number: Preview(
                    number,
                    target.path,
                    target.start,
                    target.end,
                    quote=target.quote,
                    locator=target.locator if target.quote is not None else None,
                ),
                self._reply,
                self.banner.working,
            )

    def _reply(self, message: Message) -> None:
        self._request = 0
        self.banner.hide()
        if isinstance(message, PreviewText):
            self._show_text(message)
        elif isinstance(message, PageImage):
            self._show_picture(message)
        elif isinstance(message, (Failed, FileFailed)):
            self.body.setCurrentIndex(3)
            title = message.title if isinstance(message, Failed) else message.reason
            advice = message.advice if isinstance(message, Failed) else ""
            self.banner.tell(title, advice, "error", tr("Retry"), self.reload)

    # --- text ---------------------------------------------------------------------------

    def _show_text(self, message: PreviewText) -> None:
        text = tame(message.text)
        self.text.setPlainText(text)
        start, end = utf16(text, message.start), utf16(text, message.end)
        self._range = (start, end)
        self._mark()
        self.body.setCurrentWidget(self.text)
        if not text.strip():
            self.banner.tell(tr("This file has no text to show."))
            return
        cursor = self.text.textCursor()
        cursor.setPosition(min(end, self._length()))
        self.text.setTextCursor(cursor)
        cursor.setPosition(min(start, self._length()))
        self.text.setTextCursor(cursor)
        self.text.centerCursor()

    def _length(self) -> int:
        return self.text.document().characterCount() - 1

    def _mark(self) -> None:
        """Set the passage off from what surrounds it."""
        start, end = (min(at, self._length()) for at in self._range)
        mark = QTextEdit.ExtraSelection()
        cursor = QTextCursor(self.text.document())
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        style = QTextCharFormat()
        style.setBackground(QColor(self._look.theme.colours.accent_soft))
        mark.cursor = cursor
        mark.format = style
        self.text.setExtraSelections([mark] if end > start else [])

    # --- pictures -----------------------------------------------------------------------

    def _choose(self, picture: bool) -> None:
        if picture != self._picture_wanted or self.body.currentWidget() is self.digest:
            self._picture_wanted = picture
            self.reload()

    def _turn(self, pages: int) -> None:
        self._page += pages
        self.reload()

    def _number_pages(self) -> None:
        text = tr("Page %1 of %2") if self._pages else tr("Page %1")
        self.page_number.setText(
            text.replace("%1", str(self._page)).replace("%2", str(self._pages))
        )
        self.back.setEnabled(self._page > 1)
        self.forward.setEnabled(self._pages == 0 or self._page < self._pages)

    def _show_picture(self, message: PageImage) -> None:
        self._page, self._pages = message.page, message.pages
        self._number_pages()
        image = _png(message.png_base64)
        if image.isNull():
            self.body.setCurrentIndex(3)
            self.banner.tell(
                tr("The picture of this page could not be drawn."),
                tr("Its text can still be read."),
                "error",
                tr("Show text"),
                self.text_button.click,
            )
            return
        ratio = self.devicePixelRatioF()
        room = round(self._picture_area.viewport().width() * ratio)
        if image.width() > room:
            image = image.scaledToWidth(room, Qt.TransformationMode.SmoothTransformation)
        image.setDevicePixelRatio(ratio)
        self.picture.setPixmap(QPixmap.fromImage(image))
        self.body.setCurrentWidget(self._picture_area)
        self._picture_area.verticalScrollBar().setValue(0)

    # --- leaving for the file -----------------------------------------------------------

    def open(self) -> None:
        """Open the file with its own program."""
        self._hand_over(self._opener.open)

    def reveal(self) -> None:
        """Show the file in its folder."""
        self._hand_over(self._opener.reveal)

    def _hand_over(self, act: Callable[[str], str]) -> None:
        if self.target is not None:
            problem = act(self.target.path)
            if problem:
                self.banner.tell(problem, tone="warning")


def _png(data: str) -> QImage:
    """The picture, or a null one when it is not a PNG of a sane size."""
    try:
        raw = QByteArray(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        return QImage()
    buffer = QBuffer(raw)
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, QByteArray(b"png"))
    size = reader.size()
    if not size.isValid() or size.width() * size.height() > MOST_PICTURE_PIXELS:
        return QImage()
    return reader.read()
