"""A remote engine as a `Model`: one question over HTTP, streamed, with a limit on every wait."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.chat.assistant import ModelAnswer
from core.chat.remote import Endpoint, EventStream, Piece, RemoteRequest, error_words
from core.chat.remote import piece_of as whole_answer
from core.chat.remote_wire import (
    Answered,
    Connected,
    Connection,
    End,
    RemoteFailed,
    unreachable,
)
from core.errors import UserError
from core.messages import ChatTurn

GRACE_S = 2.0  # for the rest of a stream after the server said why the answer ends
MOST_ERROR_BYTES = 20_000
MOST_ANSWER_BYTES = 4_000_000
MOST_GARBAGE_LINES = 50
CHARS_PER_TOKEN = 12  # more than any tokenizer gives: what goes on past that is cut off

_STATUS = {
    401: ("did not accept the key", "Set the key anew with `satchel remote set --key`."),
    403: ("does not allow this key to ask", "Set another key with `satchel remote set --key`."),
    404: ("does not know the model or the address", "See its models with `satchel remote check`."),
    413: ("says that the question is too long", "Lower assistant.passage_tokens."),
    429: ("has too much to do", "Ask again later."),
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each part may take, in seconds: to connect, until the first word, between words."""

    connect_s: float = 5.0
    first_word_s: float = 60.0
    silence_s: float = 20.0


class RemoteEngine:
    """Answers with a remote engine. Implements `core.chat.assistant.Model` for one request."""

    def __init__(
        self,
        request: RemoteRequest,
        key: str | None,
        patience: Patience,
        answer_tokens: int,
    ) -> None:
        self._request = request
        self._key = key
        self._patience = patience
        self._most_chars = answer_tokens * CHARS_PER_TOKEN

    def answer(
        self,
        question: str,  # noqa: ARG002 - the request holds what was agreed to, and only that is sent
        passages: Sequence[str],  # noqa: ARG002
        history: Sequence[ChatTurn],  # noqa: ARG002
        on_text: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> ModelAnswer:
        """Send the request and stream what comes. Raises RemoteFailed."""
        request = self._request
        path = f"{request.endpoint.path}/chat/completions"
        connection = Connection(
            request.endpoint, "POST", path, request.body, self._key, self._patience.connect_s
        )
        try:
            return _Exchange(request, self._patience, self._most_chars, on_text).run(
                connection, cancelled
            )
        finally:
            connection.close()


class _Exchange:
    """One answer while it comes."""

    def __init__(
        self,
        request: RemoteRequest,
        patience: Patience,
        most_chars: int,
        on_text: Callable[[str], None],
    ) -> None:
        self._request = request
        self._name = request.endpoint.name
        self._patience = patience
        self._most_chars = most_chars
        self._on_text = on_text
        self._stream = EventStream()
        self._text = ""
        self._whole = b""  # of a reply that is no stream
        self._bytes = 0
        self._pieces = 0
        self._over = False  # nothing more is wanted
        self._reason: str | None = None  # why the answer ends, as the server says
        self._counts: tuple[int | None, int | None] = (None, None)
        self._head: Answered | None = None
        self._started = self._heard = time.monotonic()
        self._first_word: float | None = None
        self._connected = False

    def run(self, connection: Connection, cancelled: Callable[[], bool]) -> ModelAnswer:
        """Until the answer is whole. Raises RemoteFailed."""
        while not cancelled():
            event = connection.next_event()
            if event is None:
                if self._reason is not None and time.monotonic() - self._heard > GRACE_S:
                    return self._ended()
                self._check_patience()
            elif isinstance(event, Connected):
                self._connected, self._heard = True, time.monotonic()
            elif isinstance(event, Answered):
                self._take_head(event)
            elif isinstance(event, bytes):
                self._take(event)
                if self._over:
                    return self._ended()
                self._check_patience()
            elif isinstance(event, End):
                self._take_end()
                return self._ended()
            else:
                raise self._broken(event)
        return self._answer("cancelled")

    def _ended(self) -> ModelAnswer:
        if not self._text.strip():
            raise RemoteFailed(
                f"{self._name} ended without a word of an answer.",
                "A model that thinks first needs more room: raise assistant.answer_tokens.",
            )
        return self._answer("length" if self._reason == "length" else "end")

    def _take_head(self, head: Answered) -> None:
        self._head = head
        if 300 <= head.status < 400:
            raise RemoteFailed(
                f"{self._name} sends the question on to another address; that was refused.",
                "Set the address that it really has with `satchel remote set ADDRESS`.",
            )

    def _take(self, data: bytes) -> None:
        self._bytes += len(data)
        head = self._head
        assert head is not None
        if self._bytes > (MOST_ERROR_BYTES if head.status != 200 else MOST_ANSWER_BYTES):
            raise self._nonsense("sends without end")
        if head.status != 200 or head.kind == "application/json":
            self._whole += data
            return
        self._take_pieces(self._stream.feed(data))

    def _take_pieces(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            if piece.refusal is not None:
                raise RemoteFailed(
                    f"{self._name} gave up: {piece.refusal}", "Ask again, or ask without it."
                )
            if piece.alive:
                self._heard = time.monotonic()
            if piece.prompt_tokens is not None or piece.answer_tokens is not None:
                self._counts = (piece.prompt_tokens, piece.answer_tokens)
            if piece.finish == "done":
                self._over = True
            elif piece.finish is not None:
                self._reason = piece.finish
            if piece.text:
                self._show(piece.text)
        if self._stream.too_long or self._stream.garbage > MOST_GARBAGE_LINES:
            raise self._nonsense("answers in a form that is not understood")

    def _show(self, text: str) -> None:
        if self._first_word is None:
            self._first_word = time.monotonic()
        room = self._most_chars - len(self._text)
        self._text += text[:room]
        self._pieces += 1
        self._on_text(text[:room])
        if len(text) >= room:
            self._over, self._reason = True, "length"

    def _take_end(self) -> None:
        head = self._head
        if head is None:
            raise self._nonsense("hung up")
        if head.status != 200:
            raise self._status(head.status)
        if head.kind == "application/json":
            try:
                body = json.loads(self._whole.decode("utf-8", "replace"))
            except (ValueError, RecursionError):
                body = None
            if not isinstance(body, dict):
                raise self._nonsense("answers in a form that is not understood")
            self._take_pieces([whole_answer(body)])
            self._over = True
        else:
            self._take_pieces(self._stream.finish())
        if self._reason is None and not self._over:
            raise self._nonsense("hung up in the middle" if self._text else "hung up")

    def _check_patience(self) -> None:
        now = time.monotonic()
        if not self._connected:
            # Names are looked up before; a resolver that hangs is waited for as well.
            if now - self._started > 2 * self._patience.connect_s:
                raise self._late("cannot be reached", self._patience.connect_s)
        elif self._first_word is None:
            if now - self._heard > self._patience.first_word_s:
                raise self._late("said nothing", self._patience.first_word_s)
        elif now - self._heard > self._patience.silence_s:
            raise self._late("fell silent", self._patience.silence_s)

    def _late(self, what: str, seconds: float) -> RemoteFailed:
        return RemoteFailed(
            f"{self._name} {what} for {seconds:g} s.",
            "See that it is running, or give it longer in the settings (remote).",
        )

    def _nonsense(self, what: str) -> RemoteFailed:
        return RemoteFailed(
            f"{self._name} {what}.",
            "See that this is the address of an OpenAI-compatible server.",
        )

    def _status(self, status: int) -> RemoteFailed:
        what, advice = _STATUS.get(
            status, (f"answered with the error {status}", "See what its log says.")
        )
        try:
            words = error_words(json.loads(self._whole.decode("utf-8", "replace")))
        except (ValueError, RecursionError):
            words = ""
        said = f" ({words})" if words else ""
        return RemoteFailed(f"{self._name} {what}{said}.", advice)

    def _broken(self, error: Exception) -> RemoteFailed:
        if isinstance(error, UserError):
            return RemoteFailed(error.title, error.advice)
        return unreachable(self._name, error, connected=self._connected)

    def _answer(self, stopped: str) -> ModelAnswer:
        now = time.monotonic()
        first = self._first_word or now
        prompt, answer = self._counts
        return ModelAnswer(
            text=self._text,
            stopped=stopped,
            passages_used=self._request.passages_used,
            prompt_tokens=self._request.prompt_tokens if prompt is None else prompt,
            answer_tokens=self._pieces if answer is None else answer,
            prefill_ms=1000 * (first - self._started),
            decode_ms=1000 * (now - first),
        )


def list_models(endpoint: Endpoint, key: str | None, patience: Patience) -> tuple[str, ...]:
    """The names of the models that a server offers. Raises RemoteFailed."""
    connection = Connection(
        endpoint, "GET", f"{endpoint.path}/models", None, key, patience.connect_s
    )
    deadline = time.monotonic() + 2 * patience.connect_s + patience.silence_s
    data = b""
    head: Answered | None = None
    try:
        while time.monotonic() < deadline:
            event = connection.next_event()
            if isinstance(event, UserError):
                raise RemoteFailed(event.title, event.advice)
            if isinstance(event, Exception):
                raise unreachable(endpoint.name, event, connected=head is not None)
            if isinstance(event, Answered):
                head = event
            elif isinstance(event, bytes):
                data += event
            if isinstance(event, End) or len(data) > MOST_ANSWER_BYTES:
                return _offered(endpoint.name, head, data)
    finally:
        connection.close()
    raise RemoteFailed(f"{endpoint.name} does not answer.", "See that it is running.")


def _offered(name: str, head: Answered | None, data: bytes) -> tuple[str, ...]:
    status = head.status if head is not None else 0
    if status != 200:
        what, advice = _STATUS.get(
            status, (f"answered with {status}", "See that its address is right.")
        )
        raise RemoteFailed(f"{name} {what}.", advice)
    with contextlib.suppress(ValueError, RecursionError, KeyError, TypeError):
        body = json.loads(data.decode("utf-8", "replace"))
        return tuple(str(model["id"])[:200] for model in body["data"])
    raise RemoteFailed(
        f"{name} does not say which models it has.",
        "See that this is the address of an OpenAI-compatible server.",
    )
