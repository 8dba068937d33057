"""What each part of a budget takes now and would take: two bars with one legend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QBoxLayout,
    QGridLayout,
    QSizePolicy,
    QWidget,
)

from ui.parts import Look, clear, column, label
from ui.text import difference_text, size_text, tr

BAR_PX, ROUNDING, LEAST_PX, GAP_PX = 14, 5, 0.3, 1.0
TWO_BLOCKS = 6  # parts from which the legend may stand in two blocks
DOT_PX, COLUMN_GAP_PX, BLOCK_GAP_PX = 10, 10, 32
MOST_CHARS = 90  # that one block is wide


@dataclass(frozen=True, slots=True)
class Part:
    """A named share, in bytes; None is not known. `colour` counts through the theme's parts."""

    name: str
    colour: int
    now_bytes: int | None
    planned_bytes: int | None
    detail: str = ""


def colour_of(look: Look, part: Part) -> QColor:
    """The colour of a part, the same wherever it is drawn."""
    colours = look.theme.colours.parts
    return QColor(colours[min(part.colour, len(colours) - 1)])


class Strip(QWidget):
    """Parts side by side on the ground of their budget, with a mark."""

    def __init__(self, look: Look, size_of: Callable[[Part], int | None]) -> None:
        super().__init__()
        self._look = look
        self._size_of = size_of
        self._parts: Sequence[Part] = ()
        self._room = self._scale = self._mark = 0
        self.setFixedHeight(BAR_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        look.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A thin line as wide as there is room."""
        return QSize(200, BAR_PX)

    def draw(
        self, parts: Sequence[Part], room_bytes: int, scale_bytes: int, mark_bytes: int
    ) -> None:
        """Draw parts in a room, which is a part of what the whole width stands for."""
        self._parts = parts
        self._room, self._scale, self._mark = room_bytes, max(1, scale_bytes), mark_bytes
        self.update()

    def _segments(self) -> list[tuple[Part, float, float]]:
        """Each part that can be seen, with its left edge and width."""
        found, left = [], 0.0
        for part in self._parts:
            width = self.width() * (self._size_of(part) or 0) / self._scale
            if width >= LEAST_PX:
                found.append((part, left, width))
            left += width
        return found

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802 - Qt's name
        """Draw the strip."""
        colours = self._look.theme.colours
        segments = self._segments()
        taken = segments[-1][1] + segments[-1][2] if segments else 0.0
        room = self.width() * min(1.0, self._room / self._scale)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = QRectF(0, 0, min(self.width(), max(room, taken)), self.height())
        shape = QPainterPath()
        shape.addRoundedRect(ground, ROUNDING, ROUNDING)
        painter.save()
        painter.setClipPath(shape)
        painter.fillRect(ground, QColor(colours.ground))
        for part, left, width in segments:
            drawn = max(1.0, width - GAP_PX)
            painter.fillRect(QRectF(left, 0, drawn, self.height()), colour_of(self._look, part))
        painter.restore()
        if self._mark:
            at = min(self.width() - 2.0, self.width() * self._mark / self._scale)
            painter.fillRect(QRectF(at, 0, 2, self.height()), QColor(colours.text))


class BudgetBar(QWidget):
    """The parts as they are, and below it as they would be, drawn to one scale.

    `then` is what the second row is called.
    """

    def __init__(self, look: Look, then: str) -> None:
        super().__init__()
        self._then = then
        self._now = Strip(look, lambda part: part.now_bytes)
        self._planned = Strip(look, lambda part: part.planned_bytes)
        self._planned_name = label(then, "small")
        self._planned.hide()
        self._planned_name.hide()
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(4)
        for line, (name, strip) in enumerate(
            ((label(tr("Now"), "small"), self._now), (self._planned_name, self._planned))
        ):
            grid.addWidget(name, line, 0)
            grid.addWidget(strip, line, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.setColumnStretch(1, 1)
        self.setLayout(grid)

    def draw(
        self, parts: Sequence[Part], used_bytes: int, room_bytes: int, planned_room_bytes: int
    ) -> None:
        """Draw both rows; without a plan there is only the first."""
        planned = sum(part.planned_bytes or 0 for part in parts)
        scale = max(room_bytes, planned_room_bytes, used_bytes, planned)
        self._now.draw(parts, room_bytes, scale, used_bytes)
        self._planned.draw(parts, planned_room_bytes, scale, used_bytes)
        known = has_plan(parts)
        if known:  # and it stays there without a plan, so that nothing jumps
            self._planned.show()
            self._planned_name.show()
        said = [
            f"{part.name}: {_size(part.now_bytes)}"
            + (f", {self._then} {_size(part.planned_bytes)}" if known else "")
            for part in parts
        ]
        self.setAccessibleName("; ".join(said))


def has_plan(parts: Sequence[Part]) -> bool:
    """Whether a plan says anything of these parts."""
    return any(part.planned_bytes is not None for part in parts)


def _size(size_bytes: int | None) -> str:
    return "–" if size_bytes is None else size_text(size_bytes)


def _change(part: Part) -> str:
    return difference_text(part.now_bytes, part.planned_bytes)


class Dot(QWidget):
    """A spot in the colour of a part."""

    def __init__(self, look: Look, part: Part) -> None:
        super().__init__()
        self._look, self._part = look, part
        self.setFixedSize(DOT_PX, DOT_PX)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802 - Qt's name
        """Draw the spot."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour_of(self._look, self._part))
        painter.drawEllipse(self.rect())


class Legend(QWidget):
    """Each part's name, what it takes now and would take, and the difference.

    Many parts stand in two blocks where there is room. `then` is what would be taken.
    """

    def __init__(self, look: Look, then: str) -> None:
        super().__init__()
        self._look = look
        self._heads = (tr("Now"), then, tr("Difference"))
        self._parts: list[Part] = []
        self._lines: list[_Line] = []
        self._planned = False
        self._blocks = [QGridLayout(), QGridLayout()]
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._row.setContentsMargins(0, 0, 0, 0)
        for block in self._blocks:
            block.setHorizontalSpacing(COLUMN_GAP_PX)
            block.setVerticalSpacing(4)
            self._row.addLayout(block, 1)
        self.setLayout(self._row)

    def show_parts(self, parts: Sequence[Part]) -> None:
        """List what takes something, or would. Once a plan was shown its columns stay."""
        before = (self._planned, [(part.colour, bool(part.detail)) for part in self._parts])
        self._planned = self._planned or has_plan(parts)
        self._parts = [part for part in parts if part.now_bytes or part.planned_bytes]
        after = (self._planned, [(part.colour, bool(part.detail)) for part in self._parts])
        if before != after or self._two_fit() != bool(self._blocks[1].count()):
            self._lay_out()
        else:
            self._say()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Go to one block where two have no room."""
        super().resizeEvent(event)
        if self._two_fit() != bool(self._blocks[1].count()):
            self._lay_out()
        self._narrow()

    def _narrow(self) -> None:
        """One block alone does not spread its columns over the whole width."""
        widest = MOST_CHARS * self.fontMetrics().averageCharWidth()
        spare = 0 if self._blocks[1].count() else max(0, self.width() - widest)
        self._row.setContentsMargins(0, 0, spare, 0)

    def _two_fit(self) -> bool:
        two_px = 2 * self._block_px() + BLOCK_GAP_PX
        return len(self._parts) >= TWO_BLOCKS and self.width() >= two_px

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """No wider than one block, or two would never give way to one."""
        return QSize(self._block_px(), super().minimumSizeHint().height())

    def _block_px(self) -> int:
        """The width that a block needs, whichever parts stand in it."""
        parts = self._parts
        bold = QFont(self.font())
        bold.setWeight(QFont.Weight.DemiBold)
        words, numbers = self.fontMetrics(), QFontMetrics(bold)
        columns = [[part.name for part in parts], [_size(part.now_bytes) for part in parts]]
        if self._planned:
            columns.append([_size(part.planned_bytes) for part in parts] + [self._heads[1]])
            columns.append([_change(part) for part in parts] + [self._heads[2]])
        widths = [max((words.horizontalAdvance(text) for text in columns[0]), default=0)]
        widths += [
            max((numbers.horizontalAdvance(text) for text in texts), default=0)
            for texts in columns[1:]
        ]
        return DOT_PX + sum(widths) + COLUMN_GAP_PX * len(columns)

    def _say(self) -> None:
        for line, part in zip(self._lines, self._parts, strict=True):
            line.say(part)

    def _lay_out(self) -> None:
        parts = self._parts
        half = (len(parts) + 1) // 2 if self._two_fit() else len(parts)
        self._lines = [_Line(part) for part in parts]
        self._say()
        for block, shown in zip(self._blocks, (slice(half), slice(half, None)), strict=True):
            clear(block)
            if parts[shown]:
                self._fill(block, parts[shown], self._lines[shown])
        self._row.setStretch(1, 1 if half < len(parts) else 0)
        self._row.setSpacing(BLOCK_GAP_PX if half < len(parts) else 0)
        self._narrow()

    def _fill(self, block: QGridLayout, parts: Sequence[Part], lines: Sequence[_Line]) -> None:
        right = Qt.AlignmentFlag.AlignRight
        heads = self._heads if self._planned else ()
        for at, head in enumerate(heads, start=2):
            block.addWidget(label(head, "small"), 0, at, right)
        for row, (part, line) in enumerate(zip(parts, lines, strict=True), start=1):
            dot = Dot(self._look, part)
            block.addWidget(dot, row, 0, Qt.AlignmentFlag.AlignVCenter)
            block.addWidget(line.words, row, 1)
            sizes = (line.now, line.planned, line.change) if self._planned else (line.now,)
            for at, size in enumerate(sizes, start=2):
                block.addWidget(size, row, at, right)
        block.setColumnStretch(1, 1)
        for row in range(block.rowCount() + 1):
            block.setRowStretch(row, 1 if row == len(parts) + 1 else 0)


class _Line:
    """The words of one part in the legend; new sizes go into the same labels."""

    def __init__(self, part: Part) -> None:
        self._name, self._detail = label(), label(role="small", wrap=True)
        if not part.detail:
            self._detail.hide()
        self.words = QWidget()
        self.words.setLayout(column(self._name, self._detail, spacing=0))
        self.now, self.planned = label(role="strong"), label(role="strong")
        self.change = label(role="muted")

    def say(self, part: Part) -> None:
        """Show a part's name and sizes."""
        self._name.setText(part.name)
        self._detail.setText(part.detail)
        self.now.setText(_size(part.now_bytes))
        self.planned.setText(_size(part.planned_bytes))
        self.change.setText(_change(part))
