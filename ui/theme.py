"""The look: colours for light, dark and high contrast, and the style sheet made of them."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

from ui.icons import FOLDER
from ui.style_sheet import style_sheet

LEAST_POINTS = 10.0
MOST_BREADTH = 1.5  # beyond it the window would be wider than small screens


@dataclass(frozen=True, slots=True)
class Colours:
    """Colours by what they are for, as #rrggbb.

    Text has a contrast of at least 4.5 to every ground it stands on (7 in high contrast), rings
    of the focus and icons at least 3 (Web Content Accessibility Guidelines 2, 1.4.3 and 1.4.11).
    """

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
    fill: str  # of the button to press next
    fill_strong: str
    on_fill: str
    fill_ring: str  # shows the focus on it
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
    strong_border="#7b8184",
    scroll="#cfcdc6",
    text="#1c1f21",
    muted="#5c6368",
    accent="#0d7a70",
    accent_strong="#0a635b",
    on_accent="#ffffff",
    accent_soft="#d9efec",
    fill="#0d7a70",
    fill_strong="#0a635b",
    on_fill="#ffffff",
    fill_ring="#1c1f21",
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
    strong_border="#7b848a",
    scroll="#40484c",
    text="#e7eaeb",
    muted="#a3acb1",
    accent="#4fc3b5",
    accent_strong="#74d6ca",
    on_accent="#06211e",
    accent_soft="#173c39",
    fill="#1f7d73",  # so deep that a light ring around it is seen
    fill_strong="#1a6d64",
    on_fill="#ffffff",
    fill_ring="#e7eaeb",
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

CONTRAST_LIGHT = Colours(
    dark=False,
    window="#ffffff",
    surface="#ffffff",
    sunken="#ffffff",
    hover="#e8e8e8",
    border="#595959",
    strong_border="#000000",
    scroll="#595959",
    text="#000000",
    muted="#2b2b2b",
    accent="#00473f",
    accent_strong="#00352f",
    on_accent="#ffffff",
    accent_soft="#cdeae6",
    fill="#00564d",
    fill_strong="#00352f",
    on_fill="#ffffff",
    fill_ring="#ffc400",
    danger="#8c0000",
    danger_soft="#ffffff",
    warning="#5c3500",
    warning_soft="#ffffff",
    ground="#ffffff",
    parts=LIGHT.parts,
)

CONTRAST_DARK = Colours(
    dark=True,
    window="#000000",
    surface="#000000",
    sunken="#000000",
    hover="#262626",
    border="#a6a6a6",
    strong_border="#ffffff",
    scroll="#a6a6a6",
    text="#ffffff",
    muted="#e0e0e0",
    accent="#7ff0e2",
    accent_strong="#a5f7ec",
    on_accent="#000000",
    accent_soft="#00403a",
    fill="#00605a",
    fill_strong="#00403a",
    on_fill="#ffffff",
    fill_ring="#ffffff",
    danger="#ffb3ac",
    danger_soft="#000000",
    warning="#ffd480",
    warning_soft="#000000",
    ground="#000000",
    parts=DARK.parts,
)


def colours_for(choice: str, system_dark: bool, system_contrast: bool) -> Colours:
    """The colours for what the person chose and what the system asks for. Pure.

    "light" and "dark" are taken at their word; "contrast" and, where the system asks for more
    contrast, "system" take the strong colours of the side that the system is on.
    """
    dark = choice == "dark" or (choice != "light" and system_dark)
    if choice == "contrast" or (choice == "system" and system_contrast):
        return CONTRAST_DARK if dark else CONTRAST_LIGHT
    return DARK if dark else LIGHT


class Theme(QObject):
    """The colours in force: the system's light, dark or contrast, unless the person chose."""

    changed = Signal()

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application = application
        self._choice = "system"
        self.colours = LIGHT
        self._usual_points = max(LEAST_POINTS, application.font().pointSizeF())
        self.points = self._usual_points
        application.setStyle("Fusion")
        hints = application.styleHints()
        hints.colorSchemeChanged.connect(self._follow)
        hints.accessibility().contrastPreferenceChanged.connect(self._follow)
        self._apply()

    def choose(self, choice: str) -> None:
        """Follow the system, or keep to "light", "dark" or "contrast"."""
        if choice != self._choice:
            self._choice = choice
            self._apply()

    def scale_text(self, percent: int) -> None:
        """Write everything in this per cent of the size that the system has for text."""
        points = self._usual_points * percent / 100
        if points != self.points:
            self.points = points
            self._apply()

    @property
    def breadth(self) -> float:
        """How much wider than for text of usual size what holds text is to be."""
        return min(max(1.0, self.points / LEAST_POINTS), MOST_BREADTH)

    def _follow(self) -> None:
        if self._choice in ("system", "contrast"):
            self._apply()

    def _apply(self) -> None:
        hints = self._application.styleHints()
        self.colours = colours_for(
            self._choice,
            hints.colorScheme() == Qt.ColorScheme.Dark,
            hints.accessibility().contrastPreference() == Qt.ContrastPreference.HighContrast,
        )
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
