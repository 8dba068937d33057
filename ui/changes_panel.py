"""What a change of the budgets would do, in words, and the buttons that make it so."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QLayout, QScrollArea, QWidget

from ui.fold import Fold
from ui.parts import Look, button, clear, column, label, restyle, row
from ui.text import tame, tr

LEAST_PX, MOST_SHARE = 60, 0.3  # of the page's height
BORDER_PX = 2  # as in the style sheet


class _Inside(QScrollArea):
    """Scrolls what is too tall, and asks for no more room than it needs."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self._content = content
        self.setWidgetResizable(True)
        self.setWidget(content)
        self.most_px = LEAST_PX
        self.setProperty("words", "true")
        self.setAccessibleName(tr("What changes, and why"))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.verticalScrollBar().rangeChanged.connect(self._let_scroll)

    def _let_scroll(self, _low: int, high: int) -> None:
        """The keys scroll what does not fit."""
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if high else Qt.FocusPolicy.NoFocus)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As tall as the content at this width."""
        return QSize(self._content.sizeHint().width(), self._needed())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """The same: the page gives way, not this."""
        return QSize(0, self._needed())

    def _needed(self) -> int:
        width = max(1, self.viewport().width())
        return min(self.most_px, max(0, self._content.heightForWidth(width)) + 2 * BORDER_PX)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """The content tells its own area when it has changed; this passes it on."""
        if watched is self._content and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Words wrap otherwise at another width."""
        super().resizeEvent(event)
        self.updateGeometry()


class ChangesPanel(QFrame):
    """Stands at the foot of the page. It shows what it is told and tells what is pressed."""

    apply_asked = Signal()
    undo_asked = Signal()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setProperty("card", "true")
        self.title = label(role="heading", wrap=True)
        self.note = label(role="small")
        self.undo_button = button(tr("Undo"), self.undo_asked.emit)
        self.apply_button = button(tr("Apply"), self.apply_asked.emit, "primary")
        self._lines = column(spacing=4)
        self._reasons = column(spacing=4)
        folded = QWidget()
        self._reasons.setContentsMargins(20, 0, 0, 0)
        folded.setLayout(self._reasons)
        self.why = Fold(look, tr("Why"), folded)
        content = QWidget()
        content.setProperty("ground", "none")
        content.setLayout(column(self._lines, self.why, spacing=6))
        self._inside = _Inside(content)
        head = row(self.title, self.note, self.undo_button, self.apply_button, spacing=10)
        head.setStretch(0, 1)
        layout = column(head, self._inside, spacing=8)
        layout.setContentsMargins(18 - BORDER_PX, 12, 16, 12)
        head.setContentsMargins(BORDER_PX, 0, 0, 0)
        self.setLayout(layout)

    def limit(self, page_px: int) -> None:
        """How tall the page is, of which this takes a part at most."""
        self._inside.most_px = max(LEAST_PX, round(MOST_SHARE * page_px))
        self._inside.updateGeometry()

    def tell(self, title: str, lines: Sequence[str], reasons: Sequence[str]) -> None:
        """Say what changes, and why."""
        self._say(title, "")
        for line in lines:
            self._lines.addLayout(bullet(line))
        clear(self._reasons)
        for reason in reasons:
            self._reasons.addLayout(bullet(reason, "muted"))
        self.why.setVisible(bool(reasons))

    def refuse(self, title: str, advice: str) -> None:
        """Say why it cannot be, and what to do."""
        self._say(tame(title), "danger")
        if advice:
            self._lines.addWidget(label(tame(advice), wrap=True))
        self.why.hide()

    def _say(self, title: str, tone: str) -> None:
        self.title.setText(title)
        restyle(self.title, "tone", tone)
        clear(self._lines)


def bullet(text: str, role: str = "") -> QLayout:
    """One line of a list; it goes on under its own beginning."""
    line = row(spacing=8)
    line.addWidget(label("•", role), 0, Qt.AlignmentFlag.AlignTop)
    line.addWidget(label(tame(text), role, wrap=True), 1)
    return line
