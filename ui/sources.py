"""The sources of an answer, as cards that open the preview."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy

from core.messages import Citation
from ui.icons import file_icon
from ui.parts import Elided, Look, column, label, row
from ui.text import one_line, place_text, split_path, tr


class SourceButton(QPushButton):
    """One source: its number, file, place and the words it gives."""

    def __init__(self, look: Look, source: Citation) -> None:
        super().__init__()
        self.source = source
        self.setProperty("kind", "source")
        self.setAutoDefault(False)
        _, name = split_path(source.path)
        place = place_text(source.locator)
        number = label(str(source.n), "badge")
        number.setProperty("tone", "accent")
        icon = QLabel()
        icon.setPixmap(look.icons.pixmap(file_icon(source.path), look.theme.colours.muted, 16))
        title = Elided(name, "strong", middle=True)
        where = Elided(place, "small")
        where.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        first = row(number, icon, title, where, spacing=8)
        first.setStretch(2, 3)
        first.setStretch(3, 2)
        layout = column(first, Elided(one_line(source.quote)[:400], "small"), spacing=3)
        layout.setContentsMargins(10, 8, 10, 8)
        self.setLayout(layout)
        for part in self.findChildren(QLabel):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        said = f"{tr('Source')} {source.n}: {name} {place}"
        self.setAccessibleName(said)
        self.setAccessibleDescription(one_line(source.quote)[:400])

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As tall as its two lines."""
        layout = self.layout()
        hint = layout.sizeHint() if layout is not None else QSize()
        return QSize(hint.width(), hint.height() + 4)
