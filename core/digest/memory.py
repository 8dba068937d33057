"""The typed memory of a digest: what is kept while a text streams by, a schema for each task.

Its size does not grow with the text. It is saved as JSON, so that reading can go on later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from core.chat.words import sentence_spans
from core.digest.dates import find_dates, sort_key
from core.digest.summary import (
    Floats,
    best_of_stretch,
    choose,
    length_for,
    says_something,
    thin,
)
from core.llm.grammar import NONE

MOST_DATES = 1000
MOST_FOUND = 500
TOGETHER = 8  # sentences that the model sees at once
LEAST_WORDS = 3
CONTEXT_CHARS = 240  # of the sentence around a date
STRETCH_CHARS = 16_000  # sentences that are weighed against each other

Embed = Callable[[Sequence[str]], Floats]
Pick = Callable[[Sequence[str]], Sequence[int]]  # numbers from 1


class Kept(msgspec.Struct, frozen=True):
    """Characters `start` to `end` of the text, and these words."""

    start: int
    end: int
    text: str


class Dated(msgspec.Struct, frozen=True):
    """A date and the sentence it stands in; `mark` is where inside it."""

    iso: str
    unsure: bool
    sentence: Kept
    mark: tuple[int, int]


class SummaryMemory(msgspec.Struct, tag="summarize"):
    """Candidates for a summary, and the sum of all sentences' vectors."""

    candidates: list[Kept] = []
    centre: list[float] = []
    waiting: list[Kept] = []  # of the stretch that is not whole yet

    def take(self, start: int, text: str, embed: Embed) -> None:
        """The next chunk of the text, which begins at character `start`."""
        for a, b in sentence_spans(text):
            if says_something(text[a:b]):
                self.waiting.append(Kept(start + a, start + b, text[a:b]))
        if self.waiting and self.waiting[-1].end - self.waiting[0].start >= STRETCH_CHARS:
            self._close_stretch(embed)

    def finish(self, embed: Embed) -> None:
        """The text is over."""
        self._close_stretch(embed)

    def result(self, embed: Embed, text_chars: int) -> list[Kept]:
        """The summary as far as the text was read."""
        candidates = self.candidates or self.waiting
        if not candidates:
            return []
        vectors = embed([one.text for one in candidates])
        centre = np.array(self.centre, dtype=np.float32)
        if len(centre) != vectors.shape[1]:  # none yet, or of another model
            centre = vectors.sum(axis=0)
        return [candidates[at] for at in choose(vectors, centre, length_for(text_chars))]

    def _close_stretch(self, embed: Embed) -> None:
        if not self.waiting:
            return
        vectors = embed([one.text for one in self.waiting])
        total = vectors.sum(axis=0)
        if len(self.centre) == len(total):
            total = total + np.array(self.centre, dtype=np.float32)
        self.centre = [round(float(value), 4) for value in total]
        best = best_of_stretch(vectors, first=not self.candidates)
        joined = [*self.candidates, *(self.waiting[at] for at in best)]
        self.candidates = [joined[at] for at in thin(len(joined))]
        self.waiting = []


class DatesMemory(msgspec.Struct, tag="dates"):
    """Every date with its sentence, at most `MOST_DATES`; `more` had no room."""

    dates: list[Dated] = []
    more: int = 0

    def take(self, start: int, text: str, embed: Embed) -> None:  # noqa: ARG002
        """The next chunk of the text, which begins at character `start`."""
        for a, b in sentence_spans(text):
            for found in find_dates(text[a:b]):
                if len(self.dates) == MOST_DATES:
                    self.more += 1
                    continue
                left, right = _around(text[a:b], found.start, found.end)
                kept = Kept(start + a + left, start + a + right, text[a + left : a + right])
                mark = (found.start - left, found.end - left)
                self.dates.append(Dated(found.iso, found.unsure, kept, mark))

    def finish(self, embed: Embed) -> None:
        """The text is over."""

    def result(self) -> list[Dated]:
        """The dates in time, those without a year last."""
        return sorted(self.dates, key=lambda one: (sort_key(one.iso), one.sentence.start))


class FindMemory(msgspec.Struct, tag="find"):
    """Sentences that the language model chose as what was `wanted`, at most `MOST_FOUND`.

    A chunk's sentences are put to it by number, and it can name numbers only: whatever it says,
    each entry is a sentence of the text.
    """

    wanted: str
    found: list[Kept] = []
    more: int = 0

    def take(self, start: int, text: str, pick: Pick) -> None:
        """The next chunk of the text, which begins at character `start`."""
        spans = [(a, b) for a, b in sentence_spans(text) if len(text[a:b].split()) >= LEAST_WORDS]
        for at in range(0, len(spans), TOGETHER):
            part = spans[at : at + TOGETHER]
            for number in pick([text[a:b] for a, b in part]):
                a, b = part[number - 1]
                if len(self.found) == MOST_FOUND:
                    self.more += 1
                else:
                    self.found.append(Kept(start + a, start + b, text[a:b]))


def question_about(wanted: str, sentences: Sequence[str]) -> str:
    """What the model is asked about some sentences."""
    listed = "\n".join(
        f"{n}. {' '.join(text.split())}" for n, text in enumerate(sentences, start=1)
    )
    return (
        f"{listed}\n\nWhich of these sentences are about this: {' '.join(wanted.split())}?\n"
        f"Answer with their numbers, or {NONE}."
    )


def _around(sentence: str, start: int, end: int) -> tuple[int, int]:
    """The part of a long sentence around a place in it, at word ends where it can be."""
    if len(sentence) <= CONTEXT_CHARS:
        return 0, len(sentence)
    left = max(0, start - CONTEXT_CHARS // 2)
    right = min(len(sentence), max(end, left + CONTEXT_CHARS))
    if left:
        left = max(sentence.rfind(" ", 0, left) + 1, 0)
    if right < len(sentence):
        right = max(sentence.find(" ", right), end) if " " in sentence[right:] else len(sentence)
    return left, right


Memory = SummaryMemory | DatesMemory | FindMemory


class Stamp(msgspec.Struct, frozen=True):
    """A file as it was when it was read."""

    path: str
    size_bytes: int
    mtime_ns: int


class Saved(msgspec.Struct):
    """A digest on disk: how far it is, in characters, and its memory."""

    stamps: tuple[Stamp, ...]
    memory: Memory
    chars: int = 0
    whole: bool = False
    page_chars: tuple[int, ...] = ()


def encode(saved: Saved) -> bytes:
    """The digest as JSON; paths that are not UTF-8 as escapes."""
    escaped = tuple(
        msgspec.structs.replace(stamp, path=ascii(stamp.path)) for stamp in saved.stamps
    )
    return msgspec.json.encode(msgspec.structs.replace(saved, stamps=escaped))


def decode(data: bytes, stamps: tuple[Stamp, ...]) -> Saved | None:
    """The digest of just these files, None when it is of others or not whole."""
    try:
        saved = msgspec.json.decode(data, type=Saved)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
    wanted = tuple(msgspec.structs.replace(stamp, path=ascii(stamp.path)) for stamp in stamps)
    return msgspec.structs.replace(saved, stamps=stamps) if saved.stamps == wanted else None
