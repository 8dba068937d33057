"""The pool of extractor children: one file at a time each, with limits, restarted when they die."""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.children import Child, ChildGone, ChildSlow
from app.limits import out_of_memory
from core.errors import FileError, UserError
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
from core.text.document import Limits
from core.text.wanted import may_need_conversion

MB = 1_000_000
MOST_SCRATCH_BYTES = 500_000_000
LONGEST_TIMES = 10  # of the time limit, for a file that other programs convert meanwhile
MEMORY_LOOK_S = 0.2

BACK_OFF_S = (0.0, 0.0, 0.5, 1.0, 2.0, 5.0)


class ExtractorPool:
    """Implements `core.index.reader.Reader` with `size` child processes.

    They are started when needed and ended when they have had nothing to do for a
    while. A file whose reader dies or overruns is given up with the reason.
    """

    def __init__(
        self,
        command: Sequence[str],
        size: int,
        tokenizer_path: str,
        timeout_s: float,
        on_death: Callable[[str], None],
        *,
        max_tokens: int = 256,
        memory_mb: float | None = None,
        scratch: Path | None = None,
        scratch_room: Callable[[], int] | None = None,
        idle_s: float = 300.0,
    ) -> None:
        """`on_death` is told, in words, of each child that died and the file it was reading.

        A reader may be silent for `timeout_s`, and longer altogether while other
        programs convert a file. `memory_mb` is what it may take. In `scratch`,
        which is emptied, each reader gets a folder of its own, the only one it
        may write in, at most `scratch_room()` bytes there.
        """
        self._tokenizer_path = tokenizer_path
        self._max_tokens = max_tokens
        self._timeout_s = timeout_s
        self._memory_mb = memory_mb
        self._limits = Limits()
        self._on_death = on_death
        self._scratch = scratch
        self._scratch_room = scratch_room
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
        self._ids = itertools.count(1)
        self._slots: queue.LifoQueue[_Slot] = queue.LifoQueue()
        places = [None if scratch is None else scratch / str(number) for number in range(size)]
        self._all = [_Slot(command, memory_mb, place) for place in places]
        for slot in self._all:
            self._slots.put(slot)
        self._wanted = size  # how many of them may run
        self._parked: list[_Slot] = []  # the others
        self._counting = threading.Lock()
        self._resizing = threading.Lock()
        self._idle_s = idle_s
        self._timer: threading.Timer | None = None
        self._timing = threading.Lock()
        self._closed = False
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="read")
        # On Linux a child ends with the thread that started it, so that thread has to last.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="start")
        self.protections: tuple[str, ...] | None = None  # what readers cannot do, once one has run

    def extract(self, file: FileRef) -> Iterator[Chunks | Extracted]:
        """The chunks of a file in order, then Extracted. Raises FileError."""
        request = Extract(
            id=next(self._ids),
            path=file.path,
            size_bytes=file.size_bytes,
            mtime_ns=file.mtime_ns,
            tokenizer_path=self._tokenizer_path,
            max_tokens=self._max_tokens,
            max_text_chars=self._limits.max_text_chars,
            max_pages=self._limits.max_pages,
            max_expanded_bytes=self._limits.max_expanded_bytes,
            max_scratch_bytes=self._scratch_bytes(file.path),
        )
        for reply in self._ask(request, file.path):
            if isinstance(reply, (Chunks, Extracted)):
                yield reply

    def _scratch_bytes(self, path: str) -> int:
        if self._scratch_room is None or not may_need_conversion(path):
            return MOST_SCRATCH_BYTES
        return max(0, min(MOST_SCRATCH_BYTES, self._scratch_room()))

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
            max_text_chars=self._limits.max_text_chars,
            max_pages=self._limits.max_pages,
            max_expanded_bytes=self._limits.max_expanded_bytes,
            max_scratch_bytes=self._scratch_bytes(wanted.file.path),
        )
        try:
            for reply in self._ask(request, wanted.file.path):
                if isinstance(reply, Passages):
                    return reply.passages
        except FileError as error:
            return error
        return FileError(wanted.file.path, "could not be read back; try again")

    def render(
        self, path: str, page: int, width_px: int, boxed: tuple[int, int] = (0, 0)
    ) -> PageImage:
        """One page of a PDF as a picture, with boxes for some characters of its text.

        Raises FileError.
        """
        request = RenderPage(next(self._ids), path, page, width_px, *boxed)
        for reply in self._ask(request, path):
            if isinstance(reply, PageImage):
                return reply
        raise FileError(path, "has no picture of that page")

    def _ask(self, request: Extract | ReadSpans | RenderPage, path: str) -> Iterator[Message]:
        """The replies to one request; a child that fails or is left alone is ended."""
        slot = self._slots.get()
        whole = False
        longest_s = self._timeout_s * (LONGEST_TIMES if isinstance(request, Extract) else 1)
        waited_s = 0.0
        try:
            child = self._started(slot)
            child.send(request)
            while not whole:
                started = time.monotonic()
                reply = self._receive(child, min(self._timeout_s, longest_s - waited_s))
                waited_s += time.monotonic() - started
                whole = ends(reply)
                if isinstance(reply, FileFailed):
                    raise FileError(reply.path, reply.reason, reply.problem)
                yield reply
        except ChildSlow:
            limit_s = self._timeout_s if self._timeout_s <= longest_s - waited_s else longest_s
            self._on_death(f"the reader of {path} was ended after {limit_s:g} s")
            raise FileError(
                path,
                f"took longer than {limit_s:g} s to read and was set aside; it is tried "
                "again when it changes",
                "crashed",
            ) from None
        except _ChildLarge:
            self._on_death(f"the reader of {path} was ended for its memory")
            raise FileError(path, out_of_memory(self._memory_mb or 0)) from None
        except ChildGone as error:
            slot.died()
            self._on_death(f"the reader of {path} died: {error}")
            raise FileError(
                path,
                f"made its reader fail ({error}) and was set aside; it is tried again when it "
                "changes",
                "crashed",
            ) from None
        finally:
            if not whole:
                slot.end()
            slot.used_at_s = time.monotonic()
            self._put_back(slot)
            self._watch_idle(self._idle_s)

    def check(self) -> tuple[str, ...]:
        """What the readers of this system cannot do; starts one to know. Raises UserError."""
        slot = self._slots.get()
        try:
            self._started(slot)
        except ChildGone as error:
            slot.died()
            raise UserError(
                f"No reader of files can be started: {error}.", "Install Satchel again."
            ) from error
        finally:
            slot.used_at_s = time.monotonic()
            self._put_back(slot)
            self._watch_idle(self._idle_s)
        return self.protections or ()

    def _started(self, slot: _Slot) -> Child:
        """The running child of a place; what it cannot do is noted."""
        child = self._starter.submit(slot.child).result()
        watched = () if self._memory_mb is None else ("memory",)
        self.protections = tuple(sorted({*child.greet().protections, *watched}))
        return child

    def _receive(self, child: Child, longest_s: float) -> Message:
        """The next reply. The memory of a child that cannot limit itself is watched meanwhile.

        Raises ChildGone, ChildSlow or _ChildLarge.
        """
        if self._memory_mb is None or "memory" in child.greet().protections:
            return child.receive(max(longest_s, 0.001))
        deadline = time.monotonic() + longest_s
        while True:
            if child.memory_bytes() > self._memory_mb * MB:
                raise _ChildLarge
            left_s = deadline - time.monotonic()
            try:
                return child.receive(max(min(left_s, MEMORY_LOOK_S), 0.001))
            except ChildSlow:
                if left_s <= MEMORY_LOOK_S:
                    raise

    def end_idle(self, now_s: float, idle_s: float | None = None) -> float | None:
        """End the readers that were idle for long (`now_s` as of time.monotonic), or for `idle_s`.

        How many seconds until the next one may be; None when none is left idle.
        """
        idle_s = self._idle_s if idle_s is None else idle_s
        waits: list[float] = []
        for slot in reversed(self._free()):
            left_s = slot.used_at_s + idle_s - now_s
            if slot.pid is not None and left_s <= 0:
                slot.end()
            elif slot.pid is not None:
                waits.append(left_s)
            self._put_back(slot)
        return min(waits, default=None)

    def _free(self) -> list[_Slot]:
        """All places that nobody is using, taken; the one to be used first comes first."""
        found: list[_Slot] = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._slots.get_nowait())
        return found

    def _watch_idle(self, after_s: float) -> None:
        with self._timing:
            if self._timer is None and not self._closed:
                self._timer = threading.Timer(after_s, self._when_idle)
                self._timer.daemon = True
                self._timer.start()

    def _when_idle(self) -> None:
        with self._timing:
            self._timer = None
        next_s = self.end_idle(time.monotonic())
        if next_s is not None:
            self._watch_idle(next_s)

    def pids(self) -> list[int]:
        """Process ids of the running children, those that are reading included."""
        return [pid for slot in self._all if (pid := slot.pid) is not None]

    def let_go(self) -> None:
        """End the children, and with them the texts they remember; new ones start when needed."""
        with self._resizing:
            wanted = self._wanted
            self._resize(len(self._all))
            for slot in [self._slots.get() for _ in self._all]:
                slot.end()
                self._slots.put(slot)
            self._resize(wanted)

    def resize(self, size: int) -> None:
        """Let at most so many children run from now on, at least one; those over it end with the
        file that they read.
        """
        with self._resizing:
            self._resize(max(1, min(size, len(self._all))))

    def _resize(self, size: int) -> None:
        with self._counting:
            self._wanted = size
            while self._parked and len(self._all) - len(self._parked) < size:
                self._slots.put(self._parked.pop())
        for slot in reversed(self._free()):
            self._put_back(slot)

    def _put_back(self, slot: _Slot) -> None:
        """Leave a place to the next request, or put it aside where there are too many."""
        with self._counting:
            too_many = len(self._all) - len(self._parked) > self._wanted
            if not too_many:
                self._slots.put(slot)
                return
            self._parked.append(slot)
        slot.end()

    def close(self) -> None:
        """End all children; waits for those that are reading."""
        with self._timing:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
        self._threads.shutdown(wait=True, cancel_futures=True)
        with self._resizing:
            self._resize(len(self._all))
        for _ in self._all:
            self._slots.get().end()
        self._starter.shutdown(wait=True)
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)


class _ChildLarge(Exception):
    """The child took more memory than it may."""


class _Slot:
    """A place for one child with its scratch folder, and how often one died there lately."""

    def __init__(
        self, command: Sequence[str], memory_mb: float | None, scratch: Path | None
    ) -> None:
        self._command = [*command, *(("--scratch", str(scratch)) if scratch is not None else ())]
        self._memory_bytes = None if memory_mb is None else int(memory_mb * MB)
        self._scratch = scratch
        self._child: Child | None = None
        self._deaths = 0
        self._last_death = 0.0
        self.used_at_s = 0.0

    @property
    def pid(self) -> int | None:
        child = self._child  # another thread may end it
        return None if child is None else child.pid

    def child(self) -> Child:
        """The child of this place, started if there is none; its greeting may be still to come."""
        if self._child is not None and not self._child.alive:
            self.end()
        if self._child is None:
            if time.monotonic() - self._last_death > 60:
                self._deaths = 0
            time.sleep(BACK_OFF_S[min(self._deaths, len(BACK_OFF_S) - 1)])
            self._child = Child(self._command, self._memory_bytes, greet=False)
        return self._child

    def died(self) -> None:
        self._deaths += 1
        self._last_death = time.monotonic()
        self.end()

    def end(self) -> None:
        """End the child and remove what it wrote."""
        if self._child is not None:
            self._child.close()
            self._child = None
            if self._scratch is not None:
                shutil.rmtree(self._scratch, ignore_errors=True)


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
