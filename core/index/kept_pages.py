"""Passages of documents with pages out of the text cache, once their files are known unchanged.

A page's text is the same there as in its file; and a page that is only a
picture takes seconds to be recognised again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from core.errors import FileError
from core.index.reader import Reader, Wanted
from core.index.text_cache import TextCache
from core.messages import Chunks, Extracted, Locator, PassageText
from core.store.rows import FileRef


class KeptPages:
    """A reader that asks another only whether the file is the same, where the text is kept.

    Between chunks, where there is only white space, it gives blanks.
    """

    def __init__(self, reader: Reader, texts: TextCache) -> None:
        self._reader = reader
        self._texts = texts

    def extract(self, file: FileRef) -> Iterator[Chunks | Extracted]:
        """As the other reader."""
        return self._reader.extract(file)

    def read(self, wanted: Sequence[Wanted]) -> list[tuple[PassageText, ...] | FileError]:
        """The passages of each request, or why its file does not give them."""
        kept = [self._kept(item) for item in wanted]
        asked = [
            item if text is None else replace(item, spans=())
            for item, text in zip(wanted, kept, strict=True)
        ]
        return [
            found if text is None or isinstance(found, FileError) else _passages(item, text)
            for item, text, found in zip(wanted, kept, self._reader.read(asked), strict=True)
        ]

    def _kept(self, item: Wanted) -> str | None:
        """The text of a document from its beginning to its last chunk, if it is kept."""
        if not item.page_chars or item.document is None:
            return None
        texts = self._texts.get(item.document)
        if texts is None or len(texts) != len(item.chunk_spans):
            return None
        pieces: list[str] = []
        at = 0
        for (start, end), text in zip(item.chunk_spans, texts, strict=True):
            pieces += (" " * (start - at), text)
            at = end
        return "".join(pieces)


def _passages(item: Wanted, text: str) -> tuple[PassageText, ...]:
    ends = list(accumulate(item.page_chars))
    return tuple(
        PassageText(
            start,
            end,
            text[start:end],
            Locator(page=min(bisect_right(ends, start), len(ends) - 1) + 1),
        )
        for start, end in item.spans
    )
