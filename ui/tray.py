"""The tray icon: what Satchel is doing, pause, and the way back to the window."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QIcon
from PySide6.QtWidgets import QMenu, QSystemTrayIcon, QWidget

from ui.activity import Activity
from ui.parts import Look
from ui.text import tame, tr

HOUR_S = 3600.0


class Tray(QObject):
    """Stands in the system's tray where there is one."""

    open_asked = Signal()
    search_asked = Signal()
    quit_asked = Signal()

    def __init__(self, look: Look, activity: Activity, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look
        self._activity = activity
        self.menu = QMenu(parent)
        self.state = QAction(self.menu)
        self.state.setEnabled(False)
        self.open = QAction(tr("Open Satchel"), self.menu)
        self.open.triggered.connect(self.open_asked)
        self.search = QAction(tr("Search…"), self.menu)
        self.search.triggered.connect(self.search_asked)
        self.pause_hour = QAction(tr("Pause for an hour"), self.menu)
        self.pause_hour.triggered.connect(lambda: activity.pause(True, HOUR_S))
        self.pause = QAction(self.menu)
        self.pause.triggered.connect(lambda: activity.pause(not activity.paused))
        self.quit = QAction(tr("Quit"), self.menu)
        self.quit.triggered.connect(self.quit_asked)
        self.menu.addAction(self.state)
        self.menu.addSeparator()
        for action in (self.search, self.open, self.pause_hour, self.pause):
            self.menu.addAction(action)
        self.menu.addSeparator()
        self.menu.addAction(self.quit)
        self.icon = QSystemTrayIcon(self)
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(self._activated)
        self._shown_state = ""
        activity.changed.connect(self._show)
        self._show()
        if self.available():
            self.icon.show()

    @staticmethod
    def available() -> bool:
        """Whether this desktop has a tray."""
        return QSystemTrayIcon.isSystemTrayAvailable()

    @property
    def in_tray(self) -> bool:
        """Whether the icon can be seen, so that the window may hide."""
        return self.available() and self.icon.isVisible()

    def _show(self) -> None:
        activity = self._activity
        self.state.setText(tame(activity.statement()).replace("&", "&&"))
        self.pause.setText(tr("Resume indexing") if activity.paused else tr("Pause indexing"))
        self.pause_hour.setVisible(not activity.paused)
        for action in (self.pause, self.pause_hour):
            action.setEnabled(activity.doing not in ("starting", "lost", "stopped"))
        # A tip may be drawn as markup, so no text of others goes into it.
        state = tr("Needs attention") if activity.failed else activity.headline()
        self.icon.setToolTip(f"Satchel: {state}")
        if activity.doing != self._shown_state:
            self._shown_state = activity.doing
            name = {
                "indexing": "satchel-indexing",
                "paused": "satchel-paused",
                "attention": "satchel-attention",
                "lost": "satchel-attention",
                "stopped": "satchel-attention",
            }.get(activity.doing, "satchel")
            self.icon.setIcon(QIcon(self._look.icons.pixmap(name, "#000000", 32)))

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (
            QSystemTrayIcon.ActivationReason.Trigger,
            QSystemTrayIcon.ActivationReason.DoubleClick,
        ):
            self.open_asked.emit()
