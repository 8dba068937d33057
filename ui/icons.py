"""The icons: our own drawings in resources/icons, painted in the colour they are asked for."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

FOLDER = Path(__file__).parents[1] / "resources" / "icons"
_KINDS = {
    "file-page": ("pdf",),
    "file-sheet": ("xlsx", "xls", "ods", "csv", "tsv"),
    "file-mail": ("eml", "msg", "mbox"),
    "file-code": ("py", "js", "ts", "c", "h", "cpp", "rs", "go", "java", "sh", "json", "html"),
    "file-slides": ("pptx", "odp", "ppt"),
    "calendar": ("ics",),
}
_BY_ENDING = {ending: name for name, endings in _KINDS.items() for ending in endings}


def file_icon(path: str) -> str:
    """The name of the icon for a file, by its ending."""
    _, dot, ending = path.rpartition(".")
    return _BY_ENDING.get(ending.lower(), "file-text") if dot else "file-text"


class Icons:
    """Draws icons and keeps what it has drawn."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._pixmaps: dict[tuple[str, str, int, float], QPixmap] = {}

    def pixmap(self, name: str, colour: str, size: int = 20, ratio: float = 2.0) -> QPixmap:
        """An icon as a picture of `size` logical pixels, for screens of this pixel ratio."""
        key = (name, colour, size, ratio)
        if key not in self._pixmaps:
            drawing = (self._folder / f"{name}.svg").read_text("utf-8")
            renderer = QSvgRenderer(
                QByteArray(drawing.replace("currentColor", colour).encode("utf-8"))
            )
            picture = QPixmap(QSize(round(size * ratio), round(size * ratio)))
            picture.fill(Qt.GlobalColor.transparent)
            painter = QPainter(picture)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            renderer.render(painter, QRectF(0, 0, size * ratio, size * ratio))
            painter.end()
            picture.setDevicePixelRatio(ratio)
            self._pixmaps[key] = picture
        return self._pixmaps[key]

    def icon(self, name: str, colour: str, size: int = 18, gap: int = 0) -> QIcon:
        """An icon for a button, with some room between it and the words beside it."""
        drawn = self.pixmap(name, colour, size)
        if not gap:
            return QIcon(drawn)
        ratio = drawn.devicePixelRatio()
        wide = QPixmap(QSize(round((size + gap) * ratio), round(size * ratio)))
        wide.setDevicePixelRatio(ratio)
        wide.fill(Qt.GlobalColor.transparent)
        painter = QPainter(wide)
        mirrored = QGuiApplication.layoutDirection() == Qt.LayoutDirection.RightToLeft
        painter.drawPixmap(gap if mirrored else 0, 0, drawn)
        painter.end()
        return QIcon(wide)

    def logo(self, size: int) -> QPixmap:
        """Satchel's own mark, which has its colours inside."""
        return self.pixmap("satchel", "#000000", size)

    def application(self) -> QIcon:
        """Satchel's mark for windows and task bars, in the sizes these ask for."""
        icon = QIcon()
        for size in (16, 24, 32, 48, 64, 128):
            icon.addPixmap(self.pixmap("satchel", "#000000", size, 1.0))
        return icon
