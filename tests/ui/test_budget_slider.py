"""The slider's scale, and sizes as they are typed."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QLocale, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from ui.budget_slider import MB, BudgetSlider, Scale, SizeField, scale_of
from ui.parts import Look

ENDS = st.tuples(st.integers(1, 5000), st.integers(2, 4_000_000)).map(
    lambda ends: (ends[0] * MB, (ends[0] + ends[1]) * MB)
)


@given(ENDS)
def test_a_scale_goes_up_from_end_to_end_in_small_ratios(ends: tuple[int, int]) -> None:
    scale = Scale(*ends)
    sizes = [scale.bytes_at(step) for step in range(scale.steps + 1)]
    assert (sizes[0], sizes[-1]) == ends
    assert sizes == sorted(sizes)
    assert all(size % MB == 0 for size in sizes)
    for lower, upper in itertools.pairwise(sizes):
        # Where a hundredth is less than a whole MB it is the MB that rounds.
        assert upper - lower <= 0.05 * lower + 2 * MB


@given(ENDS, st.floats(0, 1))
def test_a_budget_finds_its_place_again(ends: tuple[int, int], share: float) -> None:
    scale = Scale(*ends)
    size = ends[0] * (ends[1] / ends[0]) ** share
    found = scale.bytes_at(scale.step_of(size))
    assert abs(found - size) <= 0.04 * size + MB
    assert scale.step_of(ends[0] / 2) == 0
    assert scale.step_of(2 * ends[1]) == scale.steps


def test_ends_are_whole_megabytes_inside_those_given() -> None:
    scale = scale_of(412_300_000, 16_654_000_128)
    assert scale == Scale(413_000_000, 16_654_000_000)
    assert scale_of(0, 500) is None
    assert scale_of(500_000_000, 500_000_000) is None


@pytest.mark.parametrize(
    ("before", "text", "mb"),
    [
        (500, "80 MB", 80),
        (500, "80", 80),
        (500, "2 GB", 2000),
        (500, "2.5g", 2500),
        (500, "1 tb", 1_000_000),
        (500, "1 GiB", 1000),
        (2000, "3", 3000),  # the unit that stood there
        (2000, "1,5 GB", 1500),
        (500, "1,500", 1500),
        (500, "0", 0),
    ],
)
def test_sizes_are_typed_in_common_spellings(
    qtbot: Any, before: float, text: str, mb: float
) -> None:
    field = SizeField("Budget")
    qtbot.addWidget(field)
    field.setLocale(QLocale("en_GB"))
    field.setValue(before)
    field.selectAll()
    qtbot.keyClicks(field, text)
    assert field.hasAcceptableInput()
    assert field.value() == mb


def test_a_bare_number_keeps_the_unit_while_it_is_typed(qtbot: Any) -> None:
    field = SizeField("Budget")
    qtbot.addWidget(field)
    field.setLocale(QLocale("en_GB"))
    field.setValue(500)
    field.show()
    field.sizeHint()
    for before, keys, mb in ((500, "20000", 20_000), (2000, "30", 30_000), (30_000, "40m", 40)):
        field.setValue(before)
        field.selectAll()
        qtbot.keyClicks(field, keys)
        assert field.value() == mb


@pytest.mark.parametrize("text", ["", "GB", "-5 MB", "a lot", "5 EB", "1 2 x", "9e99 GB"])
def test_what_is_no_size_changes_nothing(qapp: Any, text: str) -> None:
    del qapp
    field = SizeField("Budget")
    field.setValue(500)
    field.lineEdit().setText(text)
    assert not field.hasAcceptableInput()
    assert field.value() == 500


@given(st.integers(0, 999_999_999))
def test_every_whole_size_is_shown_so_that_it_can_be_read_back(mb: int) -> None:
    assert QApplication.instance() is not None or QApplication([])
    field = SizeField("Budget")
    field.setLocale(QLocale("en_GB"))
    assert field.valueFromText(field.textFromValue(mb)) == mb


def test_keys_move_the_slider_and_the_wheel_only_in_focus(qtbot: Any, look: Look) -> None:
    slider = BudgetSlider(look, "Disk budget")
    qtbot.addWidget(slider)
    slider.set_scale(Scale(4 * MB, 512_000 * MB))
    slider.set_used(106 * MB)
    slider.show_bytes(500 * MB)
    slider.resize(600, 30)
    slider.show()
    chosen: list[int] = []
    slider.chosen.connect(chosen.append)
    wheel(slider)
    assert not chosen
    slider.setFocus()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
        qtbot.keyClick(slider, key)
    ratios = [chosen[0] / 500e6, chosen[1] / chosen[0], chosen[2] / chosen[1]]
    assert ratios[0] == pytest.approx(1.04, abs=0.015)
    assert ratios[1] == pytest.approx(1 / 1.04, abs=0.015)
    assert ratios[2] == pytest.approx(2.0, rel=0.03)
    assert chosen[3] == chosen[1]
    qtbot.keyClick(slider, Qt.Key.Key_Home)
    qtbot.keyClick(slider, Qt.Key.Key_End)
    assert chosen[-2:] == [4 * MB, 512_000 * MB]
    assert slider.accessibleName() == "Disk budget"
    assert slider.accessibleDescription() == "512 GB"
    share = math.log(106 / 4) / math.log(512_000 / 4)
    assert slider.mark_x() / slider.width() == pytest.approx(share, abs=0.02)


def wheel(slider: BudgetSlider) -> None:
    """Turn the wheel over a slider."""
    middle = QPointF(300, 15)
    event = QWheelEvent(
        middle, middle, QPoint(0, 0), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(slider, event)
