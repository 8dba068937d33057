"""The language model for those who ask it: one question at a time, ended when idle."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.children import Child, ChildGone, ChildSlow
from app.model_process import (
    SILENCE_TIMEOUT_S,
    Interrupted,
    ModelProcess,
    SavedPlace,
    Shape,
    Wanted,
)
from core.chat.assistant import Model, ModelAnswer
from core.errors import Cancelled, ModelMissingError, UserError
from core.messages import (
    Cancel,
    ChatTurn,
    Complete,
    Failed,
    Fingerprinted,
    FingerprintModel,
    ForetellText,
    Generate,
    ModelLoaded,
    PinnedText,
    TextForetold,
    WeightsHeld,
)

NOTHING_SAID = ModelAnswer("", "cancelled", 0, 0, 0, 0.0, 0.0)
FINGERPRINTED = Shape(512)  # always the same, or what is computed would not be


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
        """`traces` and `saved` are as in `ModelProcess`."""
        self._process = ModelProcess(command, threads, traces, saved)
        self._shape = Shape(context_tokens)
        self._answer_tokens = answer_tokens
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._background = 0  # how many requests go on while nobody holds the lock
        self._wanted: Wanted | None = None
        self._used_at = time.monotonic()
        self._timer: threading.Timer | None = None
        self._refused: UserError | None = None
        self.on_answer: Callable[[Path, ModelAnswer], None] = lambda _path, _answer: None

    def use(self, path: Path, adapters: Sequence[Path] = (), shape: Shape | None = None) -> None:
        """From the next question on, answer with the model in this file and its adapters."""
        self._wanted = Wanted(path, tuple(adapters), shape or self._shape)

    def varied(self, variety: int) -> Model:
        """This model, saying things differently for each number but 0."""
        return _Varied(self, variety)

    # --- what is known of it --------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        """Process id of the worker, None when it is not running."""
        return self._process.pid

    @property
    def last_loaded(self) -> ModelLoaded | None:
        """How the model was loaded that ran last."""
        return self._process.last_loaded

    @property
    def memory_notes(self) -> dict[Path, str]:
        """What the memory of those that ran cannot do, by their files."""
        return self._process.memory_notes

    def held(self) -> WeightsHeld | None:
        """How the weights are kept in memory, as last heard; None when no model is loaded."""
        if self._lock.acquire(blocking=False):
            try:
                self._process.hear_all()
            finally:
                self._lock.release()
        return self._process.held

    # --- asking ---------------------------------------------------------------------------

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
        process = self._process

        def given_up() -> bool:
            return self._refused is not None or cancelled()

        with self._working():
            child = self._ready(self._wanted, given_up)
            if child is None:
                return NOTHING_SAID
            request = Generate(
                id=process.next_id(),
                question=question,
                passages=tuple(passages),
                history=tuple(history),
                max_answer_tokens=self._answer_tokens,
                saved_bytes=process.saved_bytes(),
                pinned=pinned,
                variety=variety,
            )
            answer = process.said(process.send(child, request), request, on_text, given_up)
            if process.loaded is not None and self._refused is None:
                self.on_answer(process.loaded.path, answer)
            return answer

    def fingerprint(self, path: Path, text: str) -> Fingerprinted:
        """What the model in this file, without adapters, computes on a text. Raises UserError."""
        with self._working():
            child = self._ready(Wanted(path, (), FINGERPRINTED), _never)
            assert child is not None
            request = FingerprintModel(self._process.next_id(), text)
            reply = self._process.ask(child, request, SILENCE_TIMEOUT_S, _never)
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
            request = ForetellText(self._process.next_id(), text)
            reply = self._process.ask(child, request, SILENCE_TIMEOUT_S, given_up)
            if reply is None:
                child.send(Cancel(request.id))
                raise self._refused or Cancelled()
            if isinstance(reply, Failed):
                raise UserError(reply.title, reply.advice)
            assert isinstance(reply, TextForetold)
            return reply

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
        process = self._process

        def given_up() -> bool:
            return self._refused is not None or cancelled()

        with self._working():
            child = self._ready(self._wanted, given_up)
            if child is None:
                return NOTHING_SAID
            request = Complete(process.next_id(), system, text, max_tokens, pinned=pinned)
            return process.said(process.send(child, request), request, on_text, given_up)

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
        process = self._process
        while True:
            with self._working():
                child = self._ready(self._wanted, cancelled)
                if child is None:
                    return NOTHING_SAID
                request = Complete(
                    process.next_id(),
                    system,
                    text,
                    max_tokens,
                    background=True,
                    pinned=pinned,
                    grammar=grammar,
                )
                replies = process.send(child, request)
                self._background += 1
            try:
                return process.said(replies, request, lambda _text: None, cancelled)
            except Interrupted:
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
                self._process.end()
                if self._refused is not None:
                    raise self._refused from error
                raise UserError(
                    f"The language model stopped working ({error}).",
                    "The question was set aside. Ask again; if it happens again, try another "
                    "model (`satchel models list`).",
                ) from error
            except ChildSlow as error:
                self._process.end()
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
        return self._process.ready(wanted, cancelled)

    # --- giving it up ---------------------------------------------------------------------

    def _watch_idle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(self._idle_s, self._end_if_idle)
        self._timer.daemon = True
        self._timer.start()

    def _end_if_idle(self) -> None:
        with self._lock:
            if not self._background and time.monotonic() - self._used_at >= self._idle_s:
                self._process.end()

    def squeeze(self, squeezed: bool) -> None:
        """As in `ModelProcess`."""
        self._process.squeeze(squeezed)

    def let_go(self) -> bool:
        """End the worker, unless it is answering; whether there was one to end."""
        if self._process.child is None or not self._lock.acquire(blocking=False):
            return False
        try:
            self._process.end()
        finally:
            self._lock.release()
        return True

    def forget_saved(self, conversation: int) -> None:
        """Have the worker keep nothing of a conversation that was deleted."""
        self._process.forget_saved(conversation)

    def give_up(self, why: UserError) -> None:
        """End the worker now; an answer in the making ends with this error."""
        self._refused = why
        self._process.stop()

    def close(self) -> None:
        """End the worker now, also in the middle of an answer."""
        if self._timer is not None:
            self._timer.cancel()
        self._process.stop()
        with self._lock:
            self._process.end()


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
