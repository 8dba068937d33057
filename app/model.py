"""The parent's side of the model worker: started with the first question, ended when idle."""

from __future__ import annotations

import contextlib
import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.children import Child, ChildGone, ChildSlow
from app.replies import Replies
from core.chat.assistant import Model, ModelAnswer
from core.errors import Cancelled, ModelMissingError, UserError
from core.messages import (
    INTERRUPTED,
    Cancel,
    CellType,
    ChatTurn,
    Complete,
    Failed,
    Fingerprinted,
    FingerprintModel,
    ForetellText,
    ForgetSaved,
    Generate,
    Generated,
    HoldWeights,
    LoadModel,
    Message,
    ModelLoaded,
    PinnedText,
    PromptReady,
    TextForetold,
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

NOTHING_SAID = ModelAnswer("", "cancelled", 0, 0, 0, 0.0, 0.0)
FINGERPRINTED = Shape(512)  # always the same, or what is computed would not be
POLL_S = 0.05
SQUEEZED_SHARE = 0.75  # of the room for experts, given up while memory is short
LOAD_TIMEOUT_S = 300.0
SILENCE_TIMEOUT_S = 300.0


class _Interrupted(Exception):
    """What ran in the background ended, because another model was loaded."""


def _never() -> bool:
    return False


class ModelWorker:
    """Implements `core.chat.assistant.Model` with a child process; one question at a time.

    `on_answer` is told of each answer and the model file that gave it.
    """

    def __init__(
        self,
        command: Sequence[str],
        context_tokens: int,
        answer_tokens: int,
        threads: int,
        idle_s: float,
        traces: Path | None = None,
        saved: SavedPlace | None = None,
    ) -> None:
        """`traces` is the folder where it is kept what models use how often, `saved` that of keys
        and values.
        """
        self._saved = saved
        self._command = command
        self._traces = traces
        self._shape = Shape(context_tokens)
        self._answer_tokens = answer_tokens
        self._threads = threads
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._child: Child | None = None
        self._replies: Replies | None = None
        self._background = 0  # how many requests go on while nobody holds the lock
        self._loaded: Wanted | None = None
        self._wanted: Wanted | None = None
        self._used_at = time.monotonic()
        self._timer: threading.Timer | None = None
        self._refused: UserError | None = None
        self._squeezed = False
        self._held: WeightsHeld | None = None
        self._room_bytes = 0  # for experts or layers, as the model was loaded
        self.last_loaded: ModelLoaded | None = None
        self.memory_notes: dict[Path, str] = {}  # what the memory of those that ran cannot do
        self.on_answer: Callable[[Path, ModelAnswer], None] = lambda _path, _answer: None

    def use(self, path: Path, adapters: Sequence[Path] = (), shape: Shape | None = None) -> None:
        """From the next question on, answer with the model in this file and its adapters."""
        self._wanted = Wanted(path, tuple(adapters), shape or self._shape)

    def varied(self, variety: int) -> Model:
        """This model, saying things differently for each number but 0."""
        return _Varied(self, variety)

    @property
    def pid(self) -> int | None:
        """Process id of the worker, None when it is not running."""
        child = self._child
        return child.pid if child is not None and child.alive else None

    def answer(
        self,
        question: str,
        passages: Sequence[str],
        history: Sequence[ChatTurn],
        on_text: Callable[[str], None],
        cancelled: Callable[[], bool],
        pinned: PinnedText | None = None,
        variety: int = 0,
    ) -> ModelAnswer:
        """Answer from numbered passages and what is `pinned`; pieces go to `on_text`.

        Raises UserError, also when what is pinned has no room as a whole.
        """

        def given_up() -> bool:
            return self._refused is not None or cancelled()

        with self._working():
            child = self._ready(self._wanted, given_up)
            if child is None:
                return NOTHING_SAID
            answer = self._generate(
                child, question, passages, history, on_text, given_up, pinned, variety
            )
            if self._loaded is not None and self._refused is None:
                self.on_answer(self._loaded.path, answer)
            return answer

    def fingerprint(self, path: Path, text: str) -> Fingerprinted:
        """What the model in this file, without adapters, computes on a text. Raises UserError."""
        with self._working():
            child = self._ready(Wanted(path, (), FINGERPRINTED), _never)
            assert child is not None
            request = FingerprintModel(next(self._ids), text)
            reply = self._ask(child, request, SILENCE_TIMEOUT_S, _never)
            if isinstance(reply, Failed):
                raise UserError(reply.title, reply.advice)
            assert isinstance(reply, Fingerprinted)
            return reply

    def foretell(self, wanted: Wanted, text: str, cancelled: Callable[[], bool]) -> TextForetold:
        """How well a model foretells a text. Raises UserError, Cancelled when given up."""

        def given_up() -> bool:
            return self._refused is not None or cancelled()

        with self._working():
            child = self._ready(wanted, given_up)
            if child is None:
                raise self._refused or Cancelled()
            request = ForetellText(next(self._ids), text)
            reply = self._ask(child, request, SILENCE_TIMEOUT_S, given_up)
            if reply is None:
                child.send(Cancel(request.id))
                raise self._refused or Cancelled()
            if isinstance(reply, Failed):
                raise UserError(reply.title, reply.advice)
            assert isinstance(reply, TextForetold)
            return reply

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        """While the worker does one thing. Raises UserError when it does not get done with it."""
        with self._lock:
            self._refused = None
            try:
                yield
                if self._refused is not None:
                    raise self._refused
            except ChildGone as error:
                self._end()
                if self._refused is not None:
                    raise self._refused from error
                raise UserError(
                    f"The language model stopped working ({error}).",
                    "The question was set aside. Ask again; if it happens again, try another "
                    "model (`satchel models list`).",
                ) from error
            except ChildSlow as error:
                self._end()
                raise UserError(
                    "The language model did not answer in time and was ended.",
                    "Ask again when the computer is less busy, or try a smaller model.",
                ) from error
            finally:
                self._used_at = time.monotonic()
                self._watch_idle()

    def _ready(self, wanted: Wanted | None, cancelled: Callable[[], bool]) -> Child | None:
        """A worker with the wanted model loaded; None when cancelled meanwhile."""
        if wanted is None:
            raise ModelMissingError("No language model is chosen.", "See `satchel models list`.")
        if self._child is not None and not self._child.alive:
            self._end()
        if self._child is None:
            self._child = Child(self._command)
            self._replies = Replies(self._child, self._hear)
        if self._loaded != wanted:
            self._loaded = self._held = None
            request = LoadModel(
                id=next(self._ids),
                path=str(wanted.path),
                context_tokens=wanted.shape.context_tokens,
                threads=self._threads,
                adapters=tuple(str(adapter) for adapter in wanted.adapters),
                cell_type=wanted.shape.cell_type,
                held_bytes=wanted.shape.held_bytes,
                traces=self._traces_of(wanted.path),
                active_experts=wanted.shape.active_experts,
                saved_folder=str(self._saved.folder) if self._saved else None,
                saved_bytes=self._saved.limit_bytes() if self._saved else 0,
            )
            reply = self._ask(self._child, request, LOAD_TIMEOUT_S, cancelled)
            if reply is None:
                self._end()
                return None
            if isinstance(reply, Failed):
                raise UserError(reply.title, reply.advice)
            if isinstance(reply, ModelLoaded):
                self.last_loaded = reply
                self.memory_notes[wanted.path] = reply.memory_why
            self._loaded = wanted
            self._room_bytes = self._held.room_bytes if self._held is not None else 0
            if self._squeezed:
                self._send_room(self._child)
        return self._child

    def _traces_of(self, model: Path) -> str | None:
        return None if self._traces is None else str(self._traces / f"{model.stem}.trace")

    def _generate(
        self,
        child: Child,
        question: str,
        passages: Sequence[str],
        history: Sequence[ChatTurn],
        on_text: Callable[[str], None],
        cancelled: Callable[[], bool],
        pinned: PinnedText | None,
        variety: int,
    ) -> ModelAnswer:
        request = Generate(
            id=next(self._ids),
            question=question,
            passages=tuple(passages),
            history=tuple(history),
            max_answer_tokens=self._answer_tokens,
            saved_bytes=self._saved.limit_bytes() if self._saved else None,
            pinned=pinned,
            variety=variety,
        )
        return self._said(self._send(child, request), request, on_text, cancelled)

    def complete(
        self,
        system: str,
        text: str,
        max_tokens: int,
        on_text: Callable[[str], None],
        cancelled: Callable[[], bool],
        pinned: str = "",
    ) -> ModelAnswer:
        """Go on from a text, however long, while somebody waits for it. Raises UserError.

        What is `pinned` before the text has to be read only the first time.
        """

        def given_up() -> bool:
            return self._refused is not None or cancelled()

        with self._working():
            child = self._ready(self._wanted, given_up)
            if child is None:
                return NOTHING_SAID
            request = Complete(next(self._ids), system, text, max_tokens, pinned=pinned)
            return self._said(self._send(child, request), request, on_text, given_up)

    def complete_in_background(
        self,
        system: str,
        text: str,
        max_tokens: int,
        cancelled: Callable[[], bool],
        pinned: str = "",
        grammar: str = "",
    ) -> ModelAnswer:
        """As `complete`, from any thread, giving way to everything else that is asked for.

        It is paused for that and goes on, or begins again where another model was needed
        meanwhile. What is said follows the `grammar`, if there is one. Raises UserError, also when
        the worker was ended because its memory was wanted.
        """
        while True:
            with self._working():
                child = self._ready(self._wanted, cancelled)
                if child is None:
                    return NOTHING_SAID
                request = Complete(
                    next(self._ids),
                    system,
                    text,
                    max_tokens,
                    background=True,
                    pinned=pinned,
                    grammar=grammar,
                )
                replies = self._send(child, request)
                self._background += 1
            try:
                return self._said(replies, request, lambda _text: None, cancelled)
            except _Interrupted:
                continue
            except (ChildGone, ChildSlow) as error:
                raise UserError(
                    "The language model was ended while it worked in the background.",
                    "It begins again with the next try.",
                ) from error
            finally:
                with self._lock:
                    self._background -= 1
                    self._used_at = time.monotonic()
                    self._watch_idle()

    def _said(
        self,
        replies: Replies,
        request: Generate | Complete,
        on_text: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> ModelAnswer:
        """What the worker replies to a request that was sent, piece by piece and as a whole."""
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
                    raise _Interrupted
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

    def _ask(
        self, child: Child, request: Request, timeout_s: float, cancelled: Callable[[], bool]
    ) -> Message | None:
        """The one reply to a request; None when cancelled meanwhile."""
        replies = self._send(child, request)
        try:
            return self._wait(replies, request.id, timeout_s, cancelled)
        finally:
            replies.done(request.id)

    def _send(self, child: Child, request: Request) -> Replies:
        """Send a request; where its replies come. `done` has to be said to that in the end."""
        replies = self._replies
        if replies is None or replies.child is not child:
            raise ChildGone("it was ended")
        replies.expect(request.id)
        child.send(request)
        return replies

    def _hear(self, message: Message) -> None:
        """What the worker says unasked; what is left of earlier requests is passed over."""
        if isinstance(message, WeightsHeld):
            self._held = message

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

    def _watch_idle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(self._idle_s, self._end_if_idle)
        self._timer.daemon = True
        self._timer.start()

    def _end_if_idle(self) -> None:
        with self._lock:
            if not self._background and time.monotonic() - self._used_at >= self._idle_s:
                self._end()

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
        self._child = self._replies = None
        self._loaded = None
        self._held = None

    def squeeze(self, squeezed: bool) -> None:
        """Have a model whose weights do not all have room take less of it, or as much as before.

        Also in the middle of an answer. Weights that are there as a whole stay: their pages are
        the file's, and the system takes them when it wants them.
        """
        if squeezed != self._squeezed:
            self._squeezed = squeezed
            child = self._child
            if child is not None and self._loaded is not None:
                self._send_room(child)

    def _send_room(self, child: Child) -> None:
        loaded = self._loaded
        wanted = loaded.shape.held_bytes if loaded is not None else None
        if wanted is None or not self._room_bytes:
            return
        if self._squeezed:
            wanted -= int(self._room_bytes * SQUEEZED_SHARE)
        with contextlib.suppress(ChildGone):
            child.send(HoldWeights(wanted))

    def held(self) -> WeightsHeld | None:
        """How the weights are kept in memory, as last heard; None when no model is loaded."""
        replies = self._replies
        if replies is not None and self._lock.acquire(blocking=False):
            try:
                replies.hear_all()
            finally:
                self._lock.release()
        return self._held

    def let_go(self) -> bool:
        """End the worker, unless it is answering; whether there was one to end."""
        if self._child is None or not self._lock.acquire(blocking=False):
            return False
        try:
            self._end()
        finally:
            self._lock.release()
        return True

    def forget_saved(self, conversation: int) -> None:
        """Have the worker keep nothing of a conversation that was deleted."""
        child = self._child
        if child is not None:
            with contextlib.suppress(ChildGone):
                child.send(ForgetSaved(conversation))

    def give_up(self, why: UserError) -> None:
        """End the worker now; an answer in the making ends with this error."""
        self._refused = why
        child = self._child
        if child is not None:
            child.close()

    def close(self) -> None:
        """End the worker now, also in the middle of an answer."""
        if self._timer is not None:
            self._timer.cancel()
        child = self._child
        if child is not None:
            child.close()
        with self._lock:
            self._end()


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


@dataclass(frozen=True, slots=True)
class _Varied:
    """A model whose words are drawn, by a number."""

    worker: ModelWorker
    variety: int

    def answer(
        self,
        question: str,
        passages: Sequence[str],
        history: Sequence[ChatTurn],
        on_text: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> ModelAnswer:
        """As the worker answers."""
        return self.worker.answer(
            question, passages, history, on_text, cancelled, variety=self.variety
        )
