"""Files that need another program first: scanned pages, and the old Office formats.

`extract` and `read_passages` are those of `core.text.formats`, with the help of
the programs that this machine has. Without a program the FileError of the plain
readers stands.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from core.errors import FileError
from core.messages import PassageText
from core.text import formats
from core.text.document import Document, Heading, Limits, too_long
from core.text.old_office import Office, way_of
from core.text.programs import Programs
from core.text.recognise import Recogniser, page_count
from core.text.source import Source

MOST_RECOGNISED_PAGES = 200
_KEPT_PAGES = 400
_TOO_MUCH = "holds more pictures of pages than Satchel recognises in one file"
_ADVICE = "run text recognition (OCR) on it to have it searched"


class Workshop:
    """The programs of this machine, where they may write, and how long they may take.

    `file_s` is for one file in all, set for each like `most_bytes` that a conversion may write,
    `page_s` for one page. `on_wait` is
    called now and then while a program works; what it raises ends the program.
    Recognised pages are kept for a while, for a page is read again and again.
    """

    def __init__(
        self,
        programs: Programs,
        folder: Path | None,
        page_s: float,
        on_wait: Callable[[], None],
    ) -> None:
        self.office: Office | None = None
        self.recogniser: Recogniser | None = None
        if folder is not None and programs.office is not None:
            self.office = Office(programs.office, folder)
        if folder is not None and programs.tesseract is not None:
            self.recogniser = Recogniser(programs.tesseract, folder)
        self.page_s = page_s
        self.file_s = page_s
        self.most_bytes = 500_000_000
        self.on_wait = on_wait
        self._pages: OrderedDict[tuple[Hashable, int], str] = OrderedDict()

    def recognise(
        self, path: str, version: Hashable, numbers: Sequence[int]
    ) -> Iterator[tuple[int, str]]:
        """The text of some pages (0-based). Raises FileError.

        `version` tells this content of the file from every other.
        """
        assert self.recogniser is not None
        kept = {n: self._pages[version, n] for n in numbers if (version, n) in self._pages}
        yield from kept.items()
        missing = [n for n in numbers if n not in kept]
        if not missing:
            return
        for number, text in self.recogniser.pages(path, missing, self.page_s, self.on_wait):
            self._pages[version, number] = text
            while len(self._pages) > _KEPT_PAGES:
                self._pages.popitem(last=False)
            yield number, text

    def forget(self) -> None:
        """Drop the recognised pages that were kept."""
        self._pages.clear()


def extract(path: str, limits: Limits, shop: Workshop, version: Hashable) -> Document:
    """The whole text of a file, as `formats.extract`, with the pages that had to be recognised.

    Raises FileError as that does. `version` tells this content from every other.
    """
    try:
        document = formats.extract(path, limits)
    except FileError as error:
        way = None if shop.office is None else way_of(path)
        if shop.office is not None and way is not None:
            return shop.office.extract(
                path, way, limits, shop.file_s, shop.most_bytes, shop.on_wait
            )
        if error.problem == "needs_ocr" and shop.recogniser is not None:
            return _scanned(path, limits, shop, version)
        raise
    pictures = [page - 1 for page in document.pages_without_text]
    if shop.recogniser is None or not pictures:
        return document
    try:
        found = _recognised(path, shop, version, pictures)
    except FileError:
        return document  # what is text in it stays readable
    return _with_pages(path, document, found, limits)


def read_passages(
    path: str,
    spans: Sequence[tuple[int, int]],
    page_chars: Sequence[int],
    limits: Limits,
    shop: Workshop,
    version: Hashable,
) -> tuple[PassageText, ...]:
    """Passages of a PDF, as `formats.read_passages`; only the pages in question are recognised."""
    if not spans:
        return ()
    try:
        return formats.read_passages(path, spans, page_chars, limits=limits)
    except FileError as error:
        if error.problem != "changed" or shop.recogniser is None:
            raise
        document = _pages_again(path, spans, page_chars, shop, version)
        if document is None:
            raise
    return formats.read_passages(path, spans, page_chars, document=document)


def _pages_again(
    path: str,
    spans: Sequence[tuple[int, int]],
    page_chars: Sequence[int],
    shop: Workshop,
    version: Hashable,
) -> Document | None:
    """A document that holds the pages of the spans, and blanks for the others.

    None when it is not recognition that makes the pages differ from what was indexed.
    """
    from core.text.pdf import read_pdf_pages

    ends = list(accumulate(page_chars))
    if any(end > ends[-1] for _, end in spans):
        return None
    wanted = sorted(
        {
            page
            for start, end in spans
            for page in range(
                bisect_right(ends, start), bisect_right(ends, max(start, end - 1)) + 1
            )
            if page < len(ends)
        }
    )
    texts = read_pdf_pages(Source(path), wanted)
    pictures = [page for page in wanted if len(texts[page]) != page_chars[page]]
    texts.update(_recognised(path, shop, version, pictures))
    if any(len(texts[page]) != page_chars[page] for page in wanted):
        return None
    whole = (texts.get(page, " " * chars) for page, chars in enumerate(page_chars))
    return Document(text="".join(whole), kind="pdf", page_chars=tuple(page_chars))


def _recognised(
    path: str, shop: Workshop, version: Hashable, numbers: Sequence[int]
) -> dict[int, str]:
    """Pages and their text. Raises FileError when they are too many or take too long together."""
    started = time.monotonic()
    texts: dict[int, str] = {}
    if len(numbers) > MOST_RECOGNISED_PAGES:
        raise FileError(
            path, f"{_TOO_MUCH} ({MOST_RECOGNISED_PAGES} pages); {_ADVICE}", "needs_ocr"
        )
    for number, text in shop.recognise(path, version, numbers):
        texts[number] = text
        if time.monotonic() - started > shop.file_s:
            spent = f"{shop.file_s:.0f} s"
            raise FileError(path, f"{_TOO_MUCH} ({spent}); {_ADVICE}", "needs_ocr")
    return texts


def _scanned(path: str, limits: Limits, shop: Workshop, version: Hashable) -> Document:
    """A PDF without any text of its own, recognised whole."""
    count = page_count(path)
    texts = _recognised(path, shop, version, range(count))
    if not any(text.strip() for text in texts.values()):
        raise FileError(path, "holds pictures in which no words were found", "skipped")
    blank = Document(text="\n" * count, kind="pdf", page_chars=(1,) * count)
    return _with_pages(path, blank, texts, limits)


def _with_pages(path: str, document: Document, texts: dict[int, str], limits: Limits) -> Document:
    """The document with some of its pages replaced; what stands at a place moves with it."""
    before = list(accumulate(document.page_chars, initial=0))
    pages = [
        texts.get(number, document.text[before[number] : before[number + 1]])
        for number in range(len(document.page_chars))
    ]
    after = list(accumulate(map(len, pages), initial=0))
    if after[-1] > limits.max_text_chars:
        raise too_long(path, limits.max_text_chars)

    def moved(mark: Heading) -> Heading:
        page = min(bisect_right(before, mark.start), len(pages)) - 1
        return replace(mark, start=after[page] + mark.start - before[page])

    return replace(
        document,
        text="".join(pages),
        slow=True,
        page_chars=tuple(map(len, pages)),
        pages_without_text=(),
        headings=tuple(map(moved, document.headings)),
        members=tuple(map(moved, document.members)),
    )
