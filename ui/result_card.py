"""A result as it is painted: a card with its file, or, below another of that file, its place."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
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
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from core.messages import Hit
from ui.copies import copies_text
from ui.icons import file_icon
from ui.parts import LEFT_TO_RIGHT, RIGHT_TO_LEFT, Look, is_right_to_left
from ui.result_rows import Row
from ui.text import (
    counted,
    date_text,
    one_line,
    place_text,
    split_path,
    state_text,
    tr,
    utf16,
)

ROW_ROLE = Qt.ItemDataRole.UserRole + 2
SNIPPET_LINES = 3
PAD = 14.0
GAP = 8.0
INDENT = 26.0  # of a passage whose file is named above
LEAST_TITLE = 60.0  # narrower, neither a title nor a date helps
TAGS_SHOWN = 3

_Index = QModelIndex | QPersistentModelIndex


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
    return date_text(hit.about.modified_s or hit.about.created_s or hit.mtime_s)


def _tags(hit: Hit) -> str:
    """The first few tags of a file."""
    return " ".join(f"#{one_line(tag)}" for tag in hit.tags[:TAGS_SHOWN])


def more_text(row: Row) -> str:
    """How many more passages of a file there are than are shown; empty when there are none."""
    return counted(row.hidden, tr("1 more here"), tr("%1 more here")) if row.hidden else ""


def spoken(row: Row) -> str:
    """A result as a screen reader says it."""
    hit = row.hit
    folder, name = split_path(hit.path)
    if not row.first:
        said = [tr("also in %1").replace("%1", name), place_text(hit.locator)]
        said += [one_line(hit.snippet) or state_text(hit.state)]
        said += [tr("found by %1").replace("%1", source_text(hit)), more_text(row)]
        return ". ".join(part for part in said if part)
    said = [name, _title(hit), place_text(hit.locator), copies_text(hit), _tags(hit)]
    said += [one_line(hit.snippet) or state_text(hit.state), _date(hit)]
    said += [tr("found by %1").replace("%1", source_text(hit)), folder, more_text(row)]
    return ". ".join(part for part in said if part)


@dataclass(frozen=True, slots=True)
class _Canvas:
    """Where a row is painted. All is reckoned from the left, and mirrored as it is drawn."""

    painter: QPainter
    row: QRectF
    mirrored: bool

    def place(self, area: QRectF) -> QRectF:
        """Where a part of the row is drawn."""
        return _mirrored(area, self.row) if self.mirrored else area

    def line(self, font: QFont, colour: str, x: float, y: float, text: str) -> None:
        """Draw a line of text; its letters keep their own direction."""
        metrics = QFontMetricsF(font)
        area = QRectF(x, y, metrics.horizontalAdvance(text), metrics.height())
        self.painter.setFont(font)
        self.painter.setPen(QColor(colour))
        self.painter.setLayoutDirection(RIGHT_TO_LEFT if is_right_to_left(text) else LEFT_TO_RIGHT)
        self.painter.drawText(QPointF(self.place(area).left(), y + metrics.ascent()), text)


def _mirrored(area: QRectF, row: QRectF) -> QRectF:
    return area.translated(row.left() + row.right() - area.left() - area.right(), 0)


class ResultDelegate(QStyledItemDelegate):
    """Paints a hit: icon, name, place, source, folder, and the snippet with its marks."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look
        self._view = parent

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:  # noqa: ARG002, N802
        """All cards are of one height, so that a long list costs nothing to lay out."""
        metrics = QFontMetricsF(_sized(option.font, 1.0))
        small = QFontMetricsF(_sized(option.font, 0.9))
        height = 2 * PAD + metrics.height() + small.height() + SNIPPET_LINES * metrics.lineSpacing()
        return QSize(200, round(height + 10 + GAP))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Paint one card."""
        row = index.data(ROW_ROLE)
        if not isinstance(row, Row):
            return
        colours = self._look.theme.colours
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        canvas = _Canvas(painter, QRectF(option.rect), self._is_mirrored())
        card = canvas.place(_card(canvas.row, row))
        state = option.state
        selected = bool(state & QStyle.StateFlag.State_Selected)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        view = option.widget
        focused = selected and view is not None and view.hasFocus()
        edge = colours.accent if selected else colours.border
        painter.setPen(QPen(QColor(edge), 2.0 if focused else 1.2 if selected else 1.0))
        painter.setBrush(QColor(colours.hover if hovered and not selected else colours.surface))
        painter.drawRoundedRect(card, 12, 12)
        paint = self._paint_hit if row.first else self._paint_further
        paint(canvas, option.font, _inner(canvas.row, row), row)
        painter.restore()

    def _paint_further(self, canvas: _Canvas, base: QFont, area: QRectF, row: Row) -> None:
        """Another passage of the file above: its place, and one line more of it."""
        colours = self._look.theme.colours
        small, body = _sized(base, 0.9), _sized(base, 1.0)
        metrics = QFontMetricsF(small)
        right = self._paint_badge(canvas, small, area, metrics.height() + 2, row.hit)
        more = more_text(row)
        if more:
            right -= metrics.horizontalAdvance(more)
            canvas.line(small, colours.accent_strong, right, area.top(), more)
            right -= 14
        place = place_text(row.hit.locator) or tr("in the same file")
        elided = metrics.elidedText(place, Qt.TextElideMode.ElideMiddle, right - area.left())
        canvas.line(small, colours.muted, area.left(), area.top(), elided)
        self._paint_words(canvas, body, area, area.top() + metrics.height() + 8, row)

    def _paint_words(
        self, canvas: _Canvas, font: QFont, area: QRectF, top: float, row: Row
    ) -> None:
        """The passage, or why it cannot be shown."""
        if row.hit.state == "ok":
            lines = SNIPPET_LINES if row.first else SNIPPET_LINES + 1
            self._paint_snippet(canvas, font, area, top, row.hit, lines)
        else:
            note = QFontMetricsF(font).elidedText(
                state_text(row.hit.state), Qt.TextElideMode.ElideRight, area.width()
            )
            canvas.line(font, self._look.theme.colours.warning, area.left(), top, note)

    def _paint_hit(self, canvas: _Canvas, base: QFont, area: QRectF, row: Row) -> None:
        hit = row.hit
        colours = self._look.theme.colours
        folder, name = split_path(hit.path)
        strong, small, body = _sized(base, 1.0, True), _sized(base, 0.9), _sized(base, 1.0)
        strong_metrics, small_metrics = QFontMetricsF(strong), QFontMetricsF(small)
        icon = self._look.icons.pixmap(file_icon(hit.path), colours.accent, 18)
        beside = QRectF(area.left(), area.top() + (strong_metrics.height() - 18) / 2, 18, 18)
        canvas.painter.drawPixmap(canvas.place(beside).topLeft(), icon)
        right = self._paint_badge(canvas, small, area, strong_metrics.height(), hit)
        left = area.left() + 26
        elided = strong_metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, right - left)
        canvas.line(strong, colours.text, left, area.top(), elided)
        left += strong_metrics.horizontalAdvance(elided) + 12
        if right - left > LEAST_TITLE:
            title = QFontMetricsF(body).elidedText(
                _title(hit), Qt.TextElideMode.ElideRight, right - left
            )
            canvas.line(body, colours.muted, left, area.top(), title)
        top = area.top() + strong_metrics.height() + 3
        right = self._paint_copies(canvas, small, area, top, row)
        place = place_text(hit.locator)
        where = f"{place}  ·  {folder}" if place else folder
        elided = small_metrics.elidedText(where, Qt.TextElideMode.ElideMiddle, right - area.left())
        canvas.line(small, colours.muted, area.left(), top, elided)
        top += small_metrics.height() + 6
        self._paint_words(canvas, body, area, top, row)

    def _paint_badge(
        self, canvas: _Canvas, font: QFont, area: QRectF, height: float, hit: Hit
    ) -> float:
        """The label of the side that found it; returns the left edge that others must keep to."""
        colours = self._look.theme.colours
        text = source_text(hit)
        width = QFontMetricsF(font).horizontalAdvance(text) + 18
        badge = QRectF(area.right() - width, area.top() - 1, width, height + 2)
        painter, placed = canvas.painter, canvas.place(badge)
        by_meaning = hit.source != "lexical"
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.accent_soft if by_meaning else colours.sunken))
        painter.drawRoundedRect(placed, badge.height() / 2, badge.height() / 2)
        painter.setPen(QColor(colours.accent_strong if by_meaning else colours.muted))
        painter.setFont(font)
        painter.drawText(placed, Qt.AlignmentFlag.AlignCenter, text)
        return badge.left() - 10

    def _paint_copies(
        self, canvas: _Canvas, font: QFont, area: QRectF, top: float, row: Row
    ) -> float:
        """The tags, the date and how many copies there are; returns the left edge as above."""
        colours = self._look.theme.colours
        metrics = QFontMetricsF(font)
        right = area.right()
        for text, colour in (
            (copies_text(row.hit), colours.accent_strong),
            (more_text(row), colours.accent_strong),
            (_date(row.hit), colours.muted),
            (_tags(row.hit), colours.accent_strong),
        ):
            if text:
                right -= metrics.horizontalAdvance(text)
                canvas.line(font, colour, right, top, text)
                right -= 14
        return right

    def copies_area(self, rect: QRectF, base: QFont, row: Row) -> QRectF:
        """Where in the row the copies are told; empty when there are none."""
        area = self._told_area(rect, base, row, copies_text(row.hit)) if row.first else QRectF()
        return self._placed(area, rect)

    def more_area(self, rect: QRectF, base: QFont, row: Row) -> QRectF:
        """Where in the row it is told that the file has more; empty when it has none."""
        metrics = QFontMetricsF(_sized(base, 0.9))
        area = self._told_area(rect, base, row, more_text(row))
        beside = copies_text(row.hit) if row.first else source_text(row.hit)
        if beside:
            shift = metrics.horizontalAdvance(beside) + (14 if row.first else 28)
            area.translate(-shift, 0)
        return self._placed(area, rect)

    def _is_mirrored(self) -> bool:
        return self._view.layoutDirection() == RIGHT_TO_LEFT

    def _placed(self, area: QRectF, row: QRectF) -> QRectF:
        return _mirrored(area, row) if self._is_mirrored() and not area.isEmpty() else area

    @staticmethod
    def _told_area(rect: QRectF, base: QFont, row: Row, text: str) -> QRectF:
        if not text:
            return QRectF()
        area = _inner(rect, row)
        metrics = QFontMetricsF(_sized(base, 0.9))
        width = metrics.horizontalAdvance(text)
        top = area.top()
        if row.first:
            top += QFontMetricsF(_sized(base, 1.0, True)).height() + 3
        return QRectF(area.right() - width, top, width, metrics.height())

    def _paint_snippet(
        self, canvas: _Canvas, font: QFont, area: QRectF, top: float, hit: Hit, lines: int
    ) -> None:
        colours = self._look.theme.colours
        painter, area = canvas.painter, canvas.place(area)
        text = one_line(hit.snippet)
        layout = QTextLayout(text, font)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout.setTextOption(option)
        layout.setFormats(self._marks(text, hit))
        metrics = QFontMetricsF(font)
        layout.beginLayout()
        y = 0.0
        for number in range(lines):
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(area.width())
            if number == lines - 1 and line.textStart() + line.textLength() < utf16(
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


def _card(rect: QRectF, row: Row) -> QRectF:
    return rect.adjusted(1 if row.first else INDENT, 1, -6, -GAP)


def _inner(rect: QRectF, row: Row) -> QRectF:
    return _card(rect, row).adjusted(PAD, PAD - 2, -PAD, -PAD + 2)


def _sized(font: QFont, share: float, strong: bool = False) -> QFont:
    made = QFont(font)
    made.setPointSizeF(font.pointSizeF() * share)
    if strong:
        made.setWeight(QFont.Weight.DemiBold)
    return made
