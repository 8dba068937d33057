"""From texts and queries to terms: the words of `core.text.folding`, English ones without endings.

The last character of a run in a script without spaces is a term too, so that
each character begins a term: a query of one character is found as a beginning.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from core.index.stem import stem
from core.text.folding import is_single, words

LONGEST_TERM = 64  # characters; what two words have beyond is not compared
MOST_QUERY_TERMS = 64

_PLAIN = re.compile(r"[a-z0-9]+")

# The commonest English words. They weigh nothing in a ranking but have the most postings,
# so queries of other words leave them out, and texts do not count them.
COMMON = frozenset(
    "a about all also an and any are as at be been but by can could did do does for from had has "
    "have he her his how i if in into is it its may me more my no not of on or other our she so "
    "some such than that the their them then there these they this those to was we were what when "
    "where which while who why will with would you your".split()
)


def term_of(key: str) -> str:
    """The term of a word in the form that `core.text.folding` gives it."""
    key = key[:LONGEST_TERM]
    return stem(key) if key.isascii() and key.isalpha() else key


COMMON_TERMS = frozenset(map(term_of, COMMON))


class Tokenizer:
    """Cuts texts into terms; remembers the words it met, within a bound."""

    _MOST_WORDS = 60_000
    _LONGEST_WORD = 32  # characters; longer ones hardly repeat

    def __init__(self) -> None:
        self._plain = _Plain()
        self._other: dict[str, list[str]] = {}

    def terms(self, text: str) -> list[str]:
        """The terms of a text in order."""
        if len(self._plain) + len(self._other) > self._MOST_WORDS:
            self._plain.clear()
            self._other.clear()
        if text.isascii():
            return self._plain_terms(text)
        found: list[str] = []
        # No word goes across white space, so what lies between it is looked up whole.
        for piece in unicodedata.normalize("NFC", text).split():
            terms = self._other.get(piece)
            if terms is None:
                terms = (
                    self._plain_terms(piece)
                    if piece.isascii()
                    else [term_of(word.key) for word in words(piece, alone="last")]
                )
                if len(piece) <= self._LONGEST_WORD:
                    self._other[piece] = terms
            found += terms
        return found

    def _plain_terms(self, text: str) -> list[str]:
        return list(map(self._plain.__getitem__, _PLAIN.findall(text.lower())))


class _Plain(dict[str, str]):
    """The term of each ASCII word met so far."""

    def __missing__(self, word: str) -> str:
        term = self[word] = term_of(word)
        return term


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a word of a query asks for: a term, and those that begin like its unfinished form."""

    term: str
    beginning: str | None = None


def query_terms(query: str, typing: bool = False, every: bool = False) -> tuple[Wanted, ...]:
    """What a query asks for, each term once, the commonest left out if others remain.

    `every` keeps the common ones. With `typing` the last word may be unfinished.
    """
    text = unicodedata.normalize("NFC", query)
    found = list(words(text))
    rare = [word for word in found if word.key not in COMMON]
    wanted: dict[str, Wanted] = {}
    for word in found if every or not rare else rare:
        term = term_of(word.key)
        if is_single(word.key) or (typing and word.end == len(text) and _may_go_on(word.key)):
            wanted[term] = Wanted(term, word.key)
        else:
            wanted.setdefault(term, Wanted(term))
    return tuple(wanted.values())[:MOST_QUERY_TERMS]


def _may_go_on(key: str) -> bool:
    """Whether a word that is being typed may have more letters: two or more, with spaces around."""
    return len(key) > 1 and key.isalnum() and not is_single(key[0])
