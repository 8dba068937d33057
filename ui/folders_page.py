"""The folders page: what is watched, how far indexing is, what failed and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QProgressBar, QWidget

from core.messages import Failed, FoldersAdd, FoldersList, FoldersRemove, Message, Report
from ui.activity import Activity
from ui.client import Asker
from ui.parts import (
    ICON,
    ICON_GAP,
    Banner,
    Elided,
    EmptyState,
    Look,
    button,
    card,
    clear,
    column,
    label,
    page_of,
    restyle,
    row,
)
from ui.problems import Problems
from ui.tables import Row, row_of, rows_of, text_of, texts_of, whole_of
from ui.text import count_text, counted, shown, size_text, split_path, spoken, tame, time_left, tr
from ui.undo import LATE_S, UNDO_S, UndoBar

COUNTS = ("failed", "needs_ocr", "skipped", "offline")


class FoldersPage(QWidget):
    """Adds and removes folders; shows progress as it comes."""

    folders_known = Signal(bool)

    def __init__(self, look: Look, client: Asker, activity: Activity) -> None:
        super().__init__()
        self._look = look
        self._client = client
        self._activity = activity
        self._paths: list[str] = []
        self.setAcceptDrops(True)
        self.add_button = button(tr("Add folder"), self.choose_folder, "primary")
        look.dress(self.add_button, "plus", "on_fill")
        self.pause_button = button("", self._pause)
        self.pause_button.setIconSize(QSize(ICON + ICON_GAP, ICON))
        self.headline = label(role="strong", wrap=True)
        self.detail = label(role="small", wrap=True)
        self.current = Elided("", "small", middle=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(tr("Indexing progress"))
        words = column(self.headline, self.detail, spacing=2)
        state = row(words, self.pause_button, spacing=12)
        state.setStretch(0, 1)
        inside = column(state, self.bar, self.current, spacing=10)
        inside.setContentsMargins(18, 14, 16, 14)
        self.progress_card = card(inside)
        self.banner = Banner(look)
        self.undo_bar = UndoBar(look)
        self._removed: list[tuple[str, tuple[str, ...]]] = []  # what an undo would bring back
        self.loading = label(tr("Reading the list of folders…"), "muted")
        self.list = column(spacing=10)
        self.empty = EmptyState(
            look,
            "folders",
            tr("No folders yet"),
            tr("Add a folder, or drop one here. Its files are only read, never changed."),
        )
        self.empty_add = button(tr("Add folder"), self.choose_folder, "primary")
        self.empty.ways.addWidget(self.empty_add)
        self.empty.setMinimumHeight(320)
        self.empty.hide()
        self.problems = Problems(look, client)
        self.problems.hide()
        title = row(label(tr("Folders"), "title"), 1, self.add_button)
        content = column(
            title,
            self.banner,
            self.undo_bar,
            self.progress_card,
            self.loading,
            self.list,
            self.empty,
            self.problems,
            1,
            spacing=14,
        )
        self.setLayout(column(page_of(content)))
        activity.changed.connect(self._show_activity)
        activity.settled.connect(self.reload)
        look.changed.connect(self._dress_pause)
        self._show_activity()

    # --- the list -----------------------------------------------------------------------

    def reload(self) -> None:
        """Ask for the folders again."""
        self._client.ask(FoldersList, self._reply, self.banner.working)

    def _reply(self, message: Message) -> None:
        if isinstance(message, Failed):
            self.loading.hide()
            self.empty.hide()  # nobody knows whether there are none
            self.banner.fail(message, self.reload)
        elif isinstance(message, Report):
            self.banner.hide()
            self._show(rows_of({"folders": message.body}, "folders"))

    def _show(self, folders: object) -> None:
        rows = rows_of({"folders": folders}, "folders")
        self.loading.hide()
        clear(self.list)
        self._paths = [text_of(folder, "path") for folder in rows]
        for folder in rows:
            self.list.addWidget(self._card(folder))
        self.empty.setVisible(not rows)
        self.add_button.setVisible(bool(rows))
        self.progress_card.setVisible(bool(rows))
        if not rows:
            self.problems.hide()
        elif self.problems.isVisible():
            self.problems.reload()
        self.folders_known.emit(bool(rows))

    def _card(self, folder: Row) -> QWidget:
        path = text_of(folder, "path")
        counts = row_of(folder, "files")
        indexed = whole_of(counts, "indexed")
        name = Elided(shown(path), "strong", middle=True)
        state = label(_state_name(text_of(folder, "state")), "badge")
        restyle(state, "tone", "warning" if text_of(folder, "state") == "offline" else "accent")
        said = [counted(indexed, tr("1 file indexed"), tr("%1 files indexed"))]
        waiting = whole_of(counts, "waiting")
        if waiting:
            said.append(tr("%1 waiting").replace("%1", count_text(waiting)))
        for key in COUNTS:
            number = whole_of(counts, key)
            if number:
                said.append(count_name(key, number))
        excluded = texts_of(folder, "excluded")
        second = label(" · ".join(said), "small", wrap=True)
        parts = column(name, second, spacing=4)
        if excluded:
            listed = ", ".join(shown(item) for item in excluded)
            parts.addWidget(Elided(tr("Left out: %1").replace("%1", listed), "small"))
        remove = button(tr("Remove"), lambda: self.remove(path, excluded), "quiet")
        remove.setAccessibleName(f"{tr('Remove')} {shown(path)}")
        whole = row(parts, spacing=12)
        whole.addWidget(state, 0, Qt.AlignmentFlag.AlignVCenter)
        if any(whole_of(counts, key) for key in COUNTS):
            rules = row_of(folder, "skipped_by_rule")
            why = button(tr("What is missing?"), lambda: self.show_problems(path, rules), "quiet")
            why.setAccessibleName(f"{tr('What is missing?')} {shown(path)}")
            whole.addWidget(why)
        whole.addWidget(remove)
        whole.setStretch(0, 1)
        whole.setContentsMargins(18, 14, 12, 14)
        return card(whole)

    def show_problems(self, folder: str, rules: Row | None = None) -> None:
        """List the files of a folder that are not searchable, and why."""
        self.problems.show_folder(folder, rules)
        self.problems.show()

    # --- changing it --------------------------------------------------------------------

    def choose_folder(self) -> None:
        """Let the person choose a folder to watch."""
        path = QFileDialog.getExistingDirectory(self, tr("Add a folder"))
        if path:
            self.add([path])

    def add(self, paths: Sequence[str], excluded: Sequence[str] = ()) -> None:
        """Watch these folders from now on, without what is left out of them."""
        self._client.ask(
            lambda number: FoldersAdd(number, tuple(paths), tuple(excluded)),
            lambda message: self._changed(message, lambda: self.add(paths, excluded)),
            self.banner.working,
        )

    def remove(self, path: str, excluded: Sequence[str] = ()) -> None:
        """Watch this folder no longer; for some seconds that can be undone."""

        def replied(message: Message) -> None:
            self._changed(message, lambda: self.remove(path, excluded))
            if not isinstance(message, Failed):
                self._tell_removed(path, excluded)

        self._client.ask(
            lambda number: FoldersRemove(number, (path,), UNDO_S + LATE_S),
            replied,
            self.banner.working,
        )

    def _tell_removed(self, path: str, excluded: Sequence[str]) -> None:
        if self.undo_bar.isHidden():
            self._removed = []
        self._removed.append((path, tuple(excluded)))
        names = ", ".join(split_path(one)[1] for one, _ in self._removed)
        self.undo_bar.offer(
            tr("Removed %1.").replace("%1", names),
            self._undo_removal,
            tr("The files stay as they are; what was indexed of them is dropped."),
        )

    def _undo_removal(self) -> None:
        """Watch again what was just removed, without what was left out of it."""
        for path, excluded in self._removed:
            self.add([path], excluded)

    def _changed(self, message: Message, again: Callable[[], None]) -> None:
        if isinstance(message, Failed):
            self.banner.fail(message, again)
        else:
            self._reply(message)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Take folders that are dropped here."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Watch what was dropped."""
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            self.add(paths)

    # --- progress -----------------------------------------------------------------------

    def _pause(self) -> None:
        if self._activity.failed is not None:
            self._activity.begin()
        else:
            self._activity.pause(not self._activity.paused)

    def _dress_pause(self) -> None:
        paused = self._activity.paused
        name = tr("Resume") if paused else tr("Pause")
        self.pause_button.setText(name if self._activity.failed is None else tr("Retry"))
        colour = self._look.theme.colours.text
        self.pause_button.setIcon(
            self._look.icons.icon("play" if paused else "pause", colour, ICON, ICON_GAP)
        )

    def _show_activity(self) -> None:
        activity = self._activity
        progress = activity.progress
        self._dress_pause()
        self.headline.setText(tame(activity.headline()))
        reason = activity.because() or spoken(activity.reason or "")
        said = [tame(reason)] if reason else []
        if activity.failed is not None:
            said.append(tame(activity.failed.advice))
        if progress is not None and progress.files_total:
            done = tr("%1 of %2 files")
            said.append(
                done.replace("%1", count_text(progress.files_done)).replace(
                    "%2", count_text(progress.files_total)
                )
            )
            if progress.bytes_total:
                sizes = tr("%1 of %2").replace("%1", size_text(progress.bytes_done))
                said.append(sizes.replace("%2", size_text(progress.bytes_total)))
            said.append(time_left(progress.eta_s))
        self.detail.setText(" · ".join(part for part in said if part))
        self.detail.setVisible(bool(self.detail.text()))
        busy = activity.doing == "indexing" and progress is not None
        self.bar.setVisible(busy)
        if progress is not None:
            whole = progress.bytes_total or progress.files_total
            part = progress.bytes_done if progress.bytes_total else progress.files_done
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(1000 * part / whole) if whole else 0)
            self.current.setText(shown(progress.current or ""))
        self.current.setVisible(busy and bool(self.current.text()))


def _state_name(state: str) -> str:
    return {
        "new": tr("waiting"),
        "watched": tr("watched"),
        "offline": tr("offline"),
    }.get(state, shown(state))


def count_name(key: str, number: int) -> str:
    """A count of files with what is the matter with them."""
    text = {
        "failed": tr("%1 failed"),
        "needs_ocr": tr("%1 only pictures"),
        "skipped": tr("%1 skipped"),
        "offline": tr("%1 offline"),
    }[key]
    return text.replace("%1", count_text(number))
