"""The extractor child: reads one file at a time, apart from everything a bad file could take down.

It speaks the protocol of `core.messages` on stdin and stdout, holds no state
but a few recent texts, and writes nothing to disk. Every request gets exactly
one ending; a cancelled one ends as Failed.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import ctypes
import logging
import os
import queue
import signal
import stat
import sys
import threading
import warnings
from collections import OrderedDict
from pathlib import Path
from types import FrameType

from app.stdio import Channel, child_channel
from core.errors import FileError
from core.messages import (
    Cancel,
    Chunks,
    ChunkText,
    Extract,
    Extracted,
    Failed,
    FileFailed,
    Hello,
    Message,
    PageImage,
    Passages,
    ProtocolError,
    ReadSpans,
    RenderPage,
)
from core.text.chunk import Chunker
from core.text.document import Document, Limits
from core.text.formats import extract, read_passages
from core.text.pdf import render_page
from core.text.source import os_failure

_CHUNKS_A_MESSAGE = 64
_KEPT_CHARS = 16_000_000
_CPU_SECONDS_A_FILE = 600
_EXIT_GRACE_S = 2.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

_Key = tuple[str, int, int]


class RecentTexts:
    """The documents extracted last, at most `max_chars` characters together, by path and version.

    Reading passages back right after indexing, or again and again from one
    file, then needs no second parse. A document over the limit is not kept.
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


class Extractor:
    """Answers requests one after another. `cancelled` holds ids to be given up."""

    def __init__(self, channel: Channel, cancelled: set[int], memory_mb: int) -> None:
        self._channel = channel
        self._cancelled = cancelled
        self._memory_mb = memory_mb
        self._recent = RecentTexts()
        self._chunker: tuple[tuple[str, int], Chunker] | None = None

    def answer(self, message: Message) -> None:
        """Do one request and send its replies. Raises BrokenPipeError when nobody listens."""
        if not isinstance(message, Extract | ReadSpans | RenderPage):
            return
        if message.id in self._cancelled:
            self._end_cancelled(message.id)
            return
        try:
            self._do(message)
        except FileError as error:
            self._fail(message, error)
        except MemoryError:
            self._recent.clear()
            self._fail(message, FileError(message.path, _out_of_memory(self._memory_mb)))
        except BrokenPipeError:
            raise
        except Exception as error:  # top of the process; the next file may be fine
            # The message may quote the document, so only the kind and place are told.
            where = _innermost(error)
            print(f"extractor: {where}", file=sys.stderr, flush=True)
            reason = f"could not be read because of a fault in Satchel ({where}); please report it"
            self._fail(message, FileError(message.path, reason))

    def _do(self, message: Extract | ReadSpans | RenderPage) -> None:
        if isinstance(message, Extract):
            self._extract(message)
        elif isinstance(message, ReadSpans):
            self._read_spans(message)
        else:
            png, pages = render_page(message.path, message.page, message.width_px)
            text = base64.b64encode(png).decode("ascii")
            self._channel.send(PageImage(message.id, text, message.page, pages))

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
        limits = Limits(message.max_text_chars, message.max_pages, message.max_expanded_bytes)
        document = extract(message.path, limits)
        _require_same(message)
        self._recent.put((message.path, message.size_bytes, message.mtime_ns), document)
        text = document.text
        batch: list[ChunkText] = []
        for start, end in chunker.spans(text, (mark.start for mark in document.headings)):
            batch.append(ChunkText(start, end, text[start:end]))
            if len(batch) == _CHUNKS_A_MESSAGE:
                if message.id in self._cancelled:
                    self._end_cancelled(message.id)
                    return
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

    def _read_spans(self, message: ReadSpans) -> None:
        _require_same(message)
        key = (message.path, message.size_bytes, message.mtime_ns)
        document = self._recent.get(key)
        if document is None and not message.page_chars:
            document = extract(message.path)
            self._recent.put(key, document)
        passages = read_passages(message.path, message.spans, message.page_chars, document=document)
        _require_same(message)
        self._channel.send(Passages(message.id, passages))

    def _chunker_for(self, tokenizer_path: str, max_tokens: int) -> Chunker:
        key = (tokenizer_path, max_tokens)
        if self._chunker is None or self._chunker[0] != key:
            self._chunker = (key, Chunker(tokenizer_path, max_tokens))
        return self._chunker[1]

    def _fail(self, message: Extract | ReadSpans | RenderPage, error: FileError) -> None:
        self._channel.send(FileFailed(message.id, message.path, error.reason, error.problem))

    def _end_cancelled(self, request: int) -> None:
        self._cancelled.discard(request)
        self._channel.send(Failed(request, "Cancelled.", ""))


def main(arguments: list[str] | None = None) -> int:
    """Serve until stdin closes. Exit status 0, or 2 when the other side talks nonsense."""
    parser = argparse.ArgumentParser(prog="extractor")
    parser.add_argument("--memory-mb", type=int, default=1500)
    memory_mb: int = parser.parse_args(arguments).memory_mb
    # Libraries quote what they stumble over; that must not reach a log.
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    # numpy's linear algebra, which nobody uses here, sets address space aside for each thread.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    parent = os.getppid()
    _die_with(parent)
    limit_memory(memory_mb)
    channel = child_channel(Hello("extractor", os.getpid()))
    inbox: queue.SimpleQueue[Message | int] = queue.SimpleQueue()
    cancelled: set[int] = set()
    threading.Thread(target=_listen, args=(channel, inbox, cancelled), daemon=True).start()
    extractor = Extractor(channel, cancelled, memory_mb)
    # A pipe to a parent that is gone: nothing is left to do or say.
    with contextlib.suppress(BrokenPipeError):
        while not isinstance(message := inbox.get(), int):
            _limit_cpu()
            extractor.answer(message)
        return message
    return 0


def _listen(channel: Channel, inbox: queue.SimpleQueue[Message | int], cancelled: set[int]) -> None:
    """Pass requests on; when stdin closes, end the process, even in the middle of a file."""
    status = 0
    try:
        while (message := channel.receive()) is not None:
            if isinstance(message, Cancel):
                cancelled.add(message.id)
            else:
                inbox.put(message)
    except ProtocolError:
        print("extractor: a line that is no message of this protocol", file=sys.stderr, flush=True)
        status = 2
    inbox.put(status)
    threading.Event().wait(_EXIT_GRACE_S)
    os._exit(status)


def _require_same(message: Extract | ReadSpans) -> None:
    """Raise FileError unless the file is the very version that the asker saw."""
    try:
        now = Path(message.path).stat()
    except OSError as error:
        raise os_failure(message.path, error) from error
    except ValueError as error:
        raise FileError(message.path, "has a name that this system cannot open") from error
    if not stat.S_ISREG(now.st_mode):
        raise FileError(message.path, "is not a regular file", "skipped")
    if (now.st_size, now.st_mtime_ns) != (message.size_bytes, message.mtime_ns):
        raise FileError(message.path, "has changed since it was last looked at", "changed")


def _out_of_memory(memory_mb: int) -> str:
    return (
        f"needs more than the {memory_mb} MB of memory that Satchel gives to one file; "
        "split it to have it searched"
    )


def _innermost(error: Exception) -> str:
    """Kind and place of an error: "TypeError in html.py:88"."""
    trace = error.__traceback__
    if trace is None:
        return type(error).__name__
    while trace.tb_next is not None:
        trace = trace.tb_next
    file = Path(trace.tb_frame.f_code.co_filename).name
    return f"{type(error).__name__} in {file}:{trace.tb_lineno}"


if sys.platform == "win32":

    def limit_memory(memory_mb: int) -> None:
        """Windows has no such limit for a process itself; the parent watches its size."""

    def _limit_cpu() -> None:
        pass

else:
    import resource

    def limit_memory(memory_mb: int) -> None:
        """Allow at most `memory_mb` MB of address space and no core dumps, where the system can."""
        limit = memory_mb * 1_000_000
        for what, value in ((resource.RLIMIT_AS, limit), (resource.RLIMIT_CORE, 0)):
            with contextlib.suppress(OSError, ValueError):  # macOS knows the first but refuses it
                resource.setrlimit(what, (value, value))

    def _limit_cpu() -> None:
        """End the process should native code spin on one file long after the parent is gone."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(usage.ru_utime + usage.ru_stime) + _CPU_SECONDS_A_FILE
        with contextlib.suppress(OSError, ValueError):
            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))


def _die_with(parent: int) -> None:
    """On Linux have the kernel tell when the parent dies.

    It also tells when only the thread that started this process ended, so the
    signal is not a deadly one: the handler looks whether the parent is there.
    """
    if sys.platform != "linux":
        return

    def look(_signal: int, _frame: FrameType | None) -> None:
        if os.getppid() != parent:
            os._exit(0)

    signal.signal(signal.SIGUSR2, look)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR2, 0, 0, 0)
    if os.getppid() != parent:  # it died in between
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
