"""The look: one set of colours for light, one for dark, and the style sheet made of them."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

from ui.icons import FOLDER
from ui.style_sheet import style_sheet

LEAST_POINTS = 10.0


@dataclass(frozen=True, slots=True)
class Colours:
    """Colours by what they are for, as #rrggbb. Text has a contrast of at least 4.5."""

    dark: bool
    window: str
    surface: str
    sunken: str
    hover: str
    border: str
    strong_border: str
    scroll: str
    text: str
    muted: str
    accent: str
    accent_strong: str
    on_accent: str
    accent_soft: str
    danger: str
    danger_soft: str
    warning: str
    warning_soft: str
    ground: str
    parts: tuple[str, ...]  # of a whole, side by side: neighbours differ in lightness too


LIGHT = Colours(
    dark=False,
    window="#f6f5f2",
    surface="#ffffff",
    sunken="#edece8",
    hover="#f1f0ec",
    border="#e2e0da",
    strong_border="#868b8e",
    scroll="#cfcdc6",
    text="#1c1f21",
    muted="#5c6368",
    accent="#0d7a70",
    accent_strong="#0a635b",
    on_accent="#ffffff",
    accent_soft="#d9efec",
    danger="#b3261e",
    danger_soft="#fbe9e7",
    warning="#8a5200",
    warning_soft="#fcf1dd",
    ground="#e6e4de",
    parts=(
        "#0d7a70",
        "#7cc4bb",
        "#2f66a3",
        "#93b8e0",
        "#6f4f9c",
        "#b9a1d8",
        "#a5641a",
        "#e2b877",
        "#8b9296",
    ),
)

DARK = Colours(
    dark=True,
    window="#16191a",
    surface="#1e2224",
    sunken="#121415",
    hover="#262b2d",
    border="#30363a",
    strong_border="#727b81",
    scroll="#40484c",
    text="#e7eaeb",
    muted="#a3acb1",
    accent="#4fc3b5",
    accent_strong="#74d6ca",
    on_accent="#06211e",
    accent_soft="#173c39",
    danger="#ff8a80",
    danger_soft="#3b2020",
    warning="#f0b860",
    warning_soft="#382c17",
    ground="#0e1112",
    parts=(
        "#4fc3b5", "#1f7d73", "#78aee8", "#38659a", "#b394e6",
        "#6e52a0", "#eab063", "#8f6526", "#8f999e",
    ),
)  # fmt: skip


class Theme(QObject):
    """The colours in force: the system's light or dark, unless the person chose one."""

    changed = Signal()

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application = application
        self._choice = "system"
        self.colours = LIGHT
        self.points = max(LEAST_POINTS, application.font().pointSizeF())
        application.setStyle("Fusion")
        application.styleHints().colorSchemeChanged.connect(self._follow)
        self._apply()

    def choose(self, choice: str) -> None:
        """Follow the system, or keep to "light" or "dark"."""
        if choice != self._choice:
            self._choice = choice
            self._apply()

    def _follow(self) -> None:
        if self._choice == "system":
            self._apply()

    def _apply(self) -> None:
        scheme = self._application.styleHints().colorScheme()
        dark = self._choice == "dark" or (
            self._choice == "system" and scheme == Qt.ColorScheme.Dark
        )
        self.colours = DARK if dark else LIGHT
        font = QFont(self._application.font())
        font.setPointSizeF(self.points)
        self._application.setFont(font)
        self._application.setPalette(_palette(self.colours))
        self._application.setStyleSheet(style_sheet(self.colours, self.points, FOLDER.as_posix()))
        self.changed.emit()


def _palette(colours: Colours) -> QPalette:
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: colours.window,
        QPalette.ColorRole.WindowText: colours.text,
        QPalette.ColorRole.Base: colours.surface,
        QPalette.ColorRole.AlternateBase: colours.hover,
        QPalette.ColorRole.Text: colours.text,
        QPalette.ColorRole.PlaceholderText: colours.muted,
        QPalette.ColorRole.Button: colours.surface,
        QPalette.ColorRole.ButtonText: colours.text,
        QPalette.ColorRole.ToolTipBase: colours.surface,
        QPalette.ColorRole.ToolTipText: colours.text,
        QPalette.ColorRole.Highlight: colours.accent,
        QPalette.ColorRole.HighlightedText: colours.on_accent,
        QPalette.ColorRole.Link: colours.accent,
        QPalette.ColorRole.Mid: colours.border,
    }
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(colours.muted))
    return palette
