"""One budget: its slider and exact field, and what is and would be kept inside it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QFrame, QWidget

from ui.budget_slider import MB, BudgetSlider, SizeField, scale_of
from ui.parts import Look, column, label, row
from ui.text import size_text, tr
from ui.usage import BudgetBar, Legend, Part

UNKNOWN_LARGEST = 64  # times the budget, where nobody knows how large the device is
FIELD_PX = 130


class BudgetCard(QFrame):
    """Shows a budget, and holds the one that the person wants until it is applied."""

    edited = Signal()

    def __init__(self, look: Look, name: str, heading: str, text: str, then: str) -> None:
        super().__init__()
        self.setProperty("card", "true")
        self._heading = heading
        self._in_force = 0
        self._used_bytes = 0
        self._parts: Sequence[Part] = ()
        self.title = label(role="heading", wrap=True)
        self.note = label(text, "small", wrap=True)
        self.field = SizeField(tr("%1, exactly").replace("%1", name))
        self.field.setMinimumWidth(FIELD_PX)
        self.slider = BudgetSlider(look, name)
        self._smallest, self._largest = label(role="small"), label(role="small")
        self._mark = label(role="small")
        self._ends = QWidget()
        self._ends.setLayout(
            column(self.slider, row(self._smallest, 1, self._mark, 1, self._largest), spacing=0)
        )  # fmt: skip
        self._ends.hide()
        self.bar, self.legend = BudgetBar(look, then), Legend(look, then)
        head = row(column(self.title, self.note, spacing=2), self.field, spacing=16)
        head.setStretch(0, 1)
        inside = column(head, self._ends, self.bar, self.legend, spacing=12)
        inside.setContentsMargins(18, 16, 18, 16)
        self.setLayout(inside)
        self.field.valueChanged.connect(self._typed)
        self.field.lineEdit().textEdited.connect(lambda _: self.edited.emit())
        self.slider.chosen.connect(self._slid)

    # --- what the person wants ----------------------------------------------------------

    @property
    def wanted_bytes(self) -> int | None:
        """The budget in the field; None when it is the one in force."""
        mb = round(self.field.value())
        return None if mb == round(self._in_force / MB) else mb * MB

    @property
    def in_force_bytes(self) -> int:
        """The budget that holds."""
        return self._in_force

    @property
    def complete(self) -> bool:
        """Whether the field holds a size, not half of one."""
        return self.field.hasAcceptableInput()

    def come_into_force(self, size_bytes: int) -> None:
        """This budget holds from now on; the field stays as it is."""
        self._in_force = size_bytes
        self._show_title()
        self._draw()

    def want(self, size_bytes: int) -> None:
        """Put a budget that is proposed into the field, as if the person had."""
        self._show_wanted(size_bytes)

    def put_back(self) -> None:
        """Show the budget in force again."""
        self._show_wanted(self._in_force)

    def _typed(self, mb: float) -> None:
        self.slider.show_bytes(mb * MB)
        self._draw()
        self.edited.emit()

    def _slid(self, size_bytes: int) -> None:
        self._show_wanted(size_bytes, move_slider=False)
        self.edited.emit()

    def _show_wanted(self, size_bytes: int, move_slider: bool = True) -> None:
        with QSignalBlocker(self.field):
            self.field.setValue(round(size_bytes / MB))
        if move_slider:
            self.slider.show_bytes(size_bytes)
        self._draw()

    # --- what is ------------------------------------------------------------------------

    def show_in_force(self, size_bytes: int) -> None:
        """The budget that holds; what the person has begun to change stays as it is."""
        kept = self.wanted_bytes is not None and self._in_force > 0
        self._in_force = size_bytes
        self._show_title()
        if not kept and self.complete:
            self._show_wanted(size_bytes)

    def show_ends(self, smallest_bytes: int, largest_bytes: int) -> None:
        """The ends of the slider, 0 for what nobody knows."""
        largest = largest_bytes or UNKNOWN_LARGEST * max(self._in_force, self._used_bytes)
        scale = scale_of(smallest_bytes, largest)
        self._ends.setVisible(scale is not None)
        if scale is not None:
            self.slider.set_scale(scale)
            self._smallest.setText(size_text(scale.smallest_bytes))
            self._largest.setText(size_text(scale.largest_bytes))
            self.slider.show_bytes(self.field.value() * MB)

    def show_parts(self, parts: Sequence[Part], used_bytes: int) -> None:
        """What takes how much now, and would take by the plan."""
        self._parts, self._used_bytes = parts, used_bytes
        self.slider.set_used(used_bytes)
        self._mark.setText(tr("▲ %1 in use now").replace("%1", size_text(used_bytes)))
        self._show_title()
        self.legend.show_parts(parts)
        self._draw()

    def _show_title(self) -> None:
        used, whole = size_text(self._used_bytes), size_text(self._in_force)
        self.title.setText(self._heading.replace("%1", used).replace("%2", whole))

    def _draw(self) -> None:
        self.bar.draw(
            self._parts, self._used_bytes, self._in_force, round(self.field.value()) * MB
        )  # fmt: skip
