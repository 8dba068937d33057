"""Small parts that every page is made of: labels, cards, banners, empty states, buttons."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStyle,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from core.messages import Failed
from ui.icons import Icons
from ui.text import tame, tr
from ui.theme import Theme

ICON, ICON_GAP = 18, 5
LEFT_TO_RIGHT, RIGHT_TO_LEFT = Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft
PAGE_PX = 820  # the readable width of a page


class Look(QObject):
    """The theme and the icons together: what a part needs to draw itself."""

    changed = Signal()

    def __init__(self, theme: Theme, icons: Icons) -> None:
        super().__init__(theme)
        self.theme = theme
        self.icons = icons
        theme.changed.connect(self.changed)

    def dress(self, button: QPushButton | QToolButton, icon: str, role: str = "text") -> None:
        """Give a button an icon that keeps its colour right when the theme changes."""

        gap = ICON_GAP if isinstance(button, QPushButton) else 0

        def paint() -> None:
            button.setIcon(self.icons.icon(icon, getattr(self.theme.colours, role), gap=gap))

        button.setIconSize(QSize(ICON + gap, ICON))
        paint()
        self.theme.changed.connect(paint)
        button.destroyed.connect(lambda: self.theme.changed.disconnect(paint))

    def keep_width(self, part: QWidget, px: int, put: Callable[[int], object]) -> None:
        """Give a part a width of `px` for text of usual size, and more where text is larger."""

        def fit() -> None:
            put(round(px * self.theme.breadth))

        fit()
        self.theme.changed.connect(fit)
        part.destroyed.connect(lambda: self.theme.changed.disconnect(fit))


def is_right_to_left(text: str) -> bool:
    """Whether the first letter with a direction is of a script written from the right."""
    kinds = (unicodedata.bidirectional(letter) for letter in text)
    return next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"


def label(text: str = "", role: str = "", wrap: bool = False) -> QLabel:
    """Text that is drawn as it is: never as markup, whatever it holds."""
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    made.setWordWrap(wrap)
    if QGuiApplication.layoutDirection() == RIGHT_TO_LEFT:
        # Qt would put a text of Latin letters, such as a name, on the left.
        side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute
        made.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
    if role:
        made.setProperty("role", role)
    if wrap:
        made.setMinimumWidth(1)
    return made


def button(text: str, clicked: Callable[[], object], kind: str = "") -> QPushButton:
    """A push button; `kind` is primary, danger, quiet, plain, segment, source or nav."""
    made = QPushButton(text)
    made.setAutoDefault(False)
    made.clicked.connect(lambda _=False: clicked())
    if kind:
        made.setProperty("kind", kind)
    return made


def fill_height(made: QPushButton) -> None:
    """Make a button as tall as the field beside it."""
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
    made.setProperty("beside", "entry")


def pad(box: QAbstractSpinBox) -> None:
    """Keep a number off the frame of its box, which a style sheet does not."""
    box.lineEdit().setTextMargins(8, 0, 8, 0)


class _CalmWheel(QObject):
    """Scrolling the page over a field does not change it, unless the person is in it."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        wheel = event.type() == QEvent.Type.Wheel
        if wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def calm_wheel(field: QWidget) -> None:
    """Let the wheel change a field only when it has the focus, which the wheel does not give."""
    field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    field.installEventFilter(_CalmWheel(field))


def icon_button(look: Look, icon: str, name: str, clicked: Callable[[], object]) -> QToolButton:
    """A button with just an icon; its name is said by screen readers and shown as a tip."""
    made = QToolButton()
    made.setProperty("kind", "quiet")
    made.setAccessibleName(name)
    made.setToolTip(name)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    made.clicked.connect(lambda _=False: clicked())
    look.dress(made, icon, "muted")
    return made


def restyle(widget: QWidget, name: str, value: str) -> None:
    """Change a property that the style sheet looks at."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def column(*items: QWidget | QLayout | int, margin: int = 0, spacing: int = 8) -> QVBoxLayout:
    """Parts below each other; a number is a stretch."""
    layout = QVBoxLayout()
    _fill(layout, items, margin, spacing)
    return layout


def row(*items: QWidget | QLayout | int, margin: int = 0, spacing: int = 8) -> QHBoxLayout:
    """Parts side by side; a number is a stretch."""
    layout = QHBoxLayout()
    _fill(layout, items, margin, spacing)
    return layout


def _fill(
    layout: QVBoxLayout | QHBoxLayout,
    items: tuple[QWidget | QLayout | int, ...],
    margin: int,
    spacing: int,
) -> None:
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(spacing)
    for item in items:
        if isinstance(item, int):
            layout.addStretch(item)
        elif isinstance(item, QWidget):
            layout.addWidget(item)
        else:
            layout.addLayout(item)


def rule(direction: str = "across") -> QFrame:
    """A thin line between two parts, `across` or `down`."""
    made = QFrame()
    made.setProperty("rule", direction)
    return made


def card(layout: QLayout) -> QFrame:
    """A framed surface around a layout."""
    made = QFrame()
    made.setProperty("card", "true")
    made.setLayout(layout)
    return made


def page_of(content: QLayout, width: int = PAGE_PX) -> QScrollArea:
    """A scrolling page whose content stays in a column of readable width."""
    inner = QWidget()
    inner.setProperty("ground", "none")
    inner.setLayout(content)
    inner.setMaximumWidth(width)
    ground = QWidget()
    ground.setProperty("ground", "none")
    across = row(inner, margin=0, spacing=0)
    across.setContentsMargins(28, 24, 28, 28)
    across.setAlignment(inner, Qt.AlignmentFlag.AlignTop)
    ground.setLayout(across)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(ground)
    return area


def clear(layout: QLayout) -> None:
    """Take everything out of a layout and let go of it."""
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        inner = item.layout()
        if inner is not None:
            clear(inner)


class Banner(QFrame):
    """A message in its place: what happened, what to do, and a way on. Hidden until needed."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._title = label(role="strong", wrap=True)
        self._advice = label(wrap=True)
        self._action = button("", self._act)
        self._other = button("", self._act_otherwise, "quiet")
        self._run: Callable[[], None] | None = None
        self._run_other: Callable[[], None] | None = None
        words = column(self._title, self._advice, spacing=2)
        line = row(words, spacing=12)
        line.setStretch(0, 1)
        line.addWidget(self._other, 0, Qt.AlignmentFlag.AlignVCenter)
        line.addWidget(self._action, 0, Qt.AlignmentFlag.AlignVCenter)
        line.setContentsMargins(14, 10, 12, 10)
        self.setLayout(line)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.hide()

    def tell(
        self,
        title: str,
        advice: str = "",
        tone: str = "info",
        action: str = "",
        run: Callable[[], None] | None = None,
        other: str = "",
        run_other: Callable[[], None] | None = None,
    ) -> None:
        """Show a message; `tone` is info, warning, error or question."""
        title, advice = tame(title), tame(advice)
        self._title.setText(title)
        self._advice.setText(advice)
        self._advice.setVisible(bool(advice))
        self._action.setText(action)
        self._action.setVisible(run is not None)
        self._other.setText(other)
        self._other.setVisible(bool(other))
        self._run, self._run_other = run, run_other
        self.setAccessibleName(f"{title} {advice}".strip())
        restyle(self, "banner", tone)
        self.show()

    def focus_action(self) -> None:
        """Put the focus on the way on, for who came here by keyboard."""
        self._action.setFocus(Qt.FocusReason.OtherFocusReason)

    def fail(self, failed: Failed, retry: Callable[[], None] | None = None) -> None:
        """Show why a request failed, with a way to try again."""
        self.tell(failed.title, failed.advice, "error", tr("Retry"), retry)

    def working(self) -> None:
        """Say that an answer takes longer than usual."""
        self.tell(tr("Still working…"), tr("This takes longer than usual."), "info")

    def _act(self) -> None:
        run = self._run
        self.hide()
        if run is not None:
            run()

    def _act_otherwise(self) -> None:
        run = self._run_other
        self.hide()
        if run is not None:
            run()


class EmptyState(QWidget):
    """What stands where there is nothing yet: a picture, a sentence, a way on."""

    def __init__(self, look: Look, icon: str, title: str, text: str) -> None:
        super().__init__()
        self._look = look
        self._icon = icon
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title = label(title, "heading", wrap=True)
        self.text = label(text, "muted", wrap=True)
        for words in (self.title, self.text):
            words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            words.setMaximumWidth(420)
            words.setMinimumWidth(260)
        self.ways = row(spacing=8)
        layout = column(1, spacing=10)
        layout.addWidget(self._picture)
        for words in (self.title, self.text):
            layout.addLayout(row(1, words, 1))
        layout.addLayout(row(1, self.ways, 1))
        layout.addStretch(1)
        layout.setContentsMargins(24, 24, 24, 24)
        self.setLayout(layout)
        look.changed.connect(self._paint)
        self._paint()

    def add_below(self, part: QWidget) -> None:
        """Put something below all that is there."""
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        below = row(1, part, 1)
        below.setStretch(1, 4)
        layout.insertLayout(layout.count() - 1, below)

    def change(self, icon: str, title: str, text: str) -> None:
        """Say something else."""
        self._icon = icon
        self.title.setText(title)
        self.text.setText(text)
        self._paint()

    def _paint(self) -> None:
        if self._icon == "satchel":
            self._picture.setPixmap(self._look.icons.logo(72))
        else:
            colour = self._look.theme.colours.strong_border
            self._picture.setPixmap(self._look.icons.pixmap(self._icon, colour, 44))


class Elided(QLabel):
    """One line of text that ends in … where there is no room for all of it."""

    def __init__(self, text: str = "", role: str = "", middle: bool = False) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
        if role:
            self.setProperty("role", role)
        self.setText(text)
        self.setMinimumWidth(20)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802 - Qt's name
        """Draw what fits."""
        painter = QPainter(self)
        text = self.fontMetrics().elidedText(self.text(), self._mode, self.width())
        painter.setPen(self.palette().color(self.foregroundRole()))
        side = QStyle.visualAlignment(self.layoutDirection(), self.alignment())
        # A path keeps its slashes where they are in a window that is mirrored.
        written = RIGHT_TO_LEFT if is_right_to_left(text) else LEFT_TO_RIGHT
        painter.setLayoutDirection(written)
        painter.drawText(self.rect(), side | Qt.AlignmentFlag.AlignAbsolute, text)
