"""A budget is chosen with a slider, or typed exactly in the field beside it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QSignalBlocker, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPolygonF,
    QValidator,
)
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QDoubleSpinBox,
    QSlider,
    QStyle,
    QStyleOptionSlider,
)

from ui.parts import Look, calm_wheel, pad
from ui.text import size_text

MB = 1_000_000
RATIO = 1.02  # of neighbouring places of the slider
ARROW_STEPS, PAGE_STEPS = 2, 35  # 4 %, and twice or half
MOST_MB = 1e9
UNITS_MB = {"m": 1.0, "g": 1000.0, "t": 1e6}
MARK_PX = 5.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Places of a slider from the smallest to the largest budget, each a little more."""

    smallest_bytes: int
    largest_bytes: int

    @property
    def steps(self) -> int:
        """How many places there are above the first."""
        return max(1, round(math.log(self.largest_bytes / self.smallest_bytes) / math.log(RATIO)))

    def bytes_at(self, step: int) -> int:
        """The budget at a place: whole MB, and three digits of it, but for the ends."""
        if step <= 0:
            return self.smallest_bytes
        if step >= self.steps:
            return self.largest_bytes
        share = step / self.steps
        ratio = self.largest_bytes / self.smallest_bytes
        exact = self.smallest_bytes * math.pow(ratio, share)
        unit = max(MB, int(math.pow(10, math.floor(math.log10(exact)) - 2)))
        return min(max(round(exact / unit) * unit, self.smallest_bytes), self.largest_bytes)

    def step_of(self, size_bytes: float) -> int:
        """The place nearest to a budget; the ends for those beyond them."""
        inside = min(max(size_bytes, self.smallest_bytes), self.largest_bytes)
        whole = math.log(self.largest_bytes / self.smallest_bytes)
        return round(self.steps * math.log(inside / self.smallest_bytes) / whole) if whole else 0


def scale_of(smallest_bytes: int, largest_bytes: int) -> Scale | None:
    """A scale between the ends in whole MB; None when there is nothing between them."""
    low = max(1, math.ceil(smallest_bytes / MB)) * MB
    high = largest_bytes // MB * MB
    return Scale(low, high) if smallest_bytes > 0 and high > low else None


class BudgetSlider(QSlider):
    """A logarithmic slider in bytes, with a mark at what is in use."""

    chosen = Signal(object)  # bytes, by the person

    def __init__(self, look: Look, name: str) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._look = look
        self._scale: Scale | None = None
        self._used_bytes = 0
        self.setAccessibleName(name)
        self.setSingleStep(ARROW_STEPS)
        self.setPageStep(PAGE_STEPS)
        self.setMinimumHeight(30)
        calm_wheel(self)
        self.valueChanged.connect(self._moved)
        look.changed.connect(self.update)

    def set_scale(self, scale: Scale) -> None:
        """Set the ends."""
        if scale != self._scale:
            self._scale = scale
            with QSignalBlocker(self):
                self.setRange(0, scale.steps)
            self.update()

    def set_used(self, used_bytes: int) -> None:
        """Set the mark."""
        self._used_bytes = used_bytes
        self.update()

    def show_bytes(self, size_bytes: float) -> None:
        """Show a budget without telling of it."""
        if self._scale is not None:
            with QSignalBlocker(self):
                self.setValue(self._scale.step_of(size_bytes))
            self.setAccessibleDescription(size_text(size_bytes))

    def _moved(self, step: int) -> None:
        if self._scale is not None:
            size = self._scale.bytes_at(step)
            self.setAccessibleDescription(size_text(size))
            self.chosen.emit(size)

    def mark_x(self) -> float:
        """Where the mark stands."""
        if self._scale is None:
            return 0.0
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        option.sliderPosition = option.sliderValue = self._scale.step_of(self._used_bytes)
        handle = self.style().subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, self
        )
        return handle.x() + handle.width() / 2

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the slider, and the mark under its groove."""
        super().paintEvent(event)
        if self._scale is None or not self._used_bytes:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._look.theme.colours.text))
        draw_mark(painter, self.mark_x(), self.height() / 2 + 5)


def draw_mark(painter: QPainter, x: float, top: float) -> None:
    """A small triangle that points up at a place."""
    mark = QPolygonF()
    for right, down in ((0.0, 0.0), (MARK_PX, 1.6 * MARK_PX), (-MARK_PX, 1.6 * MARK_PX)):
        mark.append(QPointF(x + right, top + down))
    painter.drawPolygon(mark)


class SizeField(QDoubleSpinBox):
    """Megabytes, shown and typed as MB or GB; a bare number is in the unit that stood there."""

    def __init__(self, name: str) -> None:
        self._unit_mb = 1.0
        super().__init__()
        self.setDecimals(0)
        self.setRange(0, MOST_MB)
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        self.setAccessibleName(name)
        pad(self)
        calm_wheel(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Remember the unit that stands there before it is typed over."""
        self._keep_unit()
        super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """The same, for what is pasted."""
        self._keep_unit()
        super().focusInEvent(event)

    def _keep_unit(self) -> None:
        unit = re.search(r"([mgt])i?b?\s*$", self.text(), re.IGNORECASE)
        if unit is not None:
            self._unit_mb = UNITS_MB[unit[1].lower()]

    def textFromValue(self, value: float) -> str:  # noqa: N802 - Qt's name
        """500 MB, 2.047 GB."""
        if value < 1000:
            return f"{value:.0f} MB"
        number = self.locale().toString(value / UNITS_MB["g"], "f", 3)
        return f"{number.rstrip('0').rstrip(self.locale().decimalPoint())} GB"

    def valueFromText(self, text: str) -> float:  # noqa: N802 - Qt's name
        """Megabytes of what was typed; what stood there before when it says nothing."""
        found = self._parse(text)
        return self.value() if found is None else found

    def validate(self, text: str, at: int) -> tuple[QValidator.State, str, int]:
        """Whether what was typed so far is a size, or may become one."""
        state = QValidator.State
        found = self._parse(text)
        good = found is not None and 0 <= found <= self.maximum()
        return (state.Acceptable if good else state.Intermediate), text, at

    def _parse(self, text: str) -> float | None:
        found = re.fullmatch(r"\s*([\d.,'\s]+?)\s*([mgt]?)i?b?\s*", text, re.IGNORECASE)
        if found is None:
            return None
        number, good = self.locale().toDouble(found[1])
        if not good:
            try:
                number = float(found[1].replace(",", "."))
            except ValueError:
                return None
        unit = UNITS_MB.get(found[2].lower(), self._unit_mb)
        return float(round(number * unit))
