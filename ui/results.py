"""The list of results: a model of hits, and a delegate that paints each as a card."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFont,
    QFontMetricsF,
    QMouseEvent,
    QPainter,
    QPen,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from core.messages import Hit
from ui.copies import copies_menu, copies_text
from ui.icons import file_icon
from ui.parts import Look
from ui.text import date_text, one_line, place_text, split_path, state_text, tr, utf16

HIT_ROLE = Qt.ItemDataRole.UserRole + 1
SNIPPET_LINES = 3
PAD = 14.0
GAP = 8.0
LEAST_TITLE = 60.0  # narrower, neither a title nor a date helps
LEAST_DATED = 400.0
TAGS_SHOWN = 3

Index = QModelIndex | QPersistentModelIndex


def source_text(hit: Hit) -> str:
    """Which side of the search found a passage, in a word or two."""
    return {"lexical": tr("words"), "semantic": tr("meaning"), "both": tr("words + meaning")}[
        hit.source
    ]


def _title(hit: Hit) -> str:
    """What the document calls itself, where that says more than the file's name."""
    title = one_line(hit.about.title or "").strip()
    name = split_path(hit.path)[1]
    return (
        "" if title.casefold() in (name.casefold(), name.rpartition(".")[0].casefold()) else title
    )


def _date(hit: Hit) -> str:
    return date_text(hit.about.modified_s or hit.about.created_s)


def _tags(hit: Hit) -> str:
    """The first few tags of a file."""
    return " ".join(f"#{one_line(tag)}" for tag in hit.tags[:TAGS_SHOWN])


def spoken(hit: Hit) -> str:
    """A result as a screen reader says it."""
    folder, name = split_path(hit.path)
    said = [name, _title(hit), place_text(hit.locator), copies_text(hit), _tags(hit)]
    said += [one_line(hit.snippet) or state_text(hit.state), _date(hit)]
    said += [tr("found by %1").replace("%1", source_text(hit)), folder]
    return ". ".join(part for part in said if part)


class ResultsModel(QAbstractListModel):
    """The hits in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.hits: tuple[Hit, ...] = ()

    def show(self, hits: tuple[Hit, ...]) -> None:
        """Replace the hits."""
        self.beginResetModel()
        self.hits = hits
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802 - Qt's name
        """How many hits there are."""
        return 0 if parent is not None and parent.isValid() else len(self.hits)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """A hit's parts; no tool tips, for these would draw foreign text as markup."""
        if not index.isValid() or index.row() >= len(self.hits):
            return None
        hit = self.hits[index.row()]
        if role == HIT_ROLE:
            return hit
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return spoken(hit)
        return None


class ResultDelegate(QStyledItemDelegate):
    """Paints a hit: icon, name, place, source, folder, and the snippet with its marks."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002, N802
        """All cards are of one height, so that a long list costs nothing to lay out."""
        metrics = QFontMetricsF(_sized(option.font, 1.0))
        small = QFontMetricsF(_sized(option.font, 0.9))
        height = 2 * PAD + metrics.height() + small.height() + SNIPPET_LINES * metrics.lineSpacing()
        return QSize(200, round(height + 10 + GAP))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one card."""
        hit = index.data(HIT_ROLE)
        if not isinstance(hit, Hit):
            return
        colours = self._look.theme.colours
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        card = _card(QRectF(option.rect))
        state = option.state
        selected = bool(state & QStyle.StateFlag.State_Selected)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        view = option.widget
        focused = selected and view is not None and view.hasFocus()
        edge = colours.accent if selected else colours.border
        painter.setPen(QPen(QColor(edge), 2.0 if focused else 1.2 if selected else 1.0))
        painter.setBrush(QColor(colours.hover if hovered and not selected else colours.surface))
        painter.drawRoundedRect(card, 12, 12)
        self._paint_hit(painter, option.font, _inner(QRectF(option.rect)), hit)
        painter.restore()

    def _paint_hit(self, painter: QPainter, base: QFont, area: QRectF, hit: Hit) -> None:
        colours = self._look.theme.colours
        folder, name = split_path(hit.path)
        strong, small, body = _sized(base, 1.0, True), _sized(base, 0.9), _sized(base, 1.0)
        strong_metrics, small_metrics = QFontMetricsF(strong), QFontMetricsF(small)
        icon = self._look.icons.pixmap(file_icon(hit.path), colours.accent, 18)
        painter.drawPixmap(
            QPointF(area.left(), area.top() + (strong_metrics.height() - 18) / 2), icon
        )
        right = self._paint_badge(painter, small, area, strong_metrics.height(), hit)
        left = area.left() + 26
        elided = strong_metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, right - left)
        _line(painter, strong, colours.text, left, area.top(), elided)
        left += strong_metrics.horizontalAdvance(elided) + 12
        if right - left > LEAST_TITLE:
            title = QFontMetricsF(body).elidedText(
                _title(hit), Qt.TextElideMode.ElideRight, right - left
            )
            _line(painter, body, colours.muted, left, area.top(), title)
        top = area.top() + strong_metrics.height() + 3
        right = self._paint_copies(painter, small, area, top, hit)
        place = place_text(hit.locator)
        where = f"{place}  ·  {folder}" if place else folder
        elided = small_metrics.elidedText(where, Qt.TextElideMode.ElideMiddle, right - area.left())
        _line(painter, small, colours.muted, area.left(), top, elided)
        top += small_metrics.height() + 6
        if hit.state == "ok":
            self._paint_snippet(painter, body, area, top, hit)
        else:
            note = QFontMetricsF(body).elidedText(
                state_text(hit.state), Qt.TextElideMode.ElideRight, area.width()
            )
            _line(painter, body, colours.warning, area.left(), top, note)

    def _paint_badge(
        self, painter: QPainter, font: QFont, area: QRectF, height: float, hit: Hit
    ) -> float:
        """The label of the side that found it; returns the left edge that others must keep to."""
        colours = self._look.theme.colours
        text = source_text(hit)
        width = QFontMetricsF(font).horizontalAdvance(text) + 18
        badge = QRectF(area.right() - width, area.top() - 1, width, height + 2)
        by_meaning = hit.source != "lexical"
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.accent_soft if by_meaning else colours.sunken))
        painter.drawRoundedRect(badge, badge.height() / 2, badge.height() / 2)
        painter.setPen(QColor(colours.accent_strong if by_meaning else colours.muted))
        painter.setFont(font)
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)
        return badge.left() - 10

    def _paint_copies(
        self, painter: QPainter, font: QFont, area: QRectF, top: float, hit: Hit
    ) -> float:
        """The tags, the date and how many copies there are; returns the left edge as above."""
        colours = self._look.theme.colours
        metrics = QFontMetricsF(font)
        right = area.right()
        for text, colour in (
            (copies_text(hit), colours.accent_strong),
            (_date(hit), colours.muted),
            (_tags(hit), colours.accent_strong),
        ):
            if text:
                right -= metrics.horizontalAdvance(text)
                _line(painter, font, colour, right, top, text)
                right -= 14
        return right

    def copies_area(self, rect: QRectF, base: QFont, hit: Hit) -> QRectF:
        """Where in the row the copies are told; empty when there are none."""
        text = copies_text(hit)
        if not text:
            return QRectF()
        area = _inner(rect)
        metrics = QFontMetricsF(_sized(base, 0.9))
        width = metrics.horizontalAdvance(text)
        top = area.top() + QFontMetricsF(_sized(base, 1.0, True)).height() + 3
        return QRectF(area.right() - width, top, width, metrics.height())

    def _paint_snippet(
        self, painter: QPainter, font: QFont, area: QRectF, top: float, hit: Hit
    ) -> None:
        colours = self._look.theme.colours
        text = one_line(hit.snippet)
        layout = QTextLayout(text, font)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout.setTextOption(option)
        layout.setFormats(self._marks(text, hit))
        metrics = QFontMetricsF(font)
        layout.beginLayout()
        y = 0.0
        for number in range(SNIPPET_LINES):
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(area.width())
            if number == SNIPPET_LINES - 1 and line.textStart() + line.textLength() < utf16(
                text, len(text)
            ):
                line.setLineWidth(area.width() - metrics.horizontalAdvance("…") - 2)
                end = QPointF(area.left() + line.naturalTextWidth() + 2, top + y + metrics.ascent())
                painter.setPen(QColor(colours.muted))
                painter.setFont(font)
                painter.drawText(end, "…")
            line.setPosition(QPointF(0, y))
            y += metrics.lineSpacing()
        layout.endLayout()
        painter.setPen(QColor(colours.text))
        layout.draw(painter, QPointF(area.left(), top))

    def _marks(self, text: str, hit: Hit) -> list[QTextLayout.FormatRange]:
        colours = self._look.theme.colours
        style = QTextCharFormat()
        style.setBackground(QColor(colours.accent_soft))
        style.setForeground(QColor(colours.accent_strong))
        style.setFontWeight(QFont.Weight.DemiBold)
        ranges = []
        for start, end in hit.marks:
            if 0 <= start < end <= len(text):
                found = QTextLayout.FormatRange()
                found.start = utf16(text, start)
                found.length = utf16(text, end) - found.start
                found.format = style
                ranges.append(found)
        return ranges


def _card(rect: QRectF) -> QRectF:
    return rect.adjusted(1, 1, -6, -GAP)


def _inner(rect: QRectF) -> QRectF:
    return _card(rect).adjusted(PAD, PAD - 2, -PAD, -PAD + 2)


def _sized(font: QFont, share: float, strong: bool = False) -> QFont:
    made = QFont(font)
    made.setPointSizeF(font.pointSizeF() * share)
    if strong:
        made.setWeight(QFont.Weight.DemiBold)
    return made


def _line(painter: QPainter, font: QFont, colour: str, x: float, y: float, text: str) -> None:
    painter.setFont(font)
    painter.setPen(QColor(colour))
    painter.drawText(QPointF(x, y + QFontMetricsF(font).ascent()), text)


class ResultsView(QListView):
    """The list itself. `copy_chosen` gives the Target of a copy that was picked."""

    copy_chosen = Signal(object)

    def __init__(self, look: Look, model: ResultsModel) -> None:
        super().__init__()
        self._look = look
        self.setModel(model)
        self._delegate = ResultDelegate(look, self)
        self.setItemDelegate(self._delegate)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setAccessibleName(tr("Results"))
        self.verticalScrollBar().setSingleStep(24)
        look.changed.connect(self.viewport().update)

    def copies_area(self, index: QModelIndex) -> QRectF:
        """Where the copies of a row are told, in the viewport; empty when it has none."""
        hit = index.data(HIT_ROLE)
        if not isinstance(hit, Hit):
            return QRectF()
        return self._delegate.copies_area(QRectF(self.visualRect(index)), self.font(), hit)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """A hand over what can be clicked."""
        over = self._row_of_copies(event) is not None
        self.viewport().setCursor(
            Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor
        )
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """A click on "and 3 copies" lists them."""
        super().mouseReleaseEvent(event)
        row = self._row_of_copies(event)
        if row is not None and event.button() == Qt.MouseButton.LeftButton:
            self._ask(row)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802 - Qt's name
        """The menu key, or the other mouse button, lists them too."""
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        row = self.currentIndex() if by_key else self.indexAt(event.pos())
        if not self.copies_area(row).isEmpty():
            self._ask(row)

    def _row_of_copies(self, event: QMouseEvent) -> QModelIndex | None:
        row = self.indexAt(event.position().toPoint())
        area = self.copies_area(row)
        return row if area.adjusted(-4, -4, 4, 4).contains(event.position()) else None

    def _ask(self, row: QModelIndex) -> None:
        self.setCurrentIndex(row)
        menu = copies_menu(self._look, self, row.data(HIT_ROLE), self.copy_chosen.emit)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.viewport().mapToGlobal(self.copies_area(row).bottomLeft().toPoint()))
