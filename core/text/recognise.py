"""Text recognition (OCR) of PDF pages that are only pictures, by Tesseract.

The same page gives the same characters, as long as Tesseract and its languages
stay the same. A page takes seconds, so callers name the pages they want.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import FileError
from core.text.document import without_surrogates
from core.text.encoding import clean
from core.text.programs import ProgramFailed, run
from core.text.source import open_regular

_DPI = 300
_POINTS_AN_INCH = 72
_MOST_PIXELS = 20_000_000  # a page of A3 at 300 dpi has 17 million
_MOST_LANGUAGES = 4  # each takes time for every page
_LIST_S = 20.0
# First languages by the system's; Tesseract names them by three letters.
_LANGUAGES = {
    "cs": "ces", "da": "dan", "de": "deu", "el": "ell", "es": "spa", "fi": "fin", "fr": "fra",
    "it": "ita", "ja": "jpn", "ko": "kor", "nb": "nor", "nl": "nld", "pl": "pol", "pt": "por",
    "ru": "rus", "sv": "swe", "tr": "tur", "uk": "ukr", "zh": "chi_sim",
}  # fmt: skip


class Recogniser:
    """Tesseract on this machine, with the languages that are installed."""

    def __init__(self, tesseract: str, folder: Path) -> None:
        """`folder` is where it may write."""
        self._tesseract = tesseract
        self._folder = folder
        self._options: list[str] | None = None

    def pages(
        self,
        path: str,
        numbers: Sequence[int],
        page_s: float,
        on_wait: Callable[[], None],
    ) -> Iterator[tuple[int, str]]:
        """Pages (0-based) and their text, which ends in a newline, one by one.

        Raises FileError when the file is no PDF or a page takes longer than `page_s`.
        """
        with _opened(path) as pdf:
            for number in numbers:
                on_wait()
                picture = _picture(pdf, number)
                yield number, self._text(path, number, picture, page_s, on_wait)

    def _text(
        self, path: str, number: int, picture: bytes, page_s: float, on_wait: Callable[[], None]
    ) -> str:
        if not picture:
            return "\n"
        try:
            if self._options is None:
                self._options = options(self._installed(on_wait), os.environ.get("LANG", ""))
            command = [self._tesseract, "-", "-", "--dpi", str(_DPI), *self._options]
            status, output = run(
                command, self._folder, stdin=picture, timeout_s=page_s, on_wait=on_wait
            )
        except ProgramFailed as error:
            raise FileError(path, _failure(number, error.slow), "needs_ocr") from error
        if status:
            raise FileError(path, _failure(number, False), "needs_ocr")
        text = clean(output.decode("utf-8", "replace").replace("\f", ""))
        return without_surrogates(text.rstrip()) + "\n"

    def _installed(self, on_wait: Callable[[], None]) -> list[str]:
        _, listed = run(
            [self._tesseract, "--list-langs"], self._folder, timeout_s=_LIST_S, on_wait=on_wait
        )
        # The first line is a heading.
        return listed.decode("utf-8", "replace").splitlines()[1:]


def page_count(path: str) -> int:
    """How many pages a PDF has. Raises FileError."""
    with _opened(path) as pdf:
        return len(pdf)


def options(installed: Sequence[str], system_language: str) -> list[str]:
    """How Tesseract is called: which languages, and finding which way up a page is if it can.

    Where many languages are installed it is English and the one of the system
    ("de_DE.UTF-8"), for each costs time.
    """
    languages = sorted(name for name in installed if "/" not in name and name not in ("osd", "equ"))
    if len(languages) > _MOST_LANGUAGES:
        wanted = ("eng", _LANGUAGES.get(system_language[:2]))
        languages = [name for name in languages if name in wanted] or languages[:_MOST_LANGUAGES]
    chosen = ["-l", "+".join(languages)] if languages else []
    return ["--psm", "1" if "osd" in installed else "3", *chosen]


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    import pypdfium2

    with open_regular(path) as file:
        try:
            pdf = pypdfium2.PdfDocument(file)
        except pypdfium2.PdfiumError as error:
            raise FileError(path, "is damaged or incomplete, not a whole PDF") from error
        try:
            yield pdf
        finally:
            pdf.close()


def _picture(pdf: Any, number: int) -> bytes:
    """A page in shades of grey as a PGM file; nothing for one that is blank or damaged."""
    import pypdfium2

    try:
        page = pdf[number]
        width, height = page.get_size()
        scale = min(
            _DPI / _POINTS_AN_INCH, (_MOST_PIXELS / max(width * height, 1)) ** 0.5
        )  # a poster is drawn coarser
        bitmap = page.render(scale=scale, grayscale=True)
        rows = bytes(bitmap.buffer)
        if bitmap.stride != bitmap.width:
            starts = range(0, bitmap.stride * bitmap.height, bitmap.stride)
            rows = b"".join(rows[start : start + bitmap.width] for start in starts)
        head = b"P5 %d %d 255\n" % (bitmap.width, bitmap.height)
        bitmap.close()
        page.close()
    except pypdfium2.PdfiumError:
        return b""
    return b"" if not rows or rows.count(rows[:1]) == len(rows) else head + rows


def _failure(number: int, slow: bool) -> str:
    if slow:
        return f"has a page ({number + 1}) whose text takes too long to recognise"
    return f"has a page ({number + 1}) whose text could not be recognised by Tesseract"
