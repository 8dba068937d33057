"""The chip that names the file a conversation is about as a whole, and takes it off."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from ui.parts import Look, icon_button, label, row
from ui.text import shown, split_path, tr


class PinnedChip(QWidget):
    """What is pinned in the open conversation; hidden while nothing is."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._kept = ""  # as the service has it
        self._path = ""
        self.name = label(role="small", wrap=True)
        self.remove_button = icon_button(
            look, "close", tr("Do not ask about the whole document"), lambda: self.choose("")
        )
        line = row(self.name, self.remove_button, spacing=4)
        line.setStretch(0, 1)
        self.setLayout(line)
        self.hide()

    @property
    def path(self) -> str:
        """The file that the next question is about, "" for none."""
        return self._path

    def choose(self, path: str) -> None:
        """Ask about this whole file from the next question on, "" for none."""
        self._path = path
        text = tr("About the whole document %1").replace("%1", shown(split_path(path)[1]))
        self.name.setText(text if path else "")
        self.setToolTip(shown(path))
        self.setVisible(bool(path))

    def opened(self, path: object) -> None:
        """Another conversation is shown, in which this is pinned."""
        self._kept = path if isinstance(path, str) else ""
        self.choose(self._kept)

    def wish(self) -> str | None:
        """What a question says of the pin: None where it stays as it is."""
        return None if self._path == self._kept else self._path

    def answered(self, pinned: str) -> None:
        """A question was answered with this file pinned; the wish may be another one by now."""
        self._kept = pinned
