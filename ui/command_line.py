"""A command to run elsewhere, with a button that copies it."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from ui.parts import button, label, row
from ui.text import shown, tr

MOST_CHARS = 30  # in one line


class CommandLine(QWidget):
    """Shows a command whole and puts it on the clipboard when asked."""

    def __init__(self, command: str) -> None:
        super().__init__()
        self.command = command
        self.copy_button = button(tr("Copy"), self.copy)
        self.copy_button.setAccessibleName(tr("Copy the command"))
        long = len(command) > MOST_CHARS
        told = label(shown(command), "key", wrap=long)
        line = row(told, self.copy_button, 1)
        line.setStretchFactor(told, 8 if long else 0)  # what is wrapped takes the width it can get
        self.setLayout(line)

    def copy(self) -> None:
        """Put the command on the clipboard."""
        QGuiApplication.clipboard().setText(self.command)
        self.copy_button.setText(tr("Copied"))
