"""The part of a passage to show for a query, with the matching words marked."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from core.index.terms import query_terms, term_of
from core.text.folding import is_mark, words

_SPACE = re.compile(r"\s+")
_SENTENCE_END = re.compile(r"[.!?\u061f\u06d4]\s|[\u3002\uff01\uff1f\u0964\u1362\u104b\u17d4]\s?")


@dataclass(frozen=True, slots=True)
class Snippet:
    """Text in one line, and the character ranges in it that match."""

    text: str
    marks: tuple[tuple[int, int], ...]


def make_snippet(passage: str, query: str, width: int = 320) -> Snippet:
    """At most about `width` characters of a passage around where it matches best."""
    text = _SPACE.sub(" ", unicodedata.normalize("NFC", passage)).strip()
    marks = _matches(text, query)
    if len(text) <= width:
        return Snippet(text, tuple(marks))
    start = _best_start(text, marks, width)
    end = min(len(text), start + width)
    if end < len(text) and (space := text.rfind(" ", start, end)) > start + width // 2:
        end = space
    while end < len(text) and is_mark(text[end]):  # a letter keeps its vowel sign
        end -= 1
    before, after = ("… " if start else ""), (" …" if end < len(text) else "")
    shift = len(before) - start
    inside = tuple((a + shift, b + shift) for a, b in marks if a >= start and b <= end)
    return Snippet(before + text[start:end] + after, inside)


def _matches(text: str, query: str) -> list[tuple[int, int]]:
    terms = {wanted.term for wanted in query_terms(query)}
    found = {
        (word.start, word.end) for word in words(text, alone="all") if term_of(word.key) in terms
    }
    return _joined(sorted(found))


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
        inside = {text[a:b].lower() for a, b in marks if first <= a and b <= first + width * 3 // 4}
        if len(inside) > best_words:
            best, best_words = first, len(inside)
    start = max(0, best - width // 4)
    if start == 0:
        return 0
    ends = [end.end() for end in _SENTENCE_END.finditer(text, max(0, start - 40), best)]
    if ends:
        return ends[-1]
    space = text.find(" ", start, best)
    if space >= 0:
        return space + 1
    while start < best and is_mark(text[start]):
        start += 1
    return start
