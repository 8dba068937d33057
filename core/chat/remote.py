"""What is said to a remote engine and what it says back, as values. Pure.

The protocol is that of OpenAI's chat completions, which llama-server, Ollama and vLLM speak:
POST {base}/chat/completions with `stream`, answered by server-sent events.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.chat.prompt import PromptTemplate, build_prompt, load_template
from core.chat.words import estimate_tokens
from core.errors import UserError
from core.llm.chat_message import ChatMessage

PROMPT_PATH = Path(__file__).resolve().parents[2] / "resources" / "prompts" / "remote.txt"
MOST_LINE_BYTES = 1_000_000
FRAME_TOKENS = 8  # around each message, guessed
_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a remote engine is. `path` is what stands before /chat/completions."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str

    @property
    def name(self) -> str:
        """How the person knows it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == "https" else 80
        return host if self.port == usual else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Where questions are sent."""
        return f"{self.scheme}://{self.name}{self.path}/chat/completions"

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, by its name."""
        return self.host in _HERE


@dataclass(frozen=True, slots=True)
class RemoteRequest:
    """All that is sent with a question, but for the key: to whom, and the body to the byte.

    `passages_used` are the first of the passages; the last ones may have had no room.
    """

    endpoint: Endpoint
    model: str
    messages: tuple[ChatMessage, ...]
    body: bytes
    passages_used: int
    prompt_tokens: int

    @property
    def seal(self) -> str:
        """The same for the same bytes to the same place, and for nothing else."""
        return hashlib.sha256(self.endpoint.url.encode() + b"\0" + self.body).hexdigest()


def parse_endpoint(address: str) -> Endpoint:
    """The endpoint that an address names; the path /v1 is meant where there is none.

    Raises UserError when it is not http(s)://host[:port][/path].
    """
    wrong = UserError(
        f"{address.strip()[:200]!r} is not the address of a remote engine.",
        "Give it like http://127.0.0.1:8080 or https://ai.example.org/v1.",
    )
    try:
        parts = urllib.parse.urlsplit(address.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    scheme = parts.scheme
    if not host or scheme not in ("http", "https") or parts.query or parts.fragment:
        raise wrong
    if parts.username is not None or not _is_plain(host + parts.path):
        raise wrong
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    secure: Literal["http", "https"] = "https" if scheme == "https" else "http"
    return Endpoint(secure, host, port or (443 if secure == "https" else 80), path)


def _is_plain(text: str) -> bool:
    return text.isascii() and all(" " < char < "\x7f" for char in text)


def is_near(address: str) -> bool:
    """Whether a numeric address is this machine's or of a private network."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    return found.is_loopback or found.is_private or found.is_link_local


def load_remote_template() -> PromptTemplate:
    """The wording that ships with Satchel for remote engines."""
    return load_template(PROMPT_PATH)


def make_request(
    endpoint: Endpoint,
    model: str,
    question: str,
    passages: Sequence[str],
    *,
    template: PromptTemplate,
    prompt_tokens: int,
    answer_tokens: int,
) -> RemoteRequest:
    """What a question sends: the passages, the question and fixed words around them.

    Nothing of the conversation before goes along.
    """
    prompt = build_prompt(
        question,
        passages,
        (),
        template=template,
        prompt_tokens=prompt_tokens,
        count_tokens=_estimate,
    )
    body: dict[str, object] = {
        **({"model": model} if model else {}),
        "messages": [{"role": m.role, "content": m.text} for m in prompt.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": answer_tokens,
        "temperature": 0,
    }
    sent = json.dumps(body, ensure_ascii=True).encode("ascii")
    return RemoteRequest(
        endpoint, model, prompt.messages, sent, prompt.passages_used, prompt.tokens
    )


def _estimate(messages: Sequence[ChatMessage]) -> int:
    return sum(estimate_tokens(message.text) + FRAME_TOKENS for message in messages)


# --- what comes back ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """One event of a stream. `alive` is true when the model wrote something, if only to itself."""

    text: str = ""
    alive: bool = False
    finish: str | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    refusal: str | None = None


class EventStream:
    """Turns the bytes of a stream of events into pieces; never raises for what they hold."""

    def __init__(self) -> None:
        self._rest = b""
        self.garbage = 0  # lines that are no event
        self.too_long = False  # a line without end: nothing more is taken

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that these bytes complete."""
        if self.too_long:
            return []
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MOST_LINE_BYTES:
            self.too_long = True
            self._rest = b""
        return [piece for line in lines if (piece := self._line(line)) is not None]

    def finish(self) -> list[Piece]:
        """What a last line without a line end holds."""
        return self.feed(b"\n") if self._rest else []

    def _line(self, line: bytes) -> Piece | None:
        text = line.decode("utf-8", "replace").strip()
        if not text or text.startswith((":", "event:", "id:", "retry:")):
            return None
        if not text.startswith("data:"):
            self.garbage += 1
            return None
        data = text.removeprefix("data:").strip()
        if data == "[DONE]":
            return Piece(finish="done")
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            self.garbage += 1
            return None
        if not isinstance(body, dict):
            self.garbage += 1
            return None
        return piece_of(body)


def piece_of(body: Mapping[str, object]) -> Piece:
    """What one event says, or a whole answer of a server that does not stream."""
    if "error" in body:
        return Piece(refusal=error_words(body) or "it reported an error")
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    first = first if isinstance(first, dict) else {}
    said = first.get("delta") or first.get("message")
    said = said if isinstance(said, dict) else {}
    text = _text(said.get("content"))
    thought = _text(said.get("reasoning_content")) or _text(said.get("reasoning"))
    finish = first.get("finish_reason")
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Piece(
        text=text,
        alive=bool(text or thought),
        finish=finish if isinstance(finish, str) and finish else None,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        answer_tokens=_count(usage.get("completion_tokens")),
    )


def error_words(body: object) -> str:
    """The server's own words for an error, short and on one line; "" when it has none."""
    if not isinstance(body, dict):
        return ""
    error = body.get("error", body.get("detail", body.get("message")))
    if isinstance(error, dict):
        error = error.get("message")
    words = " ".join(_text(error).split())
    return "".join(char for char in words if char.isprintable())[:200]


def _text(value: object) -> str:
    # A lone half of a character, which JSON can hold, is not to be written anywhere.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**31 else None
