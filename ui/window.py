"""The main window: sidebar, pages, and the preview beside search and chat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QMainWindow, QSplitter, QStackedWidget, QWidget

from core.messages import SettingsSet
from ui.activity import Activity
from ui.chat_page import ChatPage
from ui.client import Client, Link
from ui.first_run import AUTOSTART, WELCOMED, FirstRun
from ui.folders_page import FoldersPage
from ui.global_shortcut import GlobalShortcut
from ui.models_page import ModelsPage
from ui.opening import Opener
from ui.parts import Banner, Look, column, row, rule
from ui.preview import PreviewPane
from ui.search_page import SearchPage
from ui.settings_page import SettingsPage
from ui.shortcut_sheet import ShortcutSheet
from ui.sidebar import PAGES, Sidebar
from ui.storage_page import StoragePage
from ui.target import Target
from ui.text import tr
from ui.tray import Tray

PAGES_PX = 380  # the least width of a page
WITH_PREVIEW = ("search", "chat")


class MainWindow(QMainWindow):
    """Puts the parts together and passes between them what one has for another."""

    quit_asked = Signal()

    def __init__(
        self, look: Look, client: Client, opener: Opener, command: str = "satchel"
    ) -> None:
        """`command` opens this window from anywhere."""
        super().__init__()
        self._look = look
        self._client = client
        self._on_close = "auto"
        self._told_of_closing = False
        self._keys: list[QShortcut] = []  # those of the pages
        self._welcomed: bool | None = None  # nobody knows yet
        self._has_folders: bool | None = None
        self._targets: dict[str, Target | None] = {}
        self.setWindowTitle("Satchel")
        self.setWindowIcon(look.icons.application())
        self.resize(1240, 800)
        look.keep_width(self, 884 - PAGES_PX, self._keep_size)
        self.activity = Activity(client, self)
        self.sidebar = Sidebar(look, self.activity)
        self.search = SearchPage(look, client)
        self.chat = ChatPage(look, client)
        self.folders = FoldersPage(look, client, self.activity)
        self.storage = StoragePage(look, client)
        self.models = ModelsPage(look, client)
        self.settings = SettingsPage(look, client, command)
        self.preview = PreviewPane(look, client, opener)
        self.banner = Banner(look)
        self.pages = QStackedWidget()
        self._by_name: dict[str, QWidget] = dict(
            zip(
                PAGES,
                (self.search, self.chat, self.folders, self.storage, self.models, self.settings),
                strict=True,
            )
        )
        for page in self._by_name.values():
            self.pages.addWidget(page)
        self.first_run = FirstRun(look, client, self.activity)
        self._lay_out()
        self.tray = Tray(look, self.activity, self)
        self.global_shortcut = GlobalShortcut(self)
        self._connect()
        self._shortcuts()
        self.open_page("search")

    def _keep_size(self, beside_px: int) -> None:
        """At least as large as the pages and what stands beside them, if the screen is."""
        widest = self.screen().availableGeometry().width()
        self.setMinimumSize(min(PAGES_PX + beside_px, widest), 540)

    def _lay_out(self) -> None:
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self.pages)
        self.splitter.addWidget(self.preview)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(1)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 2)
        self.splitter.setSizes([620, 430])
        self.pages.setMinimumWidth(PAGES_PX)
        self._look.keep_width(self.preview, 312, self.preview.setMinimumWidth)
        notice = column(self.banner)
        notice.setContentsMargins(16, 12, 16, 0)
        self._notice = QWidget()
        self._notice.setLayout(notice)
        self._notice.hide()
        side = column(self._notice, self.splitter, spacing=0)
        side.setStretch(1, 1)
        whole = row(self.sidebar, rule("down"), spacing=0)
        whole.addLayout(side, 1)
        ground = QWidget()
        ground.setProperty("ground", "window")
        ground.setLayout(whole)
        self.stage = QStackedWidget()
        self.stage.addWidget(ground)
        self.stage.addWidget(self.first_run)
        self.setCentralWidget(self.stage)

    def _connect(self) -> None:
        self.sidebar.chosen.connect(self.open_page)
        self.search.target_chosen.connect(lambda target: self._target("search", target))
        self.search.open_asked.connect(self.preview.open)
        self.search.act_asked.connect(self.preview.act)
        self.preview.stepped.connect(self.search.step)
        self.search.question_asked.connect(self.ask)
        self.search.folders_wanted.connect(self._first_folder)
        self.chat.target_chosen.connect(lambda target: self._target("chat", target))
        self.chat.search_asked.connect(self._search_for)
        self.chat.folders_asked.connect(self._first_folder)
        self.chat.models_asked.connect(lambda: self.open_page("models"))
        self.folders.folders_known.connect(self.search.know_folders)
        self.folders.folders_known.connect(self._folders_known)
        self.activity.changed.connect(self._index_changed)
        self.activity.settled.connect(self.search.look_again)
        self.first_run.finished.connect(self._first_run_finished)
        self.first_run.question_asked.connect(self.ask)
        self.settings.values_known.connect(self._settings_known)
        self.settings.first_steps_wanted.connect(self.show_first_run)
        self.settings.deleted.connect(self._deleted)
        self.settings.storage_wanted.connect(lambda: self.open_page("storage"))
        self.preview.closed.connect(self._close_preview)
        self.preview.whole_asked.connect(self._ask_whole)
        self.preview.tags.changed.connect(self.search.tags.reload)
        self.tray.open_asked.connect(self.come_forward)
        self.tray.search_asked.connect(self.search_now)
        self.tray.quit_asked.connect(self.quit_asked)
        self.global_shortcut.pressed.connect(self.search_now)
        self.global_shortcut.changed.connect(self.settings.shortcut.tell)
        self._client.link_changed.connect(self._link)
        self._client.raise_asked.connect(self.come_forward)

    def _shortcuts(self) -> None:
        for number, page in enumerate(PAGES, start=1):
            self._on_key(
                f"Ctrl+{number}",
                tr("Open “%1”").replace("%1", self.sidebar.buttons[page].text()),
                partial(self.open_page, page),
            )
        to_field, run = tr("Go to the field to type in"), self._to_entry
        self._on_key("Ctrl+K", to_field, run)
        self._on_key("Ctrl+F", to_field, run)
        self._on_key("Ctrl+N", tr("New conversation"), self._new_conversation)
        self._on_key("Ctrl+O", tr("Open the file in the preview"), self.preview.open)
        self._on_key("Ctrl+Shift+O", tr("Show it in its folder"), self.preview.reveal)
        self._on_key("F1", tr("Show these keys"), self.show_keys)
        self._on_key("Esc", tr("Stop the answer, or back to the field"), self._escape)
        self._on_key("Ctrl+Q", tr("Quit Satchel"), self.quit_asked.emit)

    def _on_key(self, keys: str, does: str, run: Callable[[], object]) -> None:
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.setObjectName(does)
        shortcut.activated.connect(run)
        if keys != "Ctrl+Q":
            self._keys.append(shortcut)

    def _index_changed(self) -> None:
        self.search.know_indexing(self.activity.doing == "indexing")

    def show_keys(self) -> None:
        """Show what every key does."""
        ShortcutSheet(self).show()

    # --- pages --------------------------------------------------------------------------

    def page(self) -> str:
        """The page that is open."""
        current = self.pages.currentWidget()
        return next(name for name, page in self._by_name.items() if page is current)

    def open_page(self, name: str) -> None:
        """Open a page and put the focus where one would type first."""
        self.pages.setCurrentWidget(self._by_name[name])
        self.sidebar.select(name)
        self._show_preview()
        if name == "search":
            self.search.entry.setFocus()
        elif name == "chat":
            self.chat.entry.setFocus()
            self.chat.panel.reload()
            self.chat.scope.reload()
        else:
            self.sidebar.buttons[name].setFocus()
            {
                "folders": self.folders.reload,
                "storage": self.storage.reload,
                "models": self.models.reload,
                "settings": self.settings.reload,
            }[name]()

    def ask(self, question: str) -> None:
        """Ask a question that was typed into the search field: a new conversation."""
        self.open_page("chat")
        self.chat.new()
        self.chat.ask(question)

    def _ask_whole(self, path: str) -> None:
        """Begin a conversation about a whole document."""
        self.open_page("chat")
        self.chat.new()
        self.chat.pinned.choose(path)

    def _search_for(self, words: str) -> None:
        """Search for what a question found no answer to."""
        self.open_page("search")
        self.search.entry.setText(words)
        self.search.search()

    def _to_entry(self) -> None:
        if self.page() != "chat":
            self.open_page("search")
        field = self.chat.entry if self.page() == "chat" else self.search.entry
        field.setFocus()
        field.selectAll()

    def _new_conversation(self) -> None:
        self.open_page("chat")
        self.chat.new()

    def _escape(self) -> None:
        if self.chat.answering and self.page() == "chat":
            self.chat.stop()
        elif self.page() == "chat" and self._targets.get("chat") is not None:
            self._close_preview()
        else:
            self._to_entry()

    def _first_folder(self) -> None:
        self.open_page("folders")
        self.folders.choose_folder()

    def _deleted(self, kind: str) -> None:
        if kind == "conversations":
            self.chat.new()
            self.chat.panel.reload()

    # --- the first run ------------------------------------------------------------------

    def show_first_run(self) -> None:
        """Lead through the first steps, instead of the pages."""
        self.stage.setCurrentWidget(self.first_run)
        self.first_run.begin()
        for keys in self._keys:
            keys.setEnabled(False)

    def _first_run_finished(self) -> None:
        self._welcomed = True
        for keys in self._keys:
            keys.setEnabled(True)
        self.stage.setCurrentIndex(0)
        self.folders.reload()
        self.open_page("search")

    def _folders_known(self, has_folders: bool) -> None:
        self._has_folders = has_folders
        self._look_for_first_run()

    def _look_for_first_run(self) -> None:
        """Show the first steps to who has neither seen them nor chosen a folder."""
        fresh = self._welcomed is False and self._has_folders is False
        if fresh and self.stage.currentIndex() == 0:
            self._welcomed = True
            self.show_first_run()

    # --- the preview --------------------------------------------------------------------

    def _target(self, page: str, target: Target | None) -> None:
        self._targets[page] = target
        if page == self.page():
            self._show_preview()

    def _show_preview(self) -> None:
        page = self.page()
        target = self._targets.get(page)
        wanted = page in WITH_PREVIEW and target is not None
        if wanted:
            self.preview.show_target(target)
            self.preview.steps.show_position(
                *(self.search.position() if page == "search" else (0, 0))
            )
        self.preview.setVisible(wanted)

    def _close_preview(self) -> None:
        self._targets[self.page()] = None
        self._show_preview()
        self._to_entry()

    # --- the service and the desktop ----------------------------------------------------

    def _link(self, link: Link) -> None:
        if link.state == "ready":
            self._notice.hide()
            self.folders.reload()
            self.settings.reload()
            self.search.reload()
            if self.page() == "chat":
                self.chat.panel.reload()
            if self.page() == "storage":
                self.storage.reload()
            if self.page() == "models":
                self.models.reload()
        elif link.state in ("lost", "refused"):
            tone = "error" if link.state == "refused" else "warning"
            self.banner.tell(link.title, link.advice, tone, tr("Try now"), self._client.start)
            self._notice.show()

    def _settings_known(self, values: Mapping[str, object]) -> None:
        theme, on_close = values.get("window.theme"), values.get("window.on_close")
        if isinstance(theme, str):
            self._look.theme.choose(theme)
        if isinstance(on_close, str):
            self._on_close = on_close
        percent = values.get("window.text_percent")
        if isinstance(percent, int):
            self._look.theme.scale_text(percent)
        if self._welcomed is None and WELCOMED in values:
            self._welcomed = values.get(WELCOMED) is True
            self._look_for_first_run()
        self.global_shortcut.switch(values.get("window.global_shortcut") is True)
        self.first_run.ready.know(values.get(AUTOSTART) is True)
        self.chat.remote.know(str(values.get("remote.address") or ""))

    def search_now(self) -> None:
        """Come forward with the search field ready to be typed into."""
        self.come_forward()
        self.open_page("search")
        self.search.entry.selectAll()

    def come_forward(self) -> None:
        """Show the window before all others."""
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Hide into the tray, stay in the background, or quit: as set, and as the desktop can."""
        event.ignore()
        if self._on_close == "quit":
            self.quit_asked.emit()
        elif self._on_close == "stay" or self.tray.in_tray:
            self.hide()
        elif self._told_of_closing:
            self._close_like("stay")
        else:
            self._tell_of_closing()

    def _tell_of_closing(self) -> None:
        """Say once what closing means where nothing would be seen of Satchel afterwards."""
        self._told_of_closing = True
        self.banner.tell(
            tr("This desktop has no tray, so nothing will be seen of Satchel."),
            tr(
                "It goes on in the background and keeps the index up to date. Start Satchel again "
                "to bring the window back. The settings can change this."
            ),
            "question",
            tr("Keep it running"),
            lambda: self._close_like("stay"),
            tr("Quit instead"),
            lambda: self._close_like("quit"),
        )
        self._notice.show()
        self.banner.focus_action()

    def _close_like(self, choice: str) -> None:
        """Close the window as was chosen, from now on without a word."""
        self._on_close = choice
        self._notice.hide()
        self._client.ask(
            lambda number: SettingsSet(number, "window.on_close", choice), lambda _: None
        )
        if choice == "quit":
            self.quit_asked.emit()
        else:
            self.hide()
