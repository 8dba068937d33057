"""Where a question is looked for: everything, a folder, or chosen files, as chips."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtGui import QFontMetrics, Qt
from PySide6.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from core.messages import EVERYWHERE, Failed, FoldersList, Message, Report, Scope
from ui.client import Asker
from ui.icons import file_icon
from ui.parts import Look, button, clear, row
from ui.tables import rows_of, text_of
from ui.text import counted, shown, split_path, tr

CHIPS_SHOWN = 3
CHIP_PX = 170
MOST_FILES = 100
_MENU_PX = 320


def scope_text(scope: Scope) -> str:
    """What a question was put to, in a few words."""
    if scope.folder is not None:
        return tr("the folder %1").replace("%1", split_path(scope.folder)[1])
    names = [split_path(path)[1] for path in scope.files]
    if len(names) > CHIPS_SHOWN:
        return counted(len(names), "", tr("%1 files"))
    return ", ".join(names) or tr("all files")


class ScopeBar(QWidget):
    """Chooses where the next question is looked for."""

    changed = Signal()

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self.setProperty("ground", "none")
        self._look = look
        self._client = client
        self.scope = EVERYWHERE
        self._folders: list[str] = []
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self._fill)
        self.choose_button = QPushButton(tr("All files"))
        self.choose_button.setProperty("kind", "quiet")
        self.choose_button.setAutoDefault(False)
        self.choose_button.setMenu(self.menu)
        look.dress(self.choose_button, "folders", "muted")
        self._chips = row(spacing=6)
        self.setLayout(row(self.choose_button, self._chips, 1, spacing=6))
        self._draw()

    def reload(self) -> None:
        """Ask which folders there are to choose from."""
        self._client.ask(FoldersList, self._know)

    def put(self, scope: Scope) -> None:
        """Look there from now on."""
        if scope != self.scope:
            self.scope = scope
            self._draw()
            self.changed.emit()

    def _know(self, message: Message) -> None:
        if isinstance(message, Report) and not isinstance(message, Failed):
            found = rows_of({"folders": message.body}, "folders")
            self._folders = [path for one in found if (path := text_of(one, "path"))]

    def _fill(self) -> None:
        self.menu.clear()
        self.menu.addAction(tr("All files"), lambda: self.put(EVERYWHERE))
        self.menu.addSeparator()
        metrics = QFontMetrics(self.menu.font())
        for path in self._folders:
            middle = Qt.TextElideMode.ElideMiddle
            name = metrics.elidedText(shown(path), middle, _MENU_PX).replace("&", "&&")
            self.menu.addAction(name, partial(self.put, Scope(folder=path)))
        self.menu.addAction(tr("Another folder\u2026"), self.choose_folder)
        self.menu.addAction(tr("Files\u2026"), self.choose_files)

    def choose_folder(self) -> None:
        """Let a folder be chosen, inside one that is watched."""
        start = self.scope.folder or (self._folders[0] if self._folders else "")
        path = QFileDialog.getExistingDirectory(self, tr("Ask about a folder"), start)
        if path:
            self.put(Scope(folder=path))

    def choose_files(self) -> None:
        """Let files be chosen; they join those that are."""
        start = self._folders[0] if self._folders else ""
        if self.scope.files:
            start = split_path(self.scope.files[-1])[0]
        paths, _ = QFileDialog.getOpenFileNames(self, tr("Ask about files"), start)
        if paths:
            files = tuple(dict.fromkeys((*self.scope.files, *paths)))
            self.put(Scope(files=files[:MOST_FILES]))

    def _without(self, path: str) -> None:
        files = tuple(one for one in self.scope.files if one != path)
        self.put(Scope(files=files) if files else EVERYWHERE)
        self.choose_button.setFocus()

    def _draw(self) -> None:
        clear(self._chips)
        everywhere = self.scope == EVERYWHERE
        self.choose_button.setText(tr("All files") if everywhere else tr("Only"))
        self.choose_button.setAccessibleName(f"{tr('Where to look')}: {scope_text(self.scope)}")
        if self.scope.folder is not None:
            self._chip("folders", self.scope.folder, partial(self.put, EVERYWHERE))
        for path in self.scope.files[:CHIPS_SHOWN]:
            self._chip(file_icon(path), path, partial(self._without, path))
        more = len(self.scope.files) - CHIPS_SHOWN
        if more > 0:
            said = tr("and %1 more").replace("%1", str(more))
            rest = button(said, lambda: self.put(EVERYWHERE), "segment")
            rest.setToolTip(tr("Look in all files again"))
            self._chips.addWidget(rest)

    def _chip(self, icon: str, path: str, remove: Callable[[], object]) -> None:
        name = split_path(path)[1]
        metrics = QFontMetrics(self.font())
        text = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, CHIP_PX)
        made = button(f"{text}  \u00d7".replace("&", "&&"), remove, "segment")
        made.setCheckable(True)
        made.setChecked(True)
        made.setToolTip(shown(path))
        made.setAccessibleName(tr("Do not look only in %1").replace("%1", name))
        self._look.dress(made, icon, "accent_strong")
        self._chips.addWidget(made)
