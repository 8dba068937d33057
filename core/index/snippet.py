"""The part of a passage to show for a query, with the matching words marked."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.index.lexical import query_words

_WORD = re.compile(r"[^\W_]+")
_SPACE = re.compile(r"\s+")
_ENDINGS = ("ing", "ies", "es", "ed", "s", "y", "e")


@dataclass(frozen=True, slots=True)
class Snippet:
    """Text in one line, and the character ranges in it that match."""

    text: str
    marks: tuple[tuple[int, int], ...]


def make_snippet(passage: str, query: str, width: int = 320) -> Snippet:
    """At most about `width` characters of a passage around where it matches best."""
    text = _SPACE.sub(" ", passage).strip()
    marks = _matches(text, query)
    if len(text) <= width:
        return Snippet(text, tuple(marks))
    start = _best_start(text, marks, width)
    end = min(len(text), start + width)
    if end < len(text) and (space := text.rfind(" ", start, end)) > start + width // 2:
        end = space
    before, after = ("… " if start else ""), (" …" if end < len(text) else "")
    shift = len(before) - start
    inside = tuple((a + shift, b + shift) for a, b in marks if a >= start and b <= end)
    return Snippet(before + text[start:end] + after, inside)


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _matches(text: str, query: str) -> list[tuple[int, int]]:
    stems = {_stem(word) for word in query_words(query)}
    cjk = [word for word in query_words(query) if not word.isascii()]
    found = [
        (word.start(), word.end())
        for word in _WORD.finditer(text)
        if _stem(word.group().lower()) in stems
    ]
    lowered = text.lower()
    if len(lowered) == len(text):
        for word in cjk:
            at = lowered.find(word)
            while at >= 0:
                found.append((at, at + len(word)))
                at = lowered.find(word, at + 1)
    return _joined(sorted(set(found)))


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _best_start(text: str, marks: list[tuple[int, int]], width: int) -> int:
    """Where to begin so that most different matching words are inside, at a word's start."""
    best, best_words = 0, 0
    for first, _ in marks:
        words = {text[a:b].lower() for a, b in marks if first <= a and b <= first + width * 3 // 4}
        if len(words) > best_words:
            best, best_words = first, len(words)
    start = max(0, best - width // 4)
    if start == 0:
        return 0
    sentence = max(
        text.rfind(end, start - 40 if start > 40 else 0, best) for end in (". ", "! ", "? ")
    )
    if sentence >= 0:
        return sentence + 2
    space = text.find(" ", start, best)
    return space + 1 if space >= 0 else start
