"""How to reach Satchel by a key from anywhere, where it cannot listen for one itself."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame

from ui.parts import button, column, label, row
from ui.text import tr

COMMAND = "satchel"


class ShortcutCard(QFrame):
    """Says why there is no global shortcut, and what to bind in the system's own settings."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("card", "true")
        self.copy_button = button(tr("Copy"), self.copy)
        self.copy_button.setAccessibleName(tr("Copy the command"))
        words = label(
            tr(
                "Satchel does not listen for keys while you work in another window. Give it a key "
                "in the keyboard settings of your system: choose a custom shortcut that runs this "
                "command. It opens Satchel, or brings its window forward."
            ),
            "small",
            wrap=True,
        )
        command = label(COMMAND, "key")
        self.setLayout(
            column(
                label(tr("A key that works everywhere"), "heading"),
                words,
                row(command, self.copy_button, 1),
                spacing=10,
                margin=18,
            )
        )

    def copy(self) -> None:
        """Put the command on the clipboard."""
        QGuiApplication.clipboard().setText(COMMAND)
        self.copy_button.setText(tr("Copied"))
