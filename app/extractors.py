"""The pool of extractor children: one file at a time each, with limits, restarted when they die."""

from __future__ import annotations

import itertools
import os
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from app.children import Child, ChildGone, ChildSlow
from core.errors import FileError
from core.index.reader import Wanted
from core.messages import (
    Chunks,
    Extract,
    Extracted,
    FileFailed,
    Message,
    PageImage,
    Passages,
    PassageText,
    ReadSpans,
    RenderPage,
    ends,
)
from core.store.rows import FileRef

BACK_OFF_S = (0.0, 0.0, 0.5, 1.0, 2.0, 5.0)


class ExtractorPool:
    """Implements `core.index.reader.Reader` with `size` child processes, started when needed."""

    def __init__(
        self,
        command: Sequence[str],
        size: int,
        tokenizer_path: str,
        timeout_s: float,
        on_death: Callable[[str], None],
        max_tokens: int = 256,
    ) -> None:
        """`on_death` is told, in words, of each child that died and the file it was reading."""
        self._command = command
        self._tokenizer_path = tokenizer_path
        self._max_tokens = max_tokens
        self._timeout_s = timeout_s
        self._on_death = on_death
        self._ids = itertools.count(1)
        self._slots: queue.LifoQueue[_Slot] = queue.LifoQueue()
        for _ in range(size):
            self._slots.put(_Slot())
        self._size = size
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="read")
        # On Linux a child ends with the thread that started it, so that thread has to last.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="start")

    def extract(self, file: FileRef) -> Iterator[Chunks | Extracted]:
        """The chunks of a file in order, then Extracted. Raises FileError."""
        request = Extract(
            id=next(self._ids),
            path=file.path,
            size_bytes=file.size_bytes,
            mtime_ns=file.mtime_ns,
            tokenizer_path=self._tokenizer_path,
            max_tokens=self._max_tokens,
        )
        for reply in self._ask(request, file.path):
            if isinstance(reply, (Chunks, Extracted)):
                yield reply

    def read(self, wanted: Sequence[Wanted]) -> list[tuple[PassageText, ...] | FileError]:
        """The passages of each request, or why its file does not give them."""
        return list(self._threads.map(self._read_one, wanted))

    def _read_one(self, wanted: Wanted) -> tuple[PassageText, ...] | FileError:
        request = ReadSpans(
            id=next(self._ids),
            path=wanted.file.path,
            size_bytes=wanted.file.size_bytes,
            mtime_ns=wanted.file.mtime_ns,
            spans=wanted.spans,
            page_chars=wanted.page_chars,
        )
        try:
            for reply in self._ask(request, wanted.file.path):
                if isinstance(reply, Passages):
                    return reply.passages
        except FileError as error:
            return error
        return FileError(wanted.file.path, "could not be read back; try again")

    def render(self, path: str, page: int, width_px: int) -> PageImage:
        """One page of a PDF as a picture. Raises FileError."""
        request = RenderPage(id=next(self._ids), path=path, page=page, width_px=width_px)
        for reply in self._ask(request, path):
            if isinstance(reply, PageImage):
                return reply
        raise FileError(path, "has no picture of that page")

    def _ask(self, request: Extract | ReadSpans | RenderPage, path: str) -> Iterator[Message]:
        """The replies to one request; a child that fails or is left alone is ended."""
        slot = self._slots.get()
        whole = False
        try:
            child = self._starter.submit(slot.child, self._command).result()
            child.send(request)
            waited_s = 0.0
            while not whole:
                started = time.monotonic()
                reply = child.receive(max(self._timeout_s - waited_s, 0.001))
                waited_s += time.monotonic() - started
                whole = ends(reply)
                if isinstance(reply, FileFailed):
                    raise FileError(reply.path, reply.reason, reply.problem)
                yield reply
        except ChildSlow:
            self._on_death(f"the reader of {path} was ended after {self._timeout_s:g} s")
            raise FileError(
                path,
                f"took longer than {self._timeout_s:g} s to read and was set aside; it is tried "
                "again when it changes",
            ) from None
        except ChildGone as error:
            slot.died()
            self._on_death(f"the reader of {path} died: {error}")
            raise FileError(
                path,
                f"made its reader fail ({error}) and was set aside; it is tried again when it "
                "changes",
            ) from None
        finally:
            if not whole:
                slot.end()
            self._slots.put(slot)

    def pids(self) -> list[int]:
        """Process ids of the running children."""
        with self._slots.mutex:
            return [slot.pid for slot in self._slots.queue if slot.pid is not None]

    def let_go(self) -> None:
        """End the children, and with them the texts they remember; new ones start when needed."""
        slots = [self._slots.get() for _ in range(self._size)]
        for slot in slots:
            slot.end()
            self._slots.put(slot)

    def close(self) -> None:
        """End all children; waits for those that are reading."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for _ in range(self._size):
            self._slots.get().end()
        self._starter.shutdown(wait=True)


class _Slot:
    """A place for one child, and how often one died there lately."""

    def __init__(self) -> None:
        self._child: Child | None = None
        self._deaths = 0
        self._last_death = 0.0

    @property
    def pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    def child(self, command: Sequence[str]) -> Child:
        if self._child is not None and not self._child.alive:
            self.end()
        if self._child is None:
            if time.monotonic() - self._last_death > 60:
                self._deaths = 0
            time.sleep(BACK_OFF_S[min(self._deaths, len(BACK_OFF_S) - 1)])
            self._child = Child(command)
        return self._child

    def died(self) -> None:
        self._deaths += 1
        self._last_death = time.monotonic()
        self.end()

    def end(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
