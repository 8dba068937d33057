"""What a reader process does with each request. One file at a time; it remembers a few texts."""

from __future__ import annotations

import base64
import sys
from collections import OrderedDict
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from app.limits import out_of_memory
from app.stdio import Channel
from core.errors import Cancelled, FileError
from core.messages import (
    Chunks,
    ChunkText,
    Extract,
    Extracted,
    Failed,
    FileFailed,
    Message,
    PageImage,
    Passages,
    PassageText,
    ReadSpans,
    RenderPage,
)
from core.text import convert
from core.text.convert import Workshop
from core.text.document import Document, Limits
from core.text.formats import read_passages
from core.text.programs import Programs
from core.text.source import os_failure

if TYPE_CHECKING:
    from core.text.chunk import Chunker

_CHUNKS_A_MESSAGE = 64
_KEPT_CHARS = 16_000_000
# How long programs may take, of the time limit: for a file that is indexed, for passages that
# a person waits for (less than the limit, so that what was recognised so far is kept), for a page.
PROGRAM_TIMES = 8.0
_READING_SHARE = 0.8
_PAGE_SHARE = 0.5

_Key = tuple[str, int, int]
_Request = Extract | ReadSpans | RenderPage


class RecentTexts:
    """The documents read last, at most `max_chars` characters together, by path and version.

    Reading passages back again and again from one file then needs no second
    parse. A document over the limit is not kept.
    """

    def __init__(self, max_chars: int = _KEPT_CHARS) -> None:
        self._max_chars = max_chars
        self._kept: OrderedDict[_Key, Document] = OrderedDict()
        self.chars = 0

    def get(self, key: _Key) -> Document | None:
        """The document of this very version of the file, if kept."""
        document = self._kept.get(key)
        if document is not None:
            self._kept.move_to_end(key)
        return document

    def put(self, key: _Key, document: Document) -> None:
        """Keep a document, dropping those not used for longest."""
        for old in [old for old in self._kept if old[0] == key[0]]:
            self.chars -= len(self._kept.pop(old).text)
        if len(document.text) > self._max_chars:
            return
        self._kept[key] = document
        self.chars += len(document.text)
        while self.chars > self._max_chars:
            _, dropped = self._kept.popitem(last=False)
            self.chars -= len(dropped.text)

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()
        self.chars = 0


class Reading:
    """Answers requests one after another. `cancelled` holds ids to be given up."""

    def __init__(
        self,
        channel: Channel,
        cancelled: set[int],
        memory_mb: int,
        programs: Programs,
        scratch: Path | None,
        timeout_s: float,
    ) -> None:
        """A reader may be silent for `timeout_s`; programs that convert a file get more."""
        self._channel = channel
        self._cancelled = cancelled
        self._memory_mb = memory_mb
        self._recent = RecentTexts()
        self._chunker: tuple[tuple[str, int], Chunker] | None = None
        self._timeout_s = timeout_s
        self._shop = Workshop(programs, scratch, timeout_s * _PAGE_SHARE, self._still_there)
        self._current = 0

    def answer(self, message: Message) -> None:
        """Do one request and send its replies. Raises BrokenPipeError when nobody listens."""
        if not isinstance(message, _Request):
            return
        self._current = message.id
        try:
            self._require_wanted()
            self._do(message)
        except Cancelled:
            self._cancelled.discard(message.id)
            self._channel.send(Failed(message.id, "Cancelled.", ""))
        except FileError as error:
            self._fail(message, error)
        except MemoryError:
            self._recent.clear()
            self._shop.forget()
            self._fail(message, FileError(message.path, out_of_memory(self._memory_mb)))
        except BrokenPipeError:
            raise
        except Exception as error:  # top of the process; the next file may be fine
            # The message may quote the document, so only the kind and place are told.
            where = _innermost(error)
            print(f"extractor: {where}", file=sys.stderr, flush=True)
            reason = f"could not be read because of a fault in Satchel ({where}); please report it"
            self._fail(message, FileError(message.path, reason))

    def _do(self, message: _Request) -> None:
        share = PROGRAM_TIMES if isinstance(message, Extract) else _READING_SHARE
        self._shop.file_s = self._timeout_s * share
        if isinstance(message, Extract | ReadSpans):
            self._shop.most_bytes = message.max_scratch_bytes
        if isinstance(message, Extract):
            self._extract(message)
        elif isinstance(message, ReadSpans):
            _require_same(message)
            passages = self._read_spans(message)
            _require_same(message)
            self._channel.send(Passages(message.id, passages))
        else:
            from core.text.page_picture import render_page

            boxed = (message.start, message.end)
            drawn = render_page(message.path, message.page, message.width_px, boxed)
            text = base64.b64encode(drawn.png).decode("ascii")
            self._channel.send(PageImage(message.id, text, message.page, drawn.pages, drawn.boxes))

    def _extract(self, message: Extract) -> None:
        from core.text.sketch import sketch  # brings numpy, which reading spans does without

        _require_same(message)
        try:
            chunker = self._chunker_for(message.tokenizer_path, message.max_tokens)
        except ValueError:
            self._channel.send(
                Failed(message.id, "The search model is not set up.", "Run `satchel doctor`.")
            )
            return
        document = convert.extract(message.path, _limits(message), self._shop, _key(message))
        _require_same(message)
        text = document.text
        batch: list[ChunkText] = []
        for start, end in chunker.spans(
            text, (mark.start for mark in document.headings), document.breaks()
        ):
            batch.append(ChunkText(start, end, text[start:end]))
            if len(batch) == _CHUNKS_A_MESSAGE:
                self._require_wanted()
                self._channel.send(Chunks(message.id, tuple(batch)))
                batch.clear()
        if batch:
            self._channel.send(Chunks(message.id, tuple(batch)))
        self._channel.send(
            Extracted(
                id=message.id,
                text_chars=len(text),
                text_bytes=len(text.encode("utf-8")),
                page_chars=document.page_chars,
                kind=document.kind,
                about=document.about,
                slow=document.slow,
                sketch=sketch(text).hex(),
            )
        )

    def _read_spans(self, message: ReadSpans) -> tuple[PassageText, ...]:
        path, spans, limits, key = message.path, message.spans, _limits(message), _key(message)
        if message.page_chars:
            return convert.read_passages(path, spans, message.page_chars, limits, self._shop, key)
        document = self._recent.get(key)
        if document is None:
            document = convert.extract(path, limits, self._shop, key)
            self._recent.put(key, document)
        return read_passages(path, spans, document=document)

    def _chunker_for(self, tokenizer_path: str, max_tokens: int) -> Chunker:
        key = (tokenizer_path, max_tokens)
        if self._chunker is None or self._chunker[0] != key:
            # Only readers that index need the tokenizer, a third of such a process's memory.
            from core.text.chunk import Chunker

            self._chunker = (key, Chunker(tokenizer_path, max_tokens))
        return self._chunker[1]

    def _require_wanted(self) -> None:
        """Raise Cancelled when the request in hand was given up."""
        if self._current in self._cancelled:
            raise Cancelled

    def _still_there(self) -> None:
        """Say that the request in hand goes on although no text comes yet."""
        self._require_wanted()
        self._channel.send(Chunks(self._current, ()))

    def _fail(self, message: _Request, error: FileError) -> None:
        self._channel.send(FileFailed(message.id, message.path, error.reason, error.problem))


def _limits(message: Extract | ReadSpans) -> Limits:
    return Limits(message.max_text_chars, message.max_pages, message.max_expanded_bytes)


def _key(message: Extract | ReadSpans) -> _Key:
    return (message.path, message.size_bytes, message.mtime_ns)


def _require_same(message: Extract | ReadSpans) -> None:
    """Raise FileError unless the file is the very version that the asker saw."""
    try:
        now = Path(message.path).stat()
    except OSError as error:
        raise os_failure(message.path, error) from error
    except ValueError as error:
        raise FileError(message.path, "has a name that this system cannot open") from error
    if not S_ISREG(now.st_mode):
        raise FileError(message.path, "is not a regular file", "skipped")
    if (now.st_size, now.st_mtime_ns) != (message.size_bytes, message.mtime_ns):
        raise FileError(message.path, "has changed since it was last looked at", "changed")


def _innermost(error: Exception) -> str:
    """Kind and place of an error: "TypeError in html.py:88"."""
    trace = error.__traceback__
    if trace is None:
        return type(error).__name__
    while trace.tb_next is not None:
        trace = trace.tb_next
    file = Path(trace.tb_frame.f_code.co_filename).name
    return f"{type(error).__name__} in {file}:{trace.tb_lineno}"
