"""A page of a PDF as a picture, and where on it a passage stands."""

from __future__ import annotations

import ctypes
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium_c

from core.errors import FileError
from core.messages import Box
from core.text.pdf import opened, page_text
from core.text.source import Source

_LOOK_AHEAD = 16  # characters of a page that its cleaned text may lack in a row
_MOST_CHARS = 200_000  # of a page on which a passage is looked for
_MOST_BOXES = 400
_SAME_LINE = 0.5  # of the height that two boxes of one line share at least
_ROOM = 0.15  # of its height that a box is wider than its words


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """A page as PNG bytes, how many pages the file has, and a box for each line that was asked."""

    png: bytes
    pages: int
    boxes: tuple[Box, ...]


def render_page(path: str, page: int, width_px: int, boxed: tuple[int, int] = (0, 0)) -> DrawnPage:
    """Page `page` (from 1) at most `width_px` wide, with boxes for some characters of its text.

    Raises FileError when the file cannot be opened or has no such page.
    """
    with opened(Source(path)) as pdf:
        count = len(pdf)
        if not 1 <= page <= count:
            raise FileError(path, f"has no page {page}")
        try:
            leaf = pdf[page - 1]
            width, height = leaf.get_size()
            # Tall pages are held to twice A4's proportions, so that no page asks for gigabytes.
            scale = min(width_px / max(width, 1), width_px * 3 / max(height, 1))
            bitmap = leaf.render(scale=scale, rev_byteorder=True)
            size = (bitmap.width, bitmap.height)
            png = _png(bytes(bitmap.buffer), *size, bitmap.stride, bitmap.n_channels)
            bitmap.close()
            leaf.close()
            boxes = _boxes(pdf, page - 1, boxed, size) if boxed[1] > boxed[0] else ()
        except pypdfium2.PdfiumError as error:
            raise FileError(path, f"page {page} is damaged and cannot be drawn") from error
        return DrawnPage(png, count, boxes)


def _boxes(pdf: Any, number: int, boxed: tuple[int, int], size: tuple[int, int]) -> tuple[Box, ...]:
    """The boxes around characters of a page's text, as `extract_pdf` gives it."""
    text, garbled = page_text(pdf, number)
    if garbled:
        return ()
    leaf = pdf[number]
    words = leaf.get_textpage()
    try:
        chars = min(pdfium_c.FPDFText_CountChars(words), _MOST_CHARS)
        raw = [pdfium_c.FPDFText_GetUnicode(words, at) for at in range(chars)]
        found = aligned(raw, text, *boxed)
        if found is None:
            return ()
        rects = pdfium_c.FPDFText_CountRects(words, found[0], found[1] - found[0])
        boxes = [_box(leaf, words, at, size) for at in range(min(rects, _MOST_BOXES))]
    finally:
        words.close()
        leaf.close()
    return lines_of(boxes)


def _box(leaf: Any, words: Any, at: int, size: tuple[int, int]) -> Box:
    """One of the rectangles that were counted last, on the drawn page."""
    left, top, right, bottom = (ctypes.c_double() for _ in range(4))
    pdfium_c.FPDFText_GetRect(words, at, left, top, right, bottom)
    corners = [_on_page(leaf, size, x.value, y.value) for x, y in ((left, top), (right, bottom))]
    (x1, y1), (x2, y2) = corners
    return Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))


def _on_page(leaf: Any, size: tuple[int, int], x: float, y: float) -> tuple[float, float]:
    """A point of the page as shares of what is drawn of it, whichever way it is turned."""
    across, down = ctypes.c_int(), ctypes.c_int()
    fine = 16  # of a pixel, for pdfium gives whole ones
    width, height = fine * size[0], fine * size[1]
    pdfium_c.FPDF_PageToDevice(leaf, 0, 0, width, height, 0, x, y, across, down)
    return across.value / width, down.value / height


def aligned(raw: Sequence[int], text: str, start: int, end: int) -> tuple[int, int] | None:
    """Which of a page's characters are `start` to `end` of its cleaned text; None for none.

    Both have the same letters in the same order. Blanks differ, and some characters of
    the page are not in the text.
    """
    at = 0
    first = last = None
    for place, char in enumerate(text[:end]):
        if char.isspace():
            continue
        wanted = _units(char)[0]
        found = next(
            (
                near
                for near in range(at, min(at + _LOOK_AHEAD, len(raw)))
                if raw[near] in (wanted, ord(char))
            ),
            None,
        )
        if found is None:
            continue
        at = found + 1
        if place >= start:
            first = found if first is None else first
            last = found
    return None if first is None or last is None else (first, last + 1)


def _units(char: str) -> tuple[int, ...]:
    """A character in UTF-16."""
    data = char.encode("utf-16-le", "surrogatepass")
    return struct.unpack(f"<{len(data) // 2}H", data)


def lines_of(boxes: Iterable[Box]) -> tuple[Box, ...]:
    """Boxes of one line as one, each with a little room around its words."""
    lines: list[Box] = []
    for box in boxes:
        if box.right <= box.left or box.bottom <= box.top:
            continue
        if lines and _on_one_line(lines[-1], box):
            lines[-1] = _joined(lines[-1], box)
        else:
            lines.append(box)
    return tuple(map(_roomy, lines))


def _joined(one: Box, other: Box) -> Box:
    return Box(
        min(one.left, other.left),
        min(one.top, other.top),
        max(one.right, other.right),
        max(one.bottom, other.bottom),
    )


def _on_one_line(one: Box, other: Box) -> bool:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    least = min(one.bottom - one.top, other.bottom - other.top)
    return shared >= _SAME_LINE * least


def _roomy(box: Box) -> Box:
    room = _ROOM * (box.bottom - box.top)
    return Box(
        *(
            round(min(1.0, max(0.0, edge)), 5)
            for edge in (box.left - room, box.top - room, box.right + room, box.bottom + room)
        )
    )


def _png(pixels: bytes, width: int, height: int, stride: int, channels: int) -> bytes:
    """RGB, RGBx or grey pixel rows as a PNG (https://www.w3.org/TR/png-3/)."""
    row_bytes = width * channels
    colour = {1: 0, 3: 2, 4: 6}[channels]
    rows = b"".join(
        b"\x00" + pixels[top : top + row_bytes] for top in range(0, stride * height, stride)
    )

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows, 6))
        + chunk(b"IEND", b"")
    )
