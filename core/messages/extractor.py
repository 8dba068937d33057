"""What the service asks of the processes that read files, and their replies."""

from __future__ import annotations

from typing import Literal

import msgspec

from core.messages.base import Message
from core.messages.values import About, ChunkText, PassageText


class Extract(Message, frozen=True):
    """Read one file whole and cut it into chunks.

    `size_bytes` and `mtime_ns` are what the asker saw; a file that differs from
    them before or after reading ends as FileFailed with problem "changed".
    """

    id: int
    path: str
    size_bytes: int
    mtime_ns: int
    tokenizer_path: str
    max_tokens: int = 256
    max_text_chars: int = 50_000_000
    max_pages: int = 20_000
    max_expanded_bytes: int = 400_000_000
    max_scratch_bytes: int = 500_000_000  # of a program that converts the file


class Chunks(Message, frozen=True):
    """Some of a file's chunks, in order, at most 64 in one message.

    None at all is a sign of life: the reader waits for another program to convert the file.
    """

    id: int
    chunks: tuple[ChunkText, ...]


class Extracted(Message, frozen=True):
    """Ends an Extract. `page_chars` is the text length of each page, empty without pages.

    `slow` says that reading a span back means parsing the file again, so that
    its text is worth keeping in the text cache. `sketch` is the MinHash sketch of
    the text in hex, empty for texts too short to have one.
    """

    id: int
    text_chars: int
    text_bytes: int
    page_chars: tuple[int, ...]
    kind: str
    about: About
    slow: bool
    sketch: str = ""


class ReadSpans(Message, frozen=True):
    """Read passages back from a file that was extracted before.

    `page_chars` is what Extracted gave, so that only the pages in question are parsed. The limits
    are those of Extract: a file that was read within them is read back within them.
    """

    id: int
    path: str
    size_bytes: int
    mtime_ns: int
    spans: tuple[tuple[int, int], ...]
    page_chars: tuple[int, ...] = ()
    max_text_chars: int = 50_000_000
    max_pages: int = 20_000
    max_expanded_bytes: int = 400_000_000
    max_scratch_bytes: int = 500_000_000


class Passages(Message, frozen=True):
    """Ends a ReadSpans: one passage a span, in the order asked."""

    id: int
    passages: tuple[PassageText, ...]


class Box(msgspec.Struct, frozen=True):
    """Where words stand on a page: shares of its width and height, from its upper left corner."""

    left: float
    top: float
    right: float
    bottom: float


class RenderPage(Message, frozen=True):
    """Draw one page of a PDF as a PNG, at most `width_px` wide, for the preview.

    Characters `start` to `end` of the page's text are to be boxed.
    """

    id: int
    path: str
    page: int
    width_px: int
    start: int = 0
    end: int = 0


class PageImage(Message, frozen=True):
    """Ends a RenderPage: the picture, base64-encoded PNG, how many pages there are, and one box
    for each line of what was to be boxed.
    """

    id: int
    png_base64: str
    page: int
    pages: int
    boxes: tuple[Box, ...] = ()


class FileFailed(Message, frozen=True):
    """Ends an Extract, ReadSpans or RenderPage that the file does not allow."""

    id: int
    path: str
    reason: str
    problem: Literal["failed", "crashed", "encrypted", "needs_ocr", "skipped", "changed", "missing"]
