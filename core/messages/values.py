"""Values inside messages."""

from __future__ import annotations

from typing import Literal

import msgspec

LONGEST_PAUSE_S = 7 * 86_400.0
LONGEST_UNDO_S = 60.0

Mode = Literal["hybrid", "semantic", "lexical"]
ModelPhase = Literal["fetching", "checking", "slimming", "measuring"]
Phase = Literal["scanning", "indexing", "merging", "levelling", "watching", "paused", "idle"]


# What a model's memory is made of; see core.llm.kv.cells.
CellType = Literal["f16", "q8_0", "q8_q4", "q4_0"]


# Those that come in thousands are left out of Python's search for cycles, which they cannot be in.


class Locator(msgspec.Struct, frozen=True, gc=False):
    """Where in a file a passage stands; what the format does not have is None.

    `page` and `line` count from 1, `heading` is the nearest one above,
    `member` names a part inside a container (an attachment, a sheet).
    """

    page: int | None = None
    line: int | None = None
    heading: str | None = None
    member: str | None = None


class ChunkText(msgspec.Struct, frozen=True):
    """One chunk: characters `start` to `end` of the extracted text, and that text."""

    start: int
    end: int
    text: str


class About(msgspec.Struct, frozen=True, gc=False):
    """What a document says of itself; None where it does not. Dates in seconds since 1970, UTC."""

    title: str | None = None
    author: str | None = None
    created_s: int | None = None
    modified_s: int | None = None


UNTITLED = About()


class PassageText(msgspec.Struct, frozen=True):
    """A chunk read back from its file, with the place a viewer can open.

    `about` is that of the message or record the passage stands in, where one
    file holds many of them (mailboxes, web archives).
    """

    start: int
    end: int
    text: str
    locator: Locator
    about: About | None = None


MOST_COPIES = 100  # listed with one hit


class Copy(msgspec.Struct, frozen=True, gc=False):
    """Another file with what a hit shows: identical, nearly so, or with the passage in it."""

    path: str
    kind: Literal["identical", "near", "passage"]


class Hit(msgspec.Struct, frozen=True, gc=False):
    """One ranked passage. `marks` are character ranges of matched words inside `snippet`.

    `state` is "ok", or says why there is no snippet: "offline", "changed", "missing",
    "unreadable". `source` says which side found it. `copies` are the files whose
    hits were folded into this one, at most `MOST_COPIES`. The file was last written at
    `mtime_s`, in seconds since 1970.
    """

    rank: int
    score: float
    path: str
    locator: Locator
    start: int
    end: int
    snippet: str
    marks: tuple[tuple[int, int], ...] = ()
    state: str = "ok"
    source: Literal["lexical", "semantic", "both"] = "both"
    about: About = UNTITLED
    copies: tuple[Copy, ...] = ()
    tags: tuple[str, ...] = ()
    mtime_s: int | None = None


class Citation(msgspec.Struct, frozen=True):
    """Passage `n` of an answer: where it is and the exact words it rests on."""

    n: int
    path: str
    locator: Locator
    quote: str


class MemoryOffer(msgspec.Struct, frozen=True):
    """A sentence in which the person said something of themselves that may be remembered."""

    text: str
    kind: Literal["fact", "preference"]


class ChatTurn(msgspec.Struct, frozen=True):
    """One side of an earlier turn. `turn` and `conversation` are their numbers, 0 for none; it is
    `recalled` when what is asked now is about it, and not just one of the last.
    """

    role: Literal["user", "assistant"]
    text: str
    turn: int = 0
    conversation: int = 0
    recalled: bool = False


class Made(msgspec.Struct, frozen=True):
    """Where an answer was made: by which model, at which server ("" here), and why so if told."""

    model: str = ""
    server: str = ""
    why: str = ""


class Scope(msgspec.Struct, frozen=True):
    """Where an answer is looked for: below a folder, or in these files; else in all."""

    folder: str | None = None
    files: tuple[str, ...] = ()


EVERYWHERE = Scope()


class SentText(msgspec.Struct, frozen=True):
    """One message that a remote engine is sent."""

    role: Literal["system", "user", "assistant"]
    text: str


class Quoted(msgspec.Struct, frozen=True):
    """Words of a file: characters `start` to `end` of its text. `marks` are ranges in `text`."""

    path: str
    locator: Locator
    start: int
    end: int
    text: str
    marks: tuple[tuple[int, int], ...] = ()


class PinnedText(msgspec.Struct, frozen=True):
    """The whole text of the file `name` that a conversation is about."""

    conversation: int
    name: str
    text: str


DigestTask = Literal["summarize", "dates", "changes", "find"]


class DigestEntry(msgspec.Struct, frozen=True):
    """One entry of a digest, with its source.

    Of changes `old` is what stood in the first file and `new` in the second; else `new` is the
    source. `date` is an ISO date, perhaps without day or year.
    """

    kind: Literal["sentence", "date", "changed", "moved", "added", "removed"]
    new: Quoted | None = None
    old: Quoted | None = None
    date: str = ""
    unsure: bool = False


class ScoredTokens(msgspec.Struct, frozen=True):
    """The best tokens at one place and their scores, best first."""

    tokens: tuple[int, ...]
    scores: tuple[float, ...]


class Gpu(msgspec.Struct, frozen=True):
    """A graphics processor that llama.cpp can use, and its memory: its own, or the computer's."""

    name: str
    memory_bytes: int
    free_bytes: int
    kind: Literal["own memory", "shared memory"]
