"""A page of a PDF as a picture, with a passage boxed on it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QImage, QImageReader, QPainter, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import QLabel, QScrollArea

from core.messages import Box
from ui.parts import Look
from ui.text import tr

WIDEST_PX, NARROWEST_PX = 1600, 400
MOST_PICTURE_PIXELS = 60_000_000
ABOVE = 0.2  # of the view that is left over the passage


class PageView(QScrollArea):
    """The picture in a scrolling frame; it begins where the boxes are."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.boxes: tuple[Box, ...] = ()
        self._image = QImage()
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.picture.setAccessibleName(tr("The page as a picture"))
        self.setProperty("picture", "true")
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(tr("The page as a picture"))
        self.setWidget(self.picture)

    def wanted_px(self) -> int:
        """How wide a picture fills this view, in pixels of the screen."""
        width = round(self.viewport().width() * self.devicePixelRatioF())
        return max(NARROWEST_PX, min(WIDEST_PX, width))

    def show_page(self, png_base64: str, boxes: Sequence[Box]) -> bool:
        """Show a page; whether it is a picture of a sane size."""
        image = _png(png_base64)
        if image.isNull():
            return False
        self.boxes = tuple(box for box in boxes if box.right > box.left and box.bottom > box.top)
        self._image = image
        name = tr("The page as a picture")
        if self.boxes:
            name = tr("The page as a picture, with the passage boxed")
        self.picture.setAccessibleName(name)
        self._draw()
        QTimer.singleShot(0, self, self._scroll_to_boxes)
        return True

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """The picture is as wide as there is room."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._draw()

    def _draw(self) -> None:
        """Draw the page and its boxes into the room there is."""
        if self._image.isNull():
            return
        ratio = self.devicePixelRatioF()
        room = round(self.viewport().width() * ratio)
        image = self._image
        if image.width() > room:
            image = image.scaledToWidth(room, Qt.TransformationMode.SmoothTransformation)
        if self.boxes:
            image = self._with_boxes(image)
        image.setDevicePixelRatio(ratio)
        self.picture.setPixmap(QPixmap.fromImage(image))

    def _with_boxes(self, image: QImage) -> QImage:
        """The picture with a tint over each line, as from a marker, and one frame around all."""
        drawn = image.convertToFormat(QImage.Format.Format_RGB32)
        rects = [
            QRectF(
                box.left * drawn.width(),
                box.top * drawn.height(),
                (box.right - box.left) * drawn.width(),
                (box.bottom - box.top) * drawn.height(),
            )
            for box in self.boxes
        ]
        whole = QRectF(rects[0])
        for rect in rects[1:]:
            whole = whole.united(rect)
        edge = 4 * self.devicePixelRatioF()
        whole = whole.adjusted(-edge, -edge, edge, edge).intersected(QRectF(drawn.rect()))
        painter = QPainter(drawn)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)
        for rect in rects:
            painter.fillRect(rect, QColor("#cdeee7"))  # paper is white in dark mode, too
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        painter.setPen(QPen(QColor("#0f766e"), 2 * self.devicePixelRatioF()))
        painter.drawRoundedRect(whole, edge, edge)
        painter.end()
        return drawn

    def _scroll_to_boxes(self) -> None:
        pixmap = self.picture.pixmap()
        height = pixmap.height() / pixmap.devicePixelRatio()
        top = min((box.top for box in self.boxes), default=0.0) * height
        self.verticalScrollBar().setValue(round(max(0.0, top - ABOVE * self.viewport().height())))


def _png(data: str) -> QImage:
    """The picture, or a null one when it is not a PNG of a sane size."""
    try:
        raw = QByteArray(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        return QImage()
    buffer = QBuffer(raw)
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, QByteArray(b"png"))
    size = reader.size()
    if not size.isValid() or size.width() * size.height() > MOST_PICTURE_PIXELS:
        return QImage()
    return reader.read()
