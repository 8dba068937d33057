"""The sidebar: the pages, and what Satchel is doing."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QLabel, QPushButton

from ui.activity import Activity
from ui.parts import Look, button, column, icon_button, label, row
from ui.text import breakable, keys_text, tame, tr

PAGES = ("search", "chat", "folders", "storage", "models", "settings")


class Sidebar(QFrame):
    """One button a page; the state with its pause button stands at the foot."""

    chosen = Signal(str)

    def __init__(self, look: Look, activity: Activity) -> None:
        super().__init__()
        self._look = look
        self._activity = activity
        self.setProperty("sidebar", "true")
        look.keep_width(self, 190, self.setFixedWidth)
        logo = QLabel()
        logo.setPixmap(look.icons.logo(28))
        brand = row(logo, label("Satchel", "brand"), 1, spacing=9)
        brand.setContentsMargins(8, 4, 0, 14)
        names = {
            "search": tr("Search"),
            "chat": tr("Ask"),
            "folders": tr("Folders"),
            "storage": tr("Storage"),
            "models": tr("Models"),
            "settings": tr("Settings"),
        }
        group = QButtonGroup(self)
        self.buttons: dict[str, QPushButton] = {}
        pages = column(spacing=3)
        for number, (page, name) in enumerate(names.items(), start=1):
            made = button(name, partial(self.chosen.emit, page), "nav")
            made.setCheckable(True)
            made.setToolTip(f"{name} ({keys_text(f'Ctrl+{number}')})")
            look.dress(made, page, "muted")
            group.addButton(made)
            pages.addWidget(made)
            self.buttons[page] = made
        self.state = label(role="strong", wrap=True)
        self.detail = label(role="small", wrap=True)
        self.pause = icon_button(look, "pause", tr("Pause indexing"), self._pause)
        head = row(self.state, self.pause, spacing=4)
        head.setStretch(0, 1)
        foot = column(head, self.detail, spacing=0)
        foot.setContentsMargins(8, 0, 0, 0)
        layout = column(brand, pages, 1, foot, spacing=6)
        layout.setContentsMargins(12, 16, 10, 14)
        self.setLayout(layout)
        activity.changed.connect(self._show)
        look.changed.connect(self._show)
        self._show()

    def select(self, page: str) -> None:
        """Mark the page that is open."""
        self.buttons[page].setChecked(True)

    def _pause(self) -> None:
        self._activity.pause(not self._activity.paused)

    def _show(self) -> None:
        activity = self._activity
        self.state.setText(breakable(tame(activity.headline())))
        reason = activity.because() or (activity.failed.advice if activity.failed else "")
        self.detail.setText(breakable(tame(reason)))
        self.detail.setVisible(bool(self.detail.text()))
        name = tr("Resume indexing") if activity.paused else tr("Pause indexing")
        colour = self._look.theme.colours.muted
        self.pause.setIcon(self._look.icons.icon("play" if activity.paused else "pause", colour))
        self.pause.setAccessibleName(name)
        self.pause.setToolTip(name)
        self.state.setAccessibleName(activity.statement())
