"""A passage shown where it stands: in the text around it, or on its page as a picture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import FileError, UserError
from core.files.folders import absolute
from core.index.reader import Wanted
from core.messages import Locator, PageImage, PagePreview, PassageText, Preview, PreviewText
from core.store.rows import FileRef

if TYPE_CHECKING:
    from app.service import Service

NEAR_CHARS = 20_000  # a citation's words stand at most this far after its place
MOST_QUOTED_WORDS = 400

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Indexed:
    """A file as it is in the index: its document, its chunks, the text length of its pages."""

    ref: FileRef
    document: int
    spans: Spans
    page_chars: tuple[int, ...]

    @property
    def unchanged(self) -> bool:
        """Whether the file is still the one that was indexed."""
        try:
            now = Path(self.ref.path).stat()
        except (OSError, ValueError):
            return False
        return (now.st_size, now.st_mtime_ns) == (self.ref.size_bytes, self.ref.mtime_ns)


class Previews:
    """Answers Preview and PagePreview on the search thread."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def text(self, message: Preview) -> PreviewText:
        """The text around a passage. Raises UserError and FileError."""
        path = absolute(message.path)
        found = self._indexed(path)
        if found is None:
            raise UserError(
                f"{path} is not in the index.", f"See why with: satchel folders check {path}"
            )
        if not found.spans:
            return PreviewText(message.id, path, "", 0, 0, Locator())
        last = found.spans[-1][1]
        asked = self._asked(message, found)
        start = min(max(0, asked[0]), last)
        end = min(max(start, asked[1]), last)
        # The file is read no further than its last chunk: past its end it would look changed.
        until = min(last, end + message.around_chars)
        before = max(0, start - message.around_chars)
        around, passage = self._read(found, ((before, until), (start, end)))
        return PreviewText(
            message.id,
            found.ref.path,
            around.text,
            passage.start - around.start,
            passage.end - around.start,
            passage.locator,
        )

    def page(self, message: PagePreview) -> PageImage:
        """A page as a picture, with what of the passage is on it boxed. Raises FileError.

        A file that is not the one that was indexed is drawn without boxes.
        """
        boxed = (0, 0)
        if message.quote is not None or message.end > message.start:
            found = self._indexed(absolute(message.path))
            if found is not None and found.spans and found.page_chars and found.unchanged:
                asked = self._asked(message, found)
                boxed = on_page(*asked, found.page_chars, message.page)
        drawn = self._service.query_readers.render(
            message.path, message.page, message.width_px, boxed
        )
        return PageImage(message.id, drawn.png_base64, drawn.page, drawn.pages, drawn.boxes)

    def start_of_line(
        self, document: int, spans: Spans, page_chars: tuple[int, ...], line: int
    ) -> int:
        """Where the chunk begins in which a line of a document stands. Raises FileError."""
        file = self._service.catalogue().files_of([document])[document][0]
        found = self._read(_Indexed(file, document, spans, page_chars), spans)
        before = [p for p in found if p.locator.line is not None and p.locator.line <= line]
        return before[-1].start if before else 0

    def _indexed(self, path: str) -> _Indexed | None:
        """A file of the index; None when it is not in it."""
        catalogue, view = self._service.catalogue(), self._service.engine.view
        document = catalogue.document_at(path)
        if document is None:
            return None
        ref = next(ref for ref in catalogue.files_of([document])[document] if ref.path == path)
        chunks = view.chunks_of(document)
        if len(chunks) == 0:
            return _Indexed(ref, document, (), ())
        spans = view.spans(view.place(int(chunks[0])))
        return _Indexed(ref, document, spans.spans, spans.page_chars)

    def _asked(self, message: Preview | PagePreview, found: _Indexed) -> tuple[int, int]:
        """The characters that a request is about."""
        if message.quote is None:
            return message.start, message.end
        return self._quoted(message.quote, message.locator or Locator(), found)

    def _quoted(self, quote: str, place: Locator, found: _Indexed) -> tuple[int, int]:
        """Where a citation's words stand: at or after its place, else anywhere; else its place."""
        start = 0
        if place.page is not None:
            start = sum(found.page_chars[: max(0, place.page - 1)])
        elif place.line is not None:
            start = self.start_of_line(found.document, found.spans, found.page_chars, place.line)
        last = found.spans[-1][1]
        near = (start, min(last, start + NEAR_CHARS))
        for span in (near, (0, last)):
            [read] = self._read(found, (span,))
            words = find_quote(read.text, quote)
            if words is not None:
                return read.start + words[0], read.start + words[1]
        return next(((a, b) for a, b in found.spans if b > start), (start, start))

    def _read(self, found: _Indexed, spans: Spans) -> tuple[PassageText, ...]:
        wanted = Wanted(found.ref, spans, found.page_chars)
        [read] = self._service.query_readers.read([wanted])
        if isinstance(read, FileError):
            raise read
        return read


def on_page(start: int, end: int, page_chars: tuple[int, ...], page: int) -> tuple[int, int]:
    """What of some characters of a text is on a page (from 1), in characters of that page."""
    if not 1 <= page <= len(page_chars):
        return 0, 0
    first = sum(page_chars[: page - 1])
    inside = max(start, first) - first, min(end, first + page_chars[page - 1]) - first
    return inside if inside[1] > inside[0] else (0, 0)


def find_quote(text: str, quote: str) -> tuple[int, int] | None:
    """Where the words of a quote stand in a text, however they are spaced.

    Of a quote that leaves words out ("...") its longest piece counts.
    """
    piece = max(re.split(r"\u2026|\.\.\.", quote), key=len).split()[:MOST_QUOTED_WORDS]
    if not piece:
        return None
    found = re.search(r"\s+".join(re.escape(word) for word in piece), text)
    return None if found is None else found.span()
