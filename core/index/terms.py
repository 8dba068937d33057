"""From texts and queries to terms: what counts as the same word.

Letters lose case and accents, English words their endings, as SQLite's
"porter unicode61 remove_diacritics 2" has it. Scripts that set no spaces
between words (Chinese, Japanese, Thai and others), and Korean, become
overlapping pairs of characters. The last character of such a run is also a
term by itself, so that each character begins a term: a query of one
character is found as a prefix.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from core.index.stem import stem

LONGEST_TERM = 64  # characters; what two words have beyond is not compared
MOST_QUERY_TERMS = 64

_RUN_CHARS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u309f\u30a0-\u30fa\u30fc-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
)
_RUN = re.compile(f"[{_RUN_CHARS}]+")
_ASCII_WORD = re.compile(r"[a-z0-9]+")
# Marks belong to the word they stand in: accents, Hebrew and Arabic points, Indic vowels.
_WORD = re.compile(
    r"[\w\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    r"\u06d6-\u06ed\u0900-\u0963\u0966-\u0dff\u200c\u200d]+"
)
_COMPATIBLE = re.compile("[\u1100-\u11ff\uff00-\uffef]")  # Korean in parts, wide and narrow forms
_FILLERS = "\u0640\u200c\u200d"  # stretch or tie Arabic letters, mean nothing
_LOWEST_MARK = 10  # combining classes below belong to the letters of Indic scripts and kana

# The commonest English words. They weigh nothing in a ranking but have the most postings,
# so queries of other words leave them out, and texts do not count them.
COMMON = frozenset(
    "a about all also an and any are as at be been but by can could did do does for from had has "
    "have he her his how i if in into is it its may me more my no not of on or other our she so "
    "some such than that the their them then there these they this those to was we were what when "
    "where which while who why will with would you your".split()
)


def fold(word: str) -> str:
    """The term of one word."""
    word = word.casefold()
    if not word.isascii():
        parts = unicodedata.normalize("NFKD", word).casefold()
        kept = (c for c in parts if unicodedata.combining(c) < _LOWEST_MARK and c not in _FILLERS)
        word = unicodedata.normalize("NFC", "".join(kept)) or word
    word = word[:LONGEST_TERM]
    return stem(word) if word.isascii() and word.isalpha() else word


COMMON_TERMS = frozenset(map(fold, COMMON))


class Tokenizer:
    """Cuts texts into terms; remembers the words it met, within a bound."""

    _MOST_WORDS = 200_000

    def __init__(self) -> None:
        self._terms = _Folded()

    def terms(self, text: str) -> list[str]:
        """The terms of a text, those of words in order, then those of runs without spaces."""
        if len(self._terms) > self._MOST_WORDS:
            self._terms.clear()
        words, runs = _split(text)
        found = list(map(self._terms.__getitem__, words))
        for run in runs:
            found += [run[at : at + 2] for at in range(len(run))]
        return found


class _Folded(dict[str, str]):
    """The term of each word met so far."""

    def __missing__(self, word: str) -> str:
        term = self[word] = fold(word)
        return term


def _split(text: str) -> tuple[list[str], list[str]]:
    """Words, and runs of scripts without spaces; cases folded, accents still there."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower()), []
    text = unicodedata.normalize("NFKC" if _COMPATIBLE.search(text) else "NFC", text)
    text = text.casefold().replace("_", " ")
    runs = _RUN.findall(text)
    if runs:
        text = _RUN.sub(" ", text)
    return _WORD.findall(text), runs


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a word of a query asks for: a term, and those that begin like its unfinished form."""

    term: str
    beginning: str | None = None


def query_terms(query: str, typing: bool = False, every: bool = False) -> tuple[Wanted, ...]:
    """What a query asks for, each term once, the commonest left out if others remain.

    `every` keeps the common ones. With `typing` the last word may be unfinished.
    """
    words, runs = _split(query)
    rare = [word for word in words if word not in COMMON]
    kept = words if every or not (rare or runs) else rare
    unfinished = words[-1] if typing and _ends_in_word(query) and words[-1:] == kept[-1:] else None
    found: dict[str, Wanted] = {}
    for word in kept:
        term = fold(word)
        if word == unfinished and len(word) > 1:
            found[term] = Wanted(term, word)
        else:
            found.setdefault(term, Wanted(term))
    for run in runs:
        for at in range(max(1, len(run) - 1)):
            pair = run[at : at + 2]
            found.setdefault(pair, Wanted(pair, pair if len(pair) == 1 else None))
    return tuple(found.values())[:MOST_QUERY_TERMS]


def _ends_in_word(query: str) -> bool:
    return query[-1:].isalnum() and not _RUN.match(query[-1])
