"""Narrowing a search: a chip each for folder, type and date, chosen from a menu and taken off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

from PySide6.QtCore import QDate, Qt, Signal
from PySide6.QtWidgets import QDateEdit, QFileDialog, QMenu, QPushButton, QWidget

from core.messages import FoldersList, Message, Report
from ui.client import Asker
from ui.flow import FlowLayout
from ui.parts import button, calm_wheel, column, label
from ui.spans import Filters, kind_names, seconds, span_days, span_names
from ui.tables import rows_of, text_of
from ui.text import date_text, shown, split_path, tr

CHIP_LINES = 9  # how many heights of a letter the words of a chip may be wide
MOST_FOLDERS = 20
A_MONTH = timedelta(days=30)


class FilterChip(QPushButton):
    """A button that opens a menu; once something is chosen from it, a chip that takes it off."""

    taken_off = Signal()

    def __init__(self, name: str, menu: QMenu) -> None:
        super().__init__()
        self._name = name
        self._menu = menu
        self.setAutoDefault(False)
        self.setProperty("kind", "segment")
        self.setCheckable(True)
        self.clicked.connect(self._clicked)
        self.show_choice("")

    def show_choice(self, text: str) -> None:
        """Show what is chosen, or with an empty text that nothing is."""
        chosen = bool(text)
        # A set chip has no menu. PySide's signature does not know that None takes it away.
        unset: Any = None
        self.setMenu(unset if chosen else self._menu)
        self.setChecked(chosen)
        if not chosen:
            self.setText(self._name)
            self.setAccessibleName(tr("Narrow by %1").replace("%1", self._name))
            return
        metrics = self.fontMetrics()
        room = CHIP_LINES * metrics.height()
        short = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, room)
        self.setText(f"{short.replace('&', '&&')}  ×")
        said = tr("%1: %2. Take it off").replace("%1", self._name)
        self.setAccessibleName(said.replace("%2", text))

    def _clicked(self) -> None:
        self.setChecked(self.menu() is None)
        if self.menu() is None:
            self.taken_off.emit()


class DaysPanel(QWidget):
    """Two days to search between, chosen without leaving the page. Hidden until wanted."""

    chosen = Signal(object, object)  # the first day, and the last

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = QDateEdit(), QDateEdit()
        for field, name in ((self.first, tr("From")), (self.last, tr("To"))):
            field.setCalendarPopup(True)
            field.setDisplayFormat(tr("d MMM yyyy"))
            field.setAccessibleName(name)
            calm_wheel(field)
        self.apply_button = button(tr("Search these days"), self._apply, "primary")
        close = button(tr("Cancel"), self.hide, "quiet")
        ends = label(tr("From")), label(tr("To"))
        for end in ends:
            end.setMinimumHeight(self.first.sizeHint().height())
        parts = (ends[0], self.first, ends[1], self.last, self.apply_button, close)
        self.setLayout(FlowLayout(*parts, spacing=8))
        self.hide()

    def open(self, today: date) -> None:
        """Show the days, the last month to begin with."""
        for field, day in ((self.first, today - A_MONTH), (self.last, today)):
            field.setDate(QDate(day.year, day.month, day.day))
        self.show()
        self.first.setFocus()

    def _apply(self) -> None:
        days = sorted(
            date(field.date().year(), field.date().month(), field.date().day())
            for field in (self.first, self.last)
        )
        self.hide()
        self.chosen.emit(days[0], days[1])


class FilterBar(QWidget):
    """What the search is narrowed to, in `filters`; `changed` tells when that is another."""

    changed = Signal()

    def __init__(self, client: Asker) -> None:
        super().__init__()
        self._client = client
        self._folders: tuple[str, ...] = ()
        self.filters = Filters()
        self.folder_menu, self.kind_menu, self.date_menu = (QMenu(self) for _ in range(3))
        self.folder = FilterChip(tr("Folder"), self.folder_menu)
        self.kind = FilterChip(tr("Type"), self.kind_menu)
        self.date = FilterChip(tr("Date"), self.date_menu)
        self.folder.taken_off.connect(lambda: self.choose_folder(None))
        self.kind.taken_off.connect(lambda: self.choose_kind(""))
        self.date.taken_off.connect(lambda: self._choose_dates("", (None, None)))
        for name, text in kind_names().items():
            self.kind_menu.addAction(text, partial(self.choose_kind, name))
        for name, text in span_names().items():
            self.date_menu.addAction(text, partial(self.choose_span, name))
        self.date_menu.addSeparator()
        self.days = DaysPanel()
        self.days.chosen.connect(self.choose_days)
        self.date_menu.addAction(tr("Between two days…"), lambda: self.days.open(self.today()))
        self._fill_folders(())
        chips = FlowLayout(self.folder, self.kind, self.date)
        self.setLayout(column(chips, self.days, spacing=6))

    @staticmethod
    def today() -> date:
        """The day it is here."""
        return date.today()

    def reload(self) -> None:
        """Ask which folders there are."""
        self._client.ask(FoldersList, self._reply)

    def _reply(self, message: Message) -> None:
        if isinstance(message, Report):
            rows = rows_of({"folders": message.body}, "folders")
            self._fill_folders([text_of(folder, "path") for folder in rows])

    def _fill_folders(self, paths: Sequence[str]) -> None:
        self._folders = tuple(path for path in paths if path)
        self.folder_menu.clear()
        for path in self._folders[:MOST_FOLDERS]:
            words = shown(path).replace("&", "&&")
            self.folder_menu.addAction(words, partial(self.choose_folder, path))
        if self._folders:
            self.folder_menu.addSeparator()
        self.folder_menu.addAction(tr("Another folder…"), self._another_folder)

    def _another_folder(self) -> None:
        start = self._folders[0] if self._folders else ""
        path = QFileDialog.getExistingDirectory(self, tr("Search in a folder"), start)
        if path:
            self.choose_folder(path)

    # --- choosing -----------------------------------------------------------------------

    def choose_folder(self, path: str | None) -> None:
        """Search only below a folder, or everywhere."""
        self.folder.show_choice("" if path is None else split_path(path.rstrip("/") or path)[1])
        self._change(replace(self.filters, folder=path))

    def choose_kind(self, kind: str) -> None:
        """Search only files of a kind, or all."""
        self.kind.show_choice(kind_names().get(kind, ""))
        self._change(replace(self.filters, kind=kind))

    def choose_span(self, name: str) -> None:
        """Search only files of a span of time."""
        first, behind = span_days(name, self.today())
        self._choose_dates(span_names()[name], (seconds(first), seconds(behind)))

    def choose_days(self, first: date, last: date) -> None:
        """Search only files of some days, both included."""
        ends = seconds(first), seconds(last + timedelta(days=1))
        said = [date_text(seconds(day)) for day in (first, last)]
        self._choose_dates(said[0] if first == last else f"{said[0]} – {said[1]}", ends)

    def _choose_dates(self, text: str, dates: tuple[int | None, int | None]) -> None:
        self.date.show_choice(text)
        self._change(replace(self.filters, dates=dates))

    def clear(self) -> None:
        """Search everywhere again."""
        for chip in (self.folder, self.kind, self.date):
            chip.show_choice("")
        self._change(Filters())

    @property
    def narrows(self) -> bool:
        """Whether anything is chosen."""
        return self.filters != Filters()

    def _change(self, filters: Filters) -> None:
        self.days.hide()
        if filters != self.filters:
            self.filters = filters
            self.changed.emit()
