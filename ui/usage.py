"""A bar of what each part uses of a whole, with its legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from ui.parts import Look, clear, label
from ui.text import size_text


@dataclass(frozen=True, slots=True)
class Part:
    """A named share, in bytes."""

    name: str
    size_bytes: int


class UsageBar(QWidget):
    """Parts side by side, each in a shade of the accent, out of `whole_bytes`."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.parts: Sequence[Part] = ()
        self._whole_bytes = 0
        self.setFixedHeight(14)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        look.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A thin line as wide as there is room."""
        return QSize(200, 14)

    def show_parts(self, parts: Sequence[Part], whole_bytes: int) -> None:
        """Draw these parts out of a whole."""
        self.parts = [part for part in parts if part.size_bytes > 0]
        self._whole_bytes = max(whole_bytes, sum(part.size_bytes for part in self.parts), 1)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802 - Qt's name
        """Draw the bar."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = QRectF(0, 1, self.width(), self.height() - 2)
        shape = QPainterPath()
        shape.addRoundedRect(whole, 6, 6)
        painter.setClipPath(shape)
        painter.fillRect(whole, QColor(self._look.theme.colours.sunken))
        left = 0.0
        for number, part in enumerate(self.parts):
            width = max(2.0, whole.width() * part.size_bytes / self._whole_bytes)
            colour = shade(self._look, number, len(self.parts))
            painter.fillRect(QRectF(left, whole.top(), width, whole.height()), colour)
            left += width


def shade(look: Look, number: int, parts: int) -> QColor:
    """The colour of one part: the accent, fading towards the ground from part to part."""
    colours = look.theme.colours
    accent, ground = QColor(colours.accent), QColor(colours.sunken)
    share = 0.66 * number / max(1, parts - 1)
    return QColor(
        round(accent.red() + (ground.red() - accent.red()) * share),
        round(accent.green() + (ground.green() - accent.green()) * share),
        round(accent.blue() + (ground.blue() - accent.blue()) * share),
    )


class Dot(QWidget):
    """A spot in the colour of a part."""

    def __init__(self, look: Look, number: int, parts: int) -> None:
        super().__init__()
        self._look, self._number, self._parts = look, number, parts
        self.setFixedSize(10, 10)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802 - Qt's name
        """Draw the spot."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shade(self._look, self._number, self._parts))
        painter.drawEllipse(self.rect())


class Legend(QWidget):
    """Names and sizes of the parts, in two columns."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(6)
        self.setLayout(self._grid)

    def show_parts(self, parts: Sequence[Part]) -> None:
        """Show these parts, those of the bar first and in its colours."""
        clear(self._grid)
        drawn = [part for part in parts if part.size_bytes > 0]
        half = (len(parts) + 1) // 2
        order = [*drawn, *(part for part in parts if part.size_bytes <= 0)]
        for at, part in enumerate(order):
            line, side = at % half, 4 * (at // half)
            dot: QWidget = Dot(self._look, at, len(drawn)) if at < len(drawn) else QLabel()
            size = label(size_text(part.size_bytes), "strong" if at < len(drawn) else "muted")
            size.setAlignment(Qt.AlignmentFlag.AlignRight)
            self._grid.addWidget(dot, line, side, Qt.AlignmentFlag.AlignVCenter)
            self._grid.addWidget(label(part.name), line, side + 1)
            self._grid.addWidget(size, line, side + 2)
        self._grid.setColumnMinimumWidth(3, 32)
        for at in (1, 5):
            self._grid.setColumnStretch(at, 1)
