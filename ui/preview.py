"""The preview: a passage in its surroundings, or the page of a PDF as a picture."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import (
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QInputDialog,
    QMenu,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from core.messages import (
    DigestTask,
    Failed,
    FileFailed,
    Message,
    PageImage,
    PagePreview,
    PreviewText,
    Quoted,
)
from ui.client import Asker
from ui.copying import Copier, text_request
from ui.digest import DigestView, compared_with
from ui.flow import FlowLayout
from ui.opening import Opener
from ui.page_view import PageView
from ui.parts import Banner, EmptyState, Look, button, column, icon_button, label, row, rule
from ui.passage_view import PassageView
from ui.related import RelatedView
from ui.steps import HitSteps
from ui.tags import FileTags
from ui.target import Target
from ui.text import place_text, split_path, tr

MOST_WANTED_CHARS = 200


class PreviewPane(QWidget):
    """Shows one target at a time; a newer one replaces the older."""

    closed = Signal()
    whole_asked = Signal(str)
    stepped = Signal(int)  # to the next result (1) or the one before (-1)

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

    def _build_head(self) -> QVBoxLayout:
        self.name = label(role="heading", wrap=True)
        self.place = label(role="small", wrap=True)
        self.folder = label(role="small", wrap=True)
        self.open_button = button(tr("Open"), self.open, "primary")
        self.reveal_button = button(tr("Show in folder"), self.reveal)
        self._look.dress(self.open_button, "open", "on_fill")
        self._look.dress(self.reveal_button, "reveal", "text")
        close = icon_button(self._look, "close", tr("Close the preview"), self.closed.emit)
        title = row(column(self.name, self.place, self.folder, spacing=3), close, spacing=8)
        title.setStretch(0, 1)
        title.setAlignment(close, Qt.AlignmentFlag.AlignTop)
        self.related_button = button(tr("Related"), self.show_related)
        self.related_button.setToolTip(tr("Passages like this one (Ctrl+R)"))
        actions = FlowLayout(
            self.open_button,
            self.reveal_button,
            self._build_copy(),
            self.related_button,
            self._build_whole(),
            spacing=8,
        )
        self.tags = FileTags(self._look, self._client)
        self.back_button = button(tr("Back to the text"), self.reload, "quiet")
        self.back_button.hide()
        self._build_choices()
        self.steps = HitSteps(self._look)
        self.steps.stepped.connect(self.stepped)
        tools = row(self.steps, 1, self._choices, self.back_button, spacing=4)
        self.banner = Banner(self._look)
        self._copier = Copier(self._client, self.banner)
        head = column(title, actions, self.tags, tools, row(1, self.pager), self.banner, spacing=10)
        head.setContentsMargins(20, 18, 16, 12)
        return head

    def _build_choices(self) -> None:
        """The passage as text or on its page, and the pages."""
        self.text_button = button(tr("Text"), lambda: self._choose(False), "segment")
        self.page_button = button(tr("Page"), lambda: self._choose(True), "segment")
        group = QButtonGroup(self)
        for choice in (self.text_button, self.page_button):
            choice.setCheckable(True)
            group.addButton(choice)
        self.text_button.setChecked(True)
        self._choices = QWidget()
        self._choices.setLayout(row(self.text_button, self.page_button, spacing=2))
        self.back = icon_button(self._look, "left", tr("Page before"), lambda: self._turn(-1))
        self.forward = icon_button(self._look, "right", tr("Next page"), lambda: self._turn(1))
        self.page_number = label(role="small")
        self.pager = QWidget()
        self.pager.setLayout(row(self.back, self.page_number, self.forward, spacing=4))

    def _build_copy(self) -> QPushButton:
        """The button with what of the passage can be pasted elsewhere."""
        copy = button(tr("Copy"), lambda: None)
        menu = QMenu(copy)
        menu.setToolTipsVisible(True)
        self.copy_actions = {
            "path": menu.addAction(tr("Copy path"), self.copy_path),
            "quote": menu.addAction(tr("Copy quote with source"), self.copy_quote),
        }
        self.copy_actions["path"].setShortcut(QKeySequence("Ctrl+Shift+C"))
        self.copy_actions["quote"].setShortcut(QKeySequence("Ctrl+Alt+C"))
        self.addActions(list(self.copy_actions.values()))
        copy.setMenu(menu)
        related = QShortcut(QKeySequence("Ctrl+R"), self)
        related.setObjectName(tr("Show related passages"))  # on the sheet of keys
        related.activated.connect(self.show_related)
        return copy

    def _build_whole(self) -> QPushButton:
        """The button with what can be done with the whole file."""
        whole = button(tr("Whole file"), lambda: None)
        menu = QMenu(whole)
        self.whole_actions = {
            name: menu.addAction(text, run)
            for name, text, run in (
                ("ask", tr("Ask about the whole document"), self._ask_whole),
                ("summarize", tr("Summarize"), lambda: self._digest("summarize")),
                ("dates", tr("List its dates"), lambda: self._digest("dates")),
                ("find", tr("Find all about…"), self._find),
                ("changes", tr("Compare with…"), self._compare),
            )
        }
        whole.setMenu(menu)
        return whole

    def _ask_whole(self) -> None:
        if self.target is not None:
            self.whole_asked.emit(self.target.path)

    def _build_body(self) -> None:
        self.text = PassageView(self._look)
        self.page = PageView(self._look)
        self._loading = label(tr("Reading the file…"), "muted")
        self._loading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.body = QStackedWidget()
        self.digest = DigestView(self._look, self._client)
        self.digest.place_chosen.connect(self._to_place)
        self.related = RelatedView(self._look, self._client)
        self.related.chosen.connect(self.show_target)
        self._blank = QWidget()
        for part in (self.text, self.page, self._loading, self._blank, self.digest, self.related):
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
        self._choices.setVisible(target.is_pdf)
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

    def show_related(self) -> None:
        """List passages like this one."""
        if self.target is not None:
            self._give_up()
            self.banner.hide()
            self.body.setCurrentWidget(self.related)
            self.related.show_for(self.target)
            self.back_button.show()

    def _give_up(self) -> None:
        self.related.give_up()
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
            width = self.page.wanted_px()
            self._request = self._client.ask(
                lambda number: PagePreview(
                    number,
                    target.path,
                    self._page,
                    width,
                    target.start,
                    target.end,
                    target.quote,
                    target.locator if target.quote is not None else None,
                ),
                self._reply,
                self._slow,
            )
        else:
            self._request = self._client.ask(text_request(target), self._reply, self._slow)

    def _slow(self) -> None:
        self.banner.tell(
            tr("Still working…"),
            tr("Reading this file takes longer than usual."),
            "info",
            tr("Retry"),
            self.reload,
        )

    def _reply(self, message: Message) -> None:
        self._request = 0
        self.banner.hide()
        if isinstance(message, PreviewText):
            self._show_text(message)
        elif isinstance(message, PageImage):
            self._show_picture(message)
        elif isinstance(message, (Failed, FileFailed)):
            self.body.setCurrentWidget(self._blank)
            title = message.title if isinstance(message, Failed) else message.reason
            advice = message.advice if isinstance(message, Failed) else ""
            self.banner.tell(title, advice, "error", tr("Retry"), self.reload)

    # --- text ---------------------------------------------------------------------------

    def _show_text(self, message: PreviewText) -> None:
        if self.target is not None:
            self._copier.know(self.target, message)
        self.text.show_passage(message, () if self.target is None else self.target.words)
        self.body.setCurrentWidget(self.text)
        if not message.text.strip():
            self.banner.tell(tr("This file has no text to show."))

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
        if self.page.show_page(message.png_base64, message.boxes):
            self.body.setCurrentWidget(self.page)
            return
        self.body.setCurrentWidget(self._blank)
        self.banner.tell(
            tr("The picture of this page could not be drawn."),
            tr("Its text can still be read."),
            "error",
            tr("Show text"),
            self.text_button.click,
        )

    # --- leaving for the file -----------------------------------------------------------

    def open(self) -> None:
        """Open the file with its own program, at the place if that can be told."""
        if self.target is not None:
            self._tell_problem(
                self._opener.open(self.target.path, self.target.locator, self._tell_problem)
            )

    def act(self, name: str) -> None:
        """Do what was chosen for the result that is shown; see `ui.results.acts`."""
        {
            "open": self.open,
            "reveal": self.reveal,
            "copy_path": self.copy_path,
            "copy_quote": self.copy_quote,
            "related": self.show_related,
        }[name]()

    def reveal(self) -> None:
        """Show the file in its folder."""
        if self.target is not None:
            self._tell_problem(self._opener.reveal(self.target.path))

    def _tell_problem(self, problem: str) -> None:
        if problem:
            self.banner.tell(problem, tone="warning")

    def copy_path(self) -> None:
        """Put the file's path on the clipboard."""
        if self.target is not None:
            self._copier.copy_path(self.target)

    def copy_quote(self) -> None:
        """Put the passage with its source on the clipboard."""
        if self.target is not None:
            self._copier.copy_quote(self.target)
