"""Which files of a folder are not searchable, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal, get_args

from PySide6.QtCore import QAbstractTableModel, Qt
from PySide6.QtWidgets import QButtonGroup, QHeaderView, QTreeView, QWidget

from core.messages import Failed, FilesList, Message, Report, Retry
from ui.client import Asker
from ui.parts import Banner, Look, button, card, column, icon_button, label, row
from ui.results import Index
from ui.tables import Row, rows_of, text_of
from ui.text import count_text, shown, split_path, spoken, tame, tr

Kind = Literal["failed", "needs_ocr", "skipped", "offline"]
MOST_FILES = 1000
HEADER, ROW, TALLEST = 44, 28, 420  # pixels


class ProblemsModel(QAbstractTableModel):
    """Files and reasons."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: Sequence[Row] = ()

    def show(self, rows: Sequence[Row]) -> None:
        """Replace the rows."""
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802 - Qt's name
        """One row a file."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: ARG002, N802
        """Name, reason, folder."""
        return 3

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The text of a cell; no tool tips, for these would draw foreign text as markup."""
        if role != Qt.ItemDataRole.DisplayRole or index.row() >= len(self.rows):
            return None
        found = self.rows[index.row()]
        folder, name = split_path(text_of(found, "path"))
        return (name, tame(spoken(text_of(found, "reason"))) or tr("no reason is known"), folder)[
            index.column()
        ]

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """The names of the columns."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return (tr("File"), tr("Why"), tr("Folder"))[section]
        return None


class Problems(QWidget):
    """A table of one folder's files in one state."""

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._client = client
        self._request = 0
        self._rules: Mapping[str, object] = {}
        self.folder = ""
        self.kind: Kind = "failed"
        self.title = label(role="heading", wrap=True)
        self.banner = Banner(look)
        self.note = label(role="muted", wrap=True)
        self.model = ProblemsModel()
        self.table = QTreeView()
        self.table.setModel(self.model)
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setAccessibleName(tr("Files that are not searchable"))
        header = self.table.header()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.resizeSection(0, 220)
        header.resizeSection(1, 300)
        names = {
            "failed": tr("Failed"),
            "needs_ocr": tr("Only pictures"),
            "skipped": tr("Skipped"),
            "offline": tr("Offline"),
        }
        group = QButtonGroup(self)
        choices = row(spacing=2)
        self.choices = {}
        for kind in get_args(Kind):
            made = button(names[kind], partial(self._choose, kind), "segment")
            made.setCheckable(True)
            group.addButton(made)
            choices.addWidget(made)
            self.choices[kind] = made
        self.choices["failed"].setChecked(True)
        choices.addStretch(1)
        self.again = button(tr("Try again"), self._try_again, "quiet")
        self.again.setAccessibleName(tr("Read these files again"))
        choices.addWidget(self.again)
        close = icon_button(look, "close", tr("Close the list"), self.hide)
        head = row(self.title, close)
        head.setStretch(0, 1)
        inside = column(head, choices, self.banner, self.note, self.table, spacing=8)
        inside.setContentsMargins(18, 14, 14, 16)
        self.setLayout(column(card(inside)))

    def show_folder(self, folder: str, rules: Mapping[str, object] | None = None) -> None:
        """Show this folder's files; `rules` counts what each rule leaves out."""
        self.folder = folder
        self._rules = rules or {}
        self.title.setText(tr("Not searchable in %1").replace("%1", shown(folder)))
        self.reload()

    def reload(self) -> None:
        """Ask for the files once more."""
        if self._request:
            self._client.cancel(self._request)
        self.banner.hide()
        self.again.hide()
        self.note.setText(tr("Reading the list…"))
        self.note.show()
        folder, kind = self.folder, self.kind
        self._request = self._client.ask(
            lambda number: FilesList(number, folder, kind, MOST_FILES),
            self._reply,
            self.banner.working,
        )

    def _choose(self, kind: Kind) -> None:
        self.kind = kind
        self.model.show(())
        self.reload()

    def _reply(self, message: Message) -> None:
        self._request = 0
        self.banner.hide()
        if isinstance(message, Failed):
            self.note.hide()
            self.banner.fail(message, self.reload)
        elif isinstance(message, Report):
            rows = rows_of({"rows": message.body}, "rows")
            self.model.show(rows)
            self.note.setText(self._remark(len(rows)))
            self.note.setVisible(bool(self.note.text()))
            self.table.setFixedHeight(min(TALLEST, HEADER + ROW * len(rows)))
            self.table.setVisible(bool(rows))
            self.again.setVisible(bool(rows) and self.kind != "offline")

    def _try_again(self) -> None:
        """Have the failed files of this folder read once more."""
        folder = self.folder
        self.again.setEnabled(False)
        self._client.ask(lambda number: Retry(number, folder), self._retried, self.banner.working)

    def _retried(self, message: Message) -> None:
        self.again.setEnabled(True)
        self.banner.hide()
        if isinstance(message, Failed):
            self.banner.fail(message, self._try_again)
        else:
            self.model.show(())
            self.again.hide()
            self.note.setText(tr("They are being read again."))
            self.note.show()

    def _remark(self, files: int) -> str:
        if files >= MOST_FILES:
            return tr("Only the first %1 are listed.").replace("%1", count_text(MOST_FILES))
        if self.kind == "skipped" and self._rules:
            counts = sorted(((n, rule) for rule, n in self._rules.items() if isinstance(n, int)))
            said = [f"{shown(spoken(rule))} ({count_text(n)})" for n, rule in reversed(counts)]
            return tr("Left out by rule: %1").replace("%1", " · ".join(said))
        return "" if files else tr("No files.")
