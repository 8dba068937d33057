"""The list of results: a model of hits, and the view with what can be done with each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QListView, QMenu

from core.messages import Hit
from ui.copies import copies_menu
from ui.parts import Look
from ui.result_card import ROW_ROLE, ResultDelegate, spoken
from ui.result_rows import AT_ONCE, Row, rows_of_hits
from ui.text import tr

HIT_ROLE = Qt.ItemDataRole.UserRole + 1

Index = QModelIndex | QPersistentModelIndex


class ResultsModel(QAbstractListModel):
    """The hits in their order, those of one file together.

    Of a list longer than `AT_ONCE` the rest is made ready in slices, and joins when it is whole:
    so nobody waits for it. Files are put together within a slice.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hits: tuple[Hit, ...] = ()
        self.rows: list[Row] = []
        self._whole: set[str] = set()
        self._rest: list[Row] = []
        self._done = 0  # hits that have become rows
        self._slices = QTimer(self, interval=0)
        self._slices.timeout.connect(self._next_slice)

    def show(self, hits: tuple[Hit, ...], anew: bool = True) -> None:
        """Replace the hits; files that were shown whole stay so unless it is a search `anew`."""
        self.beginResetModel()
        if anew:
            self._whole.clear()
        self.hits = hits
        self.rows = rows_of_hits(hits[:AT_ONCE], self._whole)
        self.endResetModel()
        self._rest, self._done = [], AT_ONCE
        if len(hits) > AT_ONCE:
            self._slices.start()
        else:
            self._slices.stop()

    def _next_slice(self) -> None:
        self._rest += rows_of_hits(self.hits[self._done : self._done + AT_ONCE], self._whole)
        self._done += AT_ONCE
        if self._done >= len(self.hits):
            self._slices.stop()
            at = len(self.rows)
            self.beginInsertRows(QModelIndex(), at, at + len(self._rest) - 1)
            self.rows += self._rest
            self._rest = []
            self.endInsertRows()

    def show_whole(self, at: int) -> None:
        """Show every passage of the file of a row."""
        path = self.rows[at].hit.path
        last = next((n for n, r in enumerate(self.rows) if r.hit.path == path and r.hidden), None)
        if last is None:
            return
        row = self.rows[last]
        place = next(n for n, hit in enumerate(self.hits) if hit is row.hit)
        start = place - place % AT_ONCE
        found = [hit for hit in self.hits[start : start + AT_ONCE] if hit.path == path]
        self._whole.add(path)
        self.beginInsertRows(QModelIndex(), last + 1, last + row.hidden)
        self.rows[last : last + 1] = [
            Row(row.hit, row.first),
            *(Row(hit, first=False) for hit in found[-row.hidden :]),
        ]
        self.endInsertRows()
        self.dataChanged.emit(self.index(last), self.index(last))

    def has_more(self, at: int) -> bool:
        """Whether passages of the file of a row are not shown."""
        path = self.rows[at].hit.path
        return any(row.hit.path == path and row.hidden for row in self.rows)

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802 - Qt's name
        """How many hits are shown."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """A hit's parts; no tool tips, for these would draw foreign text as markup."""
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        row = self.rows[index.row()]
        if role == ROW_ROLE:
            return row
        if role == HIT_ROLE:
            return row.hit
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return spoken(row)
        return None


class ResultsView(QListView):
    """The list itself. `copy_chosen` gives the Target of a copy that was picked, `act_chosen` the
    name of what is to be done with the selected result.
    """

    copy_chosen = Signal(object)
    act_chosen = Signal(str)

    def __init__(self, look: Look, model: ResultsModel) -> None:
        super().__init__()
        self._look = look
        self._results = model
        self.setModel(model)
        self._delegate = ResultDelegate(look, self)
        self.setItemDelegate(self._delegate)
        self.setUniformItemSizes(True)
        self.setLayoutMode(QListView.LayoutMode.Batched)  # a long list is laid out bit by bit
        self.setBatchSize(AT_ONCE)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setAccessibleName(tr("Results"))
        self.verticalScrollBar().setSingleStep(24)
        look.changed.connect(self.viewport().update)

    def copies_area(self, index: QModelIndex) -> QRectF:
        """Where the copies of a row are told, in the viewport; empty when it has none."""
        row = index.data(ROW_ROLE)
        if not isinstance(row, Row):
            return QRectF()
        return self._delegate.copies_area(QRectF(self.visualRect(index)), self.font(), row)

    def more_area(self, index: QModelIndex) -> QRectF:
        """Where it is told that the file of a row has more; empty when it has none."""
        row = index.data(ROW_ROLE)
        if not isinstance(row, Row):
            return QRectF()
        return self._delegate.more_area(QRectF(self.visualRect(index)), self.font(), row)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """A hand over what can be clicked."""
        over = self._over(event, self.copies_area) or self._over(event, self.more_area)
        self.viewport().setCursor(
            Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor
        )
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """A click on "and 3 copies" lists them, one on "4 more here" shows those."""
        super().mouseReleaseEvent(event)
        if event.button() != Qt.MouseButton.LeftButton:
            return
        row = self.indexAt(event.position().toPoint())
        if self._over(event, self.copies_area):
            self._ask(row)
        elif self._over(event, self.more_area):
            self._results.show_whole(row.row())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """The right arrow shows all passages of the selected file."""
        row = self.currentIndex()
        if event.key() == Qt.Key.Key_Right and row.isValid():
            self._results.show_whole(row.row())
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802 - Qt's name
        """The menu key, or the other mouse button: what can be done with a result."""
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        row = self.currentIndex() if by_key else self.indexAt(event.pos())
        if row.isValid():
            self.setCurrentIndex(row)
            menu = self._menu(row)
            menu.aboutToHide.connect(menu.deleteLater)
            at = self.visualRect(row).bottomLeft() if by_key else event.pos()
            menu.popup(self.viewport().mapToGlobal(at))

    def _menu(self, row: QModelIndex) -> QMenu:
        """What can be done with a result, and its copies."""
        menu = QMenu(self)
        menu.setAccessibleName(tr("This result"))
        shown = row.data(ROW_ROLE)
        for name, text in acts().items():
            menu.addAction(text).triggered.connect(
                lambda _=False, name=name: self.act_chosen.emit(name)
            )
        if self._results.has_more(row.row()):
            menu.addSeparator()
            menu.addAction(
                tr("Show all passages of this file"), partial(self._results.show_whole, row.row())
            )
        if shown.hit.copies:
            menu.addSeparator()
            copies = copies_menu(self._look, menu, shown.hit, self.copy_chosen.emit)
            copies.setTitle(tr("Copies"))
            menu.addMenu(copies)
        return menu

    def _over(self, event: QMouseEvent, area_of: Callable[[QModelIndex], QRectF]) -> bool:
        """Whether the mouse is over what is told of the row under it."""
        area = area_of(self.indexAt(event.position().toPoint()))
        return not area.isEmpty() and area.adjusted(-4, -4, 4, 4).contains(event.position())

    def _ask(self, row: QModelIndex) -> None:
        self.setCurrentIndex(row)
        menu = copies_menu(self._look, self, row.data(HIT_ROLE), self.copy_chosen.emit)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.viewport().mapToGlobal(self.copies_area(row).bottomLeft().toPoint()))


def acts() -> dict[str, str]:
    """What can be done with a result: the name of each and its words; see `PreviewPane.act`."""
    return {
        "open": tr("Open"),
        "reveal": tr("Show in folder"),
        "copy_path": tr("Copy path"),
        "copy_quote": tr("Copy quote with source"),
        "related": tr("Related passages"),
    }
