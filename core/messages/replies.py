"""What the service replies."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from core.messages.base import Message
from core.messages.values import (
    Citation,
    DigestEntry,
    DigestTask,
    Hit,
    Locator,
    Made,
    MemoryOffer,
    ModelPhase,
    Phase,
    SentText,
)


class PhraseCount(msgspec.Struct, frozen=True):
    """How often the phrases of a query occur, in how many distinct contents.

    `unread` documents may hold them too: their files are offline or have changed.
    """

    occurrences: int
    documents: int
    unread: int


class SearchResults(Message, frozen=True):
    """Ranked passages; ends the request when `final`."""

    id: int
    hits: tuple[Hit, ...]
    final: bool
    recomputed: int = 0
    from_cache: int = 0
    timings_ms: dict[str, float] = msgspec.field(default_factory=dict)
    phrases: PhraseCount | None = None
    note: str | None = None  # what the person should know, e.g. semantic search not ready


class SearchProgress(Message, frozen=True):
    """How many of the documents that may hold a query's phrases have been read."""

    id: int
    done: int
    total: int


class AnswerSources(Message, frozen=True):
    """The numbered passages that the answer may rest on, before its first word.

    `extract` is the sentence of passage 1 that answers most likely; None where none does.
    """

    id: int
    sources: tuple[Citation, ...]
    conversation: int
    memories: tuple[str, ...] = ()  # what is remembered of the person and used for this
    extract: Citation | None = None
    instructions: str = ""  # what the person wants of every answer, told to the model


class AnswerText(Message, frozen=True):
    """The next piece of the answer."""

    id: int
    text: str


class DigestProgress(Message, frozen=True):
    """How far a Digest is, and what it has so far: `entries` replaces what was told before."""

    id: int
    phase: Literal["reading", "comparing"]
    chars_done: int
    chars_total: int | None
    entries: tuple[DigestEntry, ...] = ()


class DigestDone(Message, frozen=True):
    """Ends a Digest. `dropped` entries were not in their file as they should have been, `more`
    had no room. `resumed_chars` had been read before; `kept` says that the result is.
    """

    id: int
    task: DigestTask
    entries: tuple[DigestEntry, ...]
    chars: int
    dropped: int = 0
    more: int = 0
    resumed_chars: int = 0
    kept: bool = True
    seconds: float = 0.0


class DigestInstead(Message, frozen=True):
    """Ends an Ask that wants whole files read, which is a Digest's work: ask for that."""

    id: int
    task: DigestTask
    paths: tuple[str, ...]


class AnswerNote(Message, frozen=True):
    """Something to know about the answer in the making; with `restart` what came is void."""

    id: int
    text: str
    restart: bool = False


class RemotePreview(Message, frozen=True):
    """Ends an Ask of which nothing was sent yet: exactly what would be, and to whom.

    `body` is the request to the byte, `messages` its texts. `seal` stands for these bytes to
    this place.
    """

    id: int
    seal: str
    server: str
    url: str
    model: str
    messages: tuple[SentText, ...]
    body: str
    with_key: bool
    encrypted: bool
    here: bool


class AnswerDone(Message, frozen=True):
    """Ends an Ask: the whole answer with unknown citations dropped.

    `found` is false when the files do not say; `stopped` as in Generated. `cached_age_s`
    tells how old an answer is that was given before and rests on what has not changed since.
    `recalled_turns` earlier turns were looked at because the question is about them.
    `unsupported` are character ranges of the answer that no passage supports. It is kept as
    the `turn` of that number, one of the `versions` of it in their order. `pinned` is the file
    that was before the model as a whole; `restored_tokens` of the prompt came from disk.
    """

    id: int
    answer: str
    found: bool
    citations: tuple[Citation, ...]
    timings_ms: dict[str, float]
    prompt_tokens: int
    answer_tokens: int
    stopped: str = "end"
    model: str = ""
    made: Made = Made()
    cached_age_s: float | None = None
    offers: tuple[MemoryOffer, ...] = ()
    recalled_turns: int = 0
    unsupported: tuple[tuple[int, int], ...] = ()
    turn: int = 0
    versions: tuple[int, ...] = ()
    pinned: str = ""
    restored_tokens: int = 0


class PreviewText(Message, frozen=True):
    """Ends a Preview: text around the passage; `start`, `end` are inside `text`."""

    id: int
    path: str
    text: str
    start: int
    end: int
    locator: Locator


class IndexProgress(Message, frozen=True):
    """How far indexing is; rates are those of the last half minute.

    A file is done when its passages are embedded. `eta_s` is None until it can be told.
    While the index comes to another level (`levelling`), `files_done` counts documents; while
    it is `paused`, `current` says why.
    """

    id: int
    phase: Phase
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    chunks: int
    current: str | None
    chunks_per_s: float
    eta_s: float | None
    bytes_per_s: float = 0.0


class ModelProgress(Message, frozen=True):
    """How far the fetch, slimming or measuring of a model is, told to who asked for it.

    The rate is that of the last seconds, `eta_s` None until it can be told. When all
    has come it is "checking", and making ready what has to be. While measuring, `bytes` are
    those of the texts that are read.
    """

    id: int
    name: str
    phase: ModelPhase
    bytes_done: int
    bytes_total: int
    bytes_per_s: float = 0.0
    eta_s: float | None = None


class State(Message, frozen=True):
    """What the service is doing: "idle", "indexing", "paused", "attention", and why."""

    id: int
    state: Literal["idle", "indexing", "paused", "attention"]
    reason: str | None = None


class Report(Message, frozen=True):
    """Ends a request whose answer is a table: the JSON that the command line prints."""

    id: int
    body: Any


class Done(Message, frozen=True):
    """Ends a request that has nothing to say but that it is done."""

    id: int
