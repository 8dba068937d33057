"""Colours: each text can be read on each ground it stands on, each ring of the focus be seen."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDateEdit,
    QLineEdit,
    QPlainTextEdit,
    QSpinBox,
    QWidget,
)

from ui.parts import Look
from ui.theme import CONTRAST_DARK, CONTRAST_LIGHT, DARK, LIGHT, Colours, colours_for

GROUNDS = ("window", "surface", "sunken", "hover")
TEXTS = [  # which text stands on which ground
    *product(("text", "muted"), (*GROUNDS, "accent_soft", "danger_soft", "warning_soft")),
    *product(("accent_strong", "danger", "warning"), GROUNDS),
    ("accent", "window"),
    ("accent", "surface"),
    ("accent_strong", "accent_soft"),
    ("danger", "danger_soft"),
    ("warning", "warning_soft"),
    ("on_accent", "accent"),
    ("on_fill", "fill"),
    ("on_fill", "fill_strong"),
]
SEEN = [  # rings of the focus and icons beside what they must be told from
    *product(("accent", "strong_border", "muted"), GROUNDS),
    ("accent", "accent_soft"),
    ("fill_ring", "fill"),
    ("on_fill", "fill"),
]
ALL = {"light": LIGHT, "dark": DARK, "strong light": CONTRAST_LIGHT, "strong dark": CONTRAST_DARK}


def contrast(first: str, second: str) -> float:
    """The contrast of two colours (WCAG 2, relative luminance)."""

    def luminance(name: str) -> float:
        colour = QColor(name)
        parts = [
            p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4
            for p in (colour.redF(), colour.greenF(), colour.blueF())
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def below(colours: Colours, pairs: list[tuple[str, str]], least: float) -> list[object]:
    found = [(a, b, contrast(getattr(colours, a), getattr(colours, b))) for a, b in pairs]
    return [pair for pair in found if pair[2] < least]


@pytest.mark.parametrize("name", ALL)
def test_text_can_be_read_and_focus_be_seen(name: str) -> None:
    strong = name.startswith("strong")
    assert not below(ALL[name], TEXTS, 7.0 if strong else 4.5)
    assert not below(ALL[name], SEEN, 4.5 if strong else 3.0)


@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
@pytest.mark.parametrize("ticked", [False, True])
def test_a_box_to_tick_is_seen(qtbot: Any, look: Look, theme: str, ticked: bool) -> None:
    look.theme.choose(theme)
    box = QCheckBox()
    qtbot.addWidget(box)
    box.setChecked(ticked)
    box.ensurePolished()
    box.resize(box.sizeHint())
    picture = box.grab().toImage()
    ground = look.theme.colours.surface
    middle = picture.height() // 2
    across = [picture.pixelColor(x, middle).name() for x in range(picture.width())]
    seen = [contrast(colour, ground) >= 3.0 for colour in across]
    assert 2 <= seen.count(True) < len(across)
    if ticked:
        assert any(contrast(colour, look.theme.colours.fill) >= 4.5 for colour in across)


@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
@pytest.mark.parametrize("kind", [QLineEdit, QPlainTextEdit, QComboBox, QSpinBox, QDateEdit])
def test_the_border_of_a_field_is_seen(
    qtbot: Any, look: Look, theme: str, kind: type[QWidget]
) -> None:
    look.theme.choose(theme)
    field = kind()
    qtbot.addWidget(field)
    field.ensurePolished()
    field.resize(160, 40)
    picture = field.grab().toImage()
    edge = picture.pixelColor(0, picture.height() // 2).name()
    grounds = [getattr(look.theme.colours, name) for name in GROUNDS]
    assert min(contrast(edge, ground) for ground in grounds) >= 3.0


@pytest.mark.parametrize(
    ("choice", "system_dark", "system_contrast", "colours"),
    [
        ("system", False, False, LIGHT),
        ("system", True, False, DARK),
        ("system", False, True, CONTRAST_LIGHT),
        ("system", True, True, CONTRAST_DARK),
        ("light", True, True, LIGHT),
        ("dark", False, True, DARK),
        ("contrast", False, False, CONTRAST_LIGHT),
        ("contrast", True, False, CONTRAST_DARK),
    ],
)
def test_colours_follow_the_person_and_then_the_system(
    choice: str, system_dark: bool, system_contrast: bool, colours: Colours
) -> None:
    assert colours_for(choice, system_dark, system_contrast) is colours
