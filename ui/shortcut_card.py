"""How to reach Satchel by a key from anywhere, where it cannot listen for one itself."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame

from ui.parts import button, column, label, row
from ui.text import shown, tr


class ShortcutCard(QFrame):
    """Says why there is no global shortcut, and what to bind in the system's own settings."""

    def __init__(self, command: str) -> None:
        """`command` opens this window, or brings it forward."""
        super().__init__()
        self.setProperty("card", "true")
        self.command = command
        self.copy_button = button(tr("Copy"), self.copy)
        self.copy_button.setAccessibleName(tr("Copy the command"))
        words = label(
            tr(
                "%1 Give it a key in the keyboard settings of your system: choose a custom "
                "shortcut that runs this command. It opens Satchel, or brings its window forward."
            ).replace("%1", why_not(QGuiApplication.platformName())),
            "small",
            wrap=True,
        )
        shown_command = label(shown(command), "key", wrap=True)
        self.setLayout(
            column(
                label(tr("A key that works everywhere"), "heading"),
                words,
                row(shown_command, self.copy_button, 1),
                spacing=10,
                margin=18,
            )
        )

    def copy(self) -> None:
        """Put the command on the clipboard."""
        QGuiApplication.clipboard().setText(self.command)
        self.copy_button.setText(tr("Copied"))


def why_not(platform: str) -> str:
    """Why there is no such key on a platform, as Qt calls it."""
    if platform.startswith("wayland"):
        return tr(
            "On Wayland only the desktop itself hears keys that are pressed in another window."
        )
    return tr("Satchel does not listen for keys while you work in another window.")
