"""PDF through pdfium: text page by page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, islice
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium_c

from core.errors import FileError
from core.messages import About
from core.text import dates
from core.text.archive import PASSWORD
from core.text.document import (
    Document,
    Heading,
    clean_about,
    clean_title,
    too_long,
    without_surrogates,
)
from core.text.encoding import clean
from core.text.source import Source
from core.text.wanted import needs_recognition

_PASSWORD_ERROR = 4  # FPDF_ERR_PASSWORD
_SECURITY_ERROR = 5  # FPDF_ERR_SECURITY: a protection scheme pdfium does not know
_SOFT_HYPHEN = re.compile(
    "[\x02\ufffe\uffff](\r?\n)?"
)  # how pdfium marks a word broken at a line end
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ue000-\uf8ff]")  # or private use
_MOST_CONTROLS = 0.1
_BLANK_LINES = re.compile(r"[ \t]+\n")
_WORD_CHARS = re.compile(r"[^\W_]")
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_LEAST_CHARS = 4
_LONGEST_STAMP = 200
_DRAWN_LETTERS = 50
_MOST_OBJECTS = 2_000
_PICTURES = "holds only pictures of pages"
_GARBLED = "uses letters that cannot be told apart by a program"


def extract_pdf(source: Source) -> Document:
    """All pages of a PDF. Each page's text ends in a newline.

    Raises FileError: "encrypted" when it needs a password, "needs_ocr" when it
    shows pictures and says nothing, "skipped" over the limits, "failed" when
    pdfium cannot open it.
    """
    limits = source.limits
    with opened(source) as pdf:
        count = len(pdf)
        if count > limits.max_pages:
            raise FileError(
                source.path,
                f"has more than {limits.max_pages:,} pages; split it to have it searched",
                "skipped",
            )
        pages: list[str] = []
        wordless: list[int] = []
        any_garbled = False
        chars = 0
        for number in range(count):
            text, garbled = page_text(pdf, number)
            pages.append(text)
            any_garbled = any_garbled or garbled
            if garbled or (not _has_words(text) and _is_pictured(pdf, number)):
                wordless.append(number + 1)
            chars += len(text)
            if chars > limits.max_text_chars:
                raise too_long(source.path, limits.max_text_chars)
        has_words = any(map(_has_words, pages))
        if has_words and _is_one_stamp(pages):
            has_words = not all(_is_pictured(pdf, number) for number in range(count))
            wordless = wordless if has_words else list(range(1, count + 1))
        if wordless and not has_words:
            what = _GARBLED if any_garbled else _PICTURES
            raise FileError(source.path, needs_recognition(what), "needs_ocr")
        starts = list(accumulate(map(len, pages), initial=0))
        return Document(
            text="".join(pages),
            kind="pdf",
            slow=True,
            page_chars=tuple(map(len, pages)),
            pages_without_text=tuple(wordless),
            headings=_bookmarks(pdf, starts),
            about=_about(pdf),
        )


def read_pdf_pages(
    source: Source, numbers: Sequence[int], page_chars: Sequence[int] | None = None
) -> dict[int, str]:
    """The text of some pages (0-based), exactly as `extract_pdf` gives it.

    Raises FileError as `extract_pdf`, or "changed" when a page is not as long
    as `page_chars`, if given, has it.
    """
    with opened(source) as pdf:
        texts = {
            number: page_text(pdf, number)[0] if number < len(pdf) else "" for number in numbers
        }
        if page_chars is not None and any(
            len(text) != page_chars[number] for number, text in texts.items()
        ):
            raise FileError(source.path, "has changed since it was indexed", "changed")
        return texts


@contextmanager
def opened(source: Source) -> Iterator[Any]:
    """The open document; what pdfium says against it becomes a FileError."""
    with source.open() as file:
        # pdfium reports an empty stream by crashing on some platforms; say it first.
        if not file.read(1):
            raise FileError(source.path, "is an empty file, not a PDF; get a complete copy")
        file.seek(0)
        try:
            pdf = pypdfium2.PdfDocument(file)
        except pypdfium2.PdfiumError as error:
            if error.err_code in (_PASSWORD_ERROR, _SECURITY_ERROR):
                raise FileError(source.path, PASSWORD, "encrypted") from error
            raise FileError(
                source.path,
                "is damaged or incomplete, not a whole PDF; get a complete copy of it",
            ) from error
        try:
            yield pdf
        finally:
            pdf.close()


def page_text(pdf: Any, number: int) -> tuple[str, bool]:
    """One page's text, cleaned and ending in a newline, and whether its letters are unreadable.

    Blank where there are no words.
    """
    raw = _raw_text(pdf, number)
    if _is_garbled(raw):
        return "\n", True
    text = _CONTROLS.sub("", clean(_SOFT_HYPHEN.sub("", raw)))
    return without_surrogates(_BLANK_LINES.sub("\n", text).rstrip()) + "\n", False


def _has_words(text: str) -> bool:
    """Whether a page says more than a number or a stray letter."""
    return len(_WORD_CHARS.findall(text, 0, 2_000)) >= _LEAST_CHARS


def _is_one_stamp(pages: Sequence[str]) -> bool:
    """Whether all pages say the same few words but for numbers: what a scanner or court adds."""
    if len(pages) < 2 or len(pages[0]) > _LONGEST_STAMP:
        return False
    first = _NOT_LETTERS.sub("", pages[0])
    return all(
        len(page) <= _LONGEST_STAMP and _NOT_LETTERS.sub("", page) == first for page in pages[1:]
    )


def _raw_text(pdf: Any, number: int) -> str:
    """What pdfium gives for a page; nothing for one that it cannot load."""
    try:
        page = pdf[number]
    except pypdfium2.PdfiumError:
        return ""
    try:
        text_page = page.get_textpage()
        text: str = text_page.get_text_range()
        text_page.close()
        return text
    except pypdfium2.PdfiumError:
        return ""
    finally:
        page.close()


def _is_garbled(text: str) -> bool:
    """Whether a page gives glyph numbers instead of letters: its fonts have no map to Unicode."""
    return len(_CONTROLS.findall(text)) > len(text) * _MOST_CONTROLS


def _is_pictured(pdf: Any, number: int) -> bool:
    """Whether a page shows a picture, or so many lines that they may be drawn letters."""
    drawn = 0
    wanted = [pdfium_c.FPDF_PAGEOBJ_IMAGE, pdfium_c.FPDF_PAGEOBJ_PATH]
    try:
        page = pdf[number]
        try:
            for thing in islice(page.get_objects(filter=wanted, max_depth=4), _MOST_OBJECTS):
                drawn += 1
                if thing.type == pdfium_c.FPDF_PAGEOBJ_IMAGE or drawn >= _DRAWN_LETTERS:
                    return True
        finally:
            page.close()
    except pypdfium2.PdfiumError:
        pass
    return False


def _about(pdf: Any) -> About:
    """What the information dictionary says, as far as it can be read."""

    def value(key: str) -> str | None:
        try:
            return pdf.get_metadata_value(key) or None
        except (pypdfium2.PdfiumError, UnicodeDecodeError):
            return None

    return clean_about(
        About(
            value("Title"),
            value("Author"),
            dates.from_pdf(value("CreationDate")),
            dates.from_pdf(value("ModDate")),
        )
    )


def _bookmarks(pdf: Any, starts: Sequence[int]) -> tuple[Heading, ...]:
    """The outline as headings at the beginning of their pages, at most 5,000."""
    found: list[Heading] = []
    try:
        for bookmark in pdf.get_toc(max_depth=8):
            dest = bookmark.get_dest()
            page = dest.get_index() if dest else None
            title = clean_title(bookmark.get_title())
            if page is not None and 0 <= page < len(starts) - 1 and title:
                found.append(Heading(starts[page], title))
            if len(found) >= 5_000:
                break
    except (pypdfium2.PdfiumError, UnicodeDecodeError):
        pass  # the outline is a nicety; its damage takes nothing from the text
    return tuple(sorted(found, key=lambda heading: heading.start))
