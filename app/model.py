"""The parent's side of the model worker: started with the first question, ended when idle."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.children import Child, ChildGone, ChildSlow
from core.chat.assistant import ModelAnswer
from core.errors import Cancelled, UserError
from core.messages import (
    Cancel,
    ChatTurn,
    Failed,
    Fingerprinted,
    FingerprintModel,
    ForetellText,
    Generate,
    Generated,
    HoldWeights,
    LoadModel,
    Message,
    ModelLoaded,
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
    cell_type: Literal["f16", "q8_0", "q8_q4", "q4_0"] = "q8_0"
    held_bytes: int | None = None
    active_experts: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model, its adapters, and how it is loaded."""

    path: Path
    adapters: tuple[Path, ...]
    shape: Shape


FINGERPRINTED = Shape(512)  # always the same, or what is computed would not be
POLL_S = 0.05
SQUEEZED_SHARE = 0.75  # of the room for experts, given up while memory is short
LOAD_TIMEOUT_S = 300.0
SILENCE_TIMEOUT_S = 300.0


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
    ) -> None:
        """`traces` is the folder where it is kept what models use how often."""
        self._command = command
        self._traces = traces
        self._shape = Shape(context_tokens)
        self._answer_tokens = answer_tokens
        self._threads = threads
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._child: Child | None = None
        self._loaded: Wanted | None = None
        self._wanted: Wanted | None = None
        self._used_at = time.monotonic()
        self._timer: threading.Timer | None = None
        self._refused: UserError | None = None
        self._squeezed = False
        self._held: WeightsHeld | None = None
        self._room_bytes = 0  # for experts or layers, as the model was loaded
        self.last_loaded: ModelLoaded | None = None
        self.on_answer: Callable[[Path, ModelAnswer], None] = lambda _path, _answer: None

    def use(self, path: Path, adapters: Sequence[Path] = (), shape: Shape | None = None) -> None:
        """From the next question on, answer with the model in this file and its adapters."""
        self._wanted = Wanted(path, tuple(adapters), shape or self._shape)

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
    ) -> ModelAnswer:
        """Answer from numbered passages; pieces go to `on_text`. Raises UserError."""

        def given_up() -> bool:
            return self._refused is not None or cancelled()

        with self._working():
            child = self._ready(self._wanted, given_up)
            if child is None:
                return ModelAnswer("", "cancelled", 0, 0, 0, 0.0, 0.0)
            answer = self._generate(child, question, passages, history, on_text, given_up)
            if self._loaded is not None and self._refused is None:
                self.on_answer(self._loaded.path, answer)
            return answer

    def fingerprint(self, path: Path, text: str) -> Fingerprinted:
        """What the model in this file, without adapters, computes on a text. Raises UserError."""
        with self._working():
            child = self._ready(Wanted(path, (), FINGERPRINTED), _never)
            assert child is not None
            request = FingerprintModel(next(self._ids), text)
            child.send(request)
            reply = self._wait(child, request.id, SILENCE_TIMEOUT_S, _never)
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
            child.send(request)
            reply = self._wait(child, request.id, SILENCE_TIMEOUT_S, given_up)
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
            raise UserError("No language model is chosen.", "See `satchel models list`.")
        if self._child is not None and not self._child.alive:
            self._end()
        if self._child is None:
            self._child = Child(self._command)
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
            )
            self._child.send(request)
            reply = self._wait(self._child, request.id, LOAD_TIMEOUT_S, cancelled)
            if reply is None:
                self._end()
                return None
            if isinstance(reply, Failed):
                raise UserError(reply.title, reply.advice)
            if isinstance(reply, ModelLoaded):
                self.last_loaded = reply
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
    ) -> ModelAnswer:
        request = Generate(
            id=next(self._ids),
            question=question,
            passages=tuple(passages),
            history=tuple(history),
            max_answer_tokens=self._answer_tokens,
        )
        child.send(request)
        text: list[str] = []
        used = prompt_tokens = answer_tokens = 0
        while True:
            reply = self._wait(child, request.id, SILENCE_TIMEOUT_S, cancelled)
            if reply is None:
                child.send(Cancel(request.id))
                return ModelAnswer(
                    "".join(text), "cancelled", used, prompt_tokens, answer_tokens, 0.0, 0.0
                )
            if isinstance(reply, Failed):
                raise UserError(reply.title, reply.advice)
            if isinstance(reply, PromptReady):
                used, prompt_tokens = reply.passages_used, reply.prompt_tokens
            elif isinstance(reply, Token):
                text.append(reply.text)
                answer_tokens += 1
                on_text(reply.text)
            elif isinstance(reply, Generated):
                return ModelAnswer(
                    "".join(text),
                    reply.stopped,
                    used,
                    reply.prompt_tokens,
                    reply.answer_tokens,
                    reply.prefill_ms,
                    reply.decode_ms,
                    reply.reused_tokens,
                )

    def _wait(
        self, child: Child, request_id: int, timeout_s: float, cancelled: Callable[[], bool]
    ) -> Message | None:
        """The next reply to a request; what is left of earlier ones is passed over."""
        deadline = time.monotonic() + timeout_s
        while not cancelled():
            try:
                reply = child.receive(POLL_S)
            except ChildSlow:
                if time.monotonic() > deadline:
                    raise
                continue
            if isinstance(reply, WeightsHeld):
                self._held = reply
            elif getattr(reply, "id", None) == request_id:
                return reply
        return None

    def _watch_idle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(self._idle_s, self._end_if_idle)
        self._timer.daemon = True
        self._timer.start()

    def _end_if_idle(self) -> None:
        with self._lock:
            if time.monotonic() - self._used_at >= self._idle_s:
                self._end()

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
        self._child = None
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
        child = self._child
        if child is not None and self._lock.acquire(blocking=False):
            try:
                with contextlib.suppress(ChildGone):
                    self._wait(child, 0, 0.0, _never)
            except ChildSlow:
                pass  # all that it has said is read
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
