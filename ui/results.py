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
)
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QPainter,
    QPen,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from core.messages import Hit
from ui.icons import file_icon
from ui.parts import Look
from ui.text import one_line, place_text, split_path, state_text, tr, utf16

HIT_ROLE = Qt.ItemDataRole.UserRole + 1
SNIPPET_LINES = 3
PAD = 14.0
GAP = 8.0

Index = QModelIndex | QPersistentModelIndex


def source_text(hit: Hit) -> str:
    """Which side of the search found a passage, in a word or two."""
    return {"lexical": tr("words"), "semantic": tr("meaning"), "both": tr("words + meaning")}[
        hit.source
    ]


def spoken(hit: Hit) -> str:
    """A result as a screen reader says it."""
    folder, name = split_path(hit.path)
    said = [name, place_text(hit.locator), one_line(hit.snippet) or state_text(hit.state)]
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
        card = QRectF(option.rect).adjusted(1, 1, -6, -GAP)
        state = option.state
        selected = bool(state & QStyle.StateFlag.State_Selected)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        view = option.widget
        focused = selected and view is not None and view.hasFocus()
        edge = colours.accent if selected else colours.border
        painter.setPen(QPen(QColor(edge), 2.0 if focused else 1.2 if selected else 1.0))
        painter.setBrush(QColor(colours.hover if hovered and not selected else colours.surface))
        painter.drawRoundedRect(card, 12, 12)
        self._paint_hit(painter, option.font, card.adjusted(PAD, PAD - 2, -PAD, -PAD + 2), hit)
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
        top = area.top() + strong_metrics.height() + 3
        place = place_text(hit.locator)
        where = f"{place}  ·  {folder}" if place else folder
        elided = small_metrics.elidedText(where, Qt.TextElideMode.ElideMiddle, area.width())
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
    """The list itself."""

    def __init__(self, look: Look, model: ResultsModel) -> None:
        super().__init__()
        self.setModel(model)
        self.setItemDelegate(ResultDelegate(look, self))
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setAccessibleName(tr("Results"))
        self.verticalScrollBar().setSingleStep(24)
        look.changed.connect(self.viewport().update)
