"""The process that runs a language model: started, asked, listened to, ended.

Several threads may wait for its replies at once; who starts, loads or ends it holds the lock of
`app.model.ModelWorker` for that.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.children import Child, ChildGone, ChildSlow
from app.replies import Replies
from core.chat.assistant import ModelAnswer
from core.errors import UserError
from core.messages import (
    INTERRUPTED,
    Cancel,
    CellType,
    Complete,
    Failed,
    FingerprintModel,
    ForetellText,
    ForgetSaved,
    Generate,
    Generated,
    HoldWeights,
    LoadModel,
    Message,
    ModelLoaded,
    PromptReady,
    Token,
    WeightsHeld,
)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a model is loaded: its context, of its weights how much may be in memory (None for all),
    and how many experts a token uses (None for as many as the model says).
    """

    context_tokens: int
    cell_type: CellType = "q8_0"
    held_bytes: int | None = None
    active_experts: int | None = None


@dataclass(frozen=True, slots=True)
class SavedPlace:
    """Where keys and values are kept, and how many bytes of them may be there now."""

    folder: Path
    limit_bytes: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model, its adapters, and how it is loaded."""

    path: Path
    adapters: tuple[Path, ...]
    shape: Shape


Request = LoadModel | Generate | Complete | FingerprintModel | ForetellText

POLL_S = 0.05
SQUEEZED_SHARE = 0.75  # of the room for experts, given up while memory is short
LOAD_TIMEOUT_S = 300.0
SILENCE_TIMEOUT_S = 300.0


class Interrupted(Exception):
    """What ran in the background ended, because another model was loaded."""


class ModelProcess:
    """At most one process, with at most one model in it.

    Its state is to be looked at by any thread: `loaded` and `held` (how the weights are kept in
    memory, as last heard) are None without a model.
    """

    def __init__(
        self, command: Sequence[str], threads: int, traces: Path | None, saved: SavedPlace | None
    ) -> None:
        """`traces` is the folder where it is kept what models use how often, `saved` that of keys
        and values.
        """
        self._command = command
        self._threads = threads
        self._traces = traces
        self._saved = saved
        self._ids = itertools.count(1)
        self._replies: Replies | None = None
        self._squeezed = False
        self._room_bytes = 0  # for experts or layers, as the model was loaded
        self.child: Child | None = None
        self.loaded: Wanted | None = None
        self.held: WeightsHeld | None = None
        self.last_loaded: ModelLoaded | None = None
        self.memory_notes: dict[Path, str] = {}  # what the memory of those that ran cannot do

    @property
    def pid(self) -> int | None:
        """Process id, None when it is not running."""
        child = self.child
        return child.pid if child is not None and child.alive else None

    def next_id(self) -> int:
        """A fresh number for a request."""
        return next(self._ids)

    def saved_bytes(self) -> int | None:
        """How many bytes of keys and values may be kept now; None where none are."""
        return self._saved.limit_bytes() if self._saved else None

    # --- one model in it ------------------------------------------------------------------

    def ready(self, wanted: Wanted, cancelled: Callable[[], bool]) -> Child | None:
        """The process with the wanted model loaded; None when cancelled meanwhile.

        Raises UserError, ChildGone or ChildSlow.
        """
        if self.child is not None and not self.child.alive:
            self.end()
        if self.child is None:
            self.child = Child(self._command)
            self._replies = Replies(self.child, self._hear)
        if self.loaded != wanted:
            self.loaded = self.held = None
            reply = self.ask(self.child, self._loading(wanted), LOAD_TIMEOUT_S, cancelled)
            if reply is None:
                self.end()
                return None
            if isinstance(reply, Failed):
                raise UserError(reply.title, reply.advice)
            if isinstance(reply, ModelLoaded):
                self.last_loaded = reply
                self.memory_notes[wanted.path] = reply.memory_why
            self.loaded = wanted
            self._room_bytes = self.held.room_bytes if self.held is not None else 0
            if self._squeezed:
                self._send_room(self.child)
        return self.child

    def _loading(self, wanted: Wanted) -> LoadModel:
        shape, traces = wanted.shape, self._traces
        return LoadModel(
            id=self.next_id(),
            path=str(wanted.path),
            context_tokens=shape.context_tokens,
            threads=self._threads,
            adapters=tuple(str(adapter) for adapter in wanted.adapters),
            cell_type=shape.cell_type,
            held_bytes=shape.held_bytes,
            traces=None if traces is None else str(traces / f"{wanted.path.stem}.trace"),
            active_experts=shape.active_experts,
            saved_folder=str(self._saved.folder) if self._saved else None,
            saved_bytes=self.saved_bytes() or 0,
        )

    def squeeze(self, squeezed: bool) -> None:
        """Have a model whose weights do not all have room take less of it, or as much as before.

        Also in the middle of an answer. Weights that are there as a whole stay: their pages are
        the file's, and the system takes them when it wants them.
        """
        if squeezed != self._squeezed:
            self._squeezed = squeezed
            child = self.child
            if child is not None and self.loaded is not None:
                self._send_room(child)

    def _send_room(self, child: Child) -> None:
        loaded = self.loaded
        wanted = loaded.shape.held_bytes if loaded is not None else None
        if wanted is None or not self._room_bytes:
            return
        if self._squeezed:
            wanted -= int(self._room_bytes * SQUEEZED_SHARE)
        with contextlib.suppress(ChildGone):
            child.send(HoldWeights(wanted))

    # --- requests -------------------------------------------------------------------------

    def ask(
        self, child: Child, request: Request, timeout_s: float, cancelled: Callable[[], bool]
    ) -> Message | None:
        """The one reply to a request; None when cancelled. Raises ChildGone, ChildSlow."""
        replies = self.send(child, request)
        try:
            return self._wait(replies, request.id, timeout_s, cancelled)
        finally:
            replies.done(request.id)

    def send(self, child: Child, request: Request) -> Replies:
        """Send a request; where its replies come. `done` has to be said to that in the end.

        Raises ChildGone.
        """
        replies = self._replies
        if replies is None or replies.child is not child:
            raise ChildGone("it was ended")
        replies.expect(request.id)
        child.send(request)
        return replies

    def said(
        self,
        replies: Replies,
        request: Generate | Complete,
        on_text: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> ModelAnswer:
        """What is replied to a request that was sent, piece by piece and as a whole.

        Raises UserError, Interrupted, ChildGone or ChildSlow.
        """
        text: list[str] = []
        used = prompt_tokens = answer_tokens = 0
        # A long text takes long to read, and what is in the background may wait for hours.
        longest_s = math.inf if isinstance(request, Complete) else SILENCE_TIMEOUT_S
        try:
            while True:
                reply = self._wait(replies, request.id, longest_s, cancelled)
                if reply is None:
                    replies.child.send(Cancel(request.id))
                    return ModelAnswer(
                        "".join(text), "cancelled", used, prompt_tokens, answer_tokens, 0.0, 0.0
                    )
                if isinstance(reply, Failed) and reply.title == INTERRUPTED:
                    raise Interrupted
                if isinstance(reply, Failed):
                    raise UserError(reply.title, reply.advice)
                if isinstance(reply, PromptReady):
                    used, prompt_tokens = reply.passages_used, reply.prompt_tokens
                elif isinstance(reply, Token):
                    text.append(reply.text)
                    answer_tokens += 1
                    on_text(reply.text)
                elif isinstance(reply, Generated):
                    return _whole("".join(text), used, reply)
        finally:
            replies.done(request.id)

    def _wait(
        self, replies: Replies, request_id: int, timeout_s: float, cancelled: Callable[[], bool]
    ) -> Message | None:
        """The next reply to a request; None when cancelled meanwhile."""
        deadline = time.monotonic() + timeout_s
        while not cancelled():
            try:
                return replies.next(request_id, POLL_S)
            except ChildSlow as error:
                if not replies.child.alive:
                    raise ChildGone(replies.child.ending()) from error
                if time.monotonic() > deadline:
                    raise
        return None

    def _hear(self, message: Message) -> None:
        """What it says unasked; what is left of earlier requests is passed over."""
        if isinstance(message, WeightsHeld):
            self.held = message

    def hear_all(self) -> None:
        """Take in what it has said by now."""
        if self._replies is not None:
            self._replies.hear_all()

    def forget_saved(self, conversation: int) -> None:
        """Have it keep nothing of a conversation that was deleted."""
        child = self.child
        if child is not None:
            with contextlib.suppress(ChildGone):
                child.send(ForgetSaved(conversation))

    # --- its end --------------------------------------------------------------------------

    def stop(self) -> None:
        """End it at once, from any thread; whoever waits for it is told by ChildGone."""
        child = self.child
        if child is not None:
            child.close()

    def end(self) -> None:
        """End it, and know nothing of a model any more."""
        self.stop()
        self.child = self._replies = None
        self.loaded = self.held = None


def _whole(text: str, passages_used: int, reply: Generated) -> ModelAnswer:
    return ModelAnswer(
        text=text,
        stopped=reply.stopped,
        passages_used=passages_used,
        prompt_tokens=reply.prompt_tokens,
        answer_tokens=reply.answer_tokens,
        prefill_ms=reply.prefill_ms,
        decode_ms=reply.decode_ms,
        reused_tokens=reply.reused_tokens,
        restored_tokens=reply.restored_tokens,
        dropped_tokens=reply.dropped_tokens,
        recalled=reply.recalled,
    )
