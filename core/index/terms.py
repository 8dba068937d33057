"""From texts and queries to terms: what counts as the same word.

Words are folded as `core.text.folding` has it, in any script; English words
then lose their endings. Scripts without spaces give overlapping pairs of
characters, and the last character of a run by itself, so that each character
begins a term: a query of one character is found as a prefix.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from core.index.stem import stem
from core.text.folding import is_single, words

LONGEST_TERM = 64  # characters; what two words have beyond is not compared
MOST_QUERY_TERMS = 64

_ASCII_WORD = re.compile(r"[a-z0-9]+")

# The commonest English words. They weigh nothing in a ranking but have the most postings,
# so queries of other words leave them out, and texts do not count them.
COMMON = frozenset(
    "a about all also an and any are as at be been but by can could did do does for from had has "
    "have he her his how i if in into is it its may me more my no not of on or other our she so "
    "some such than that the their them then there these they this those to was we were what when "
    "where which while who why will with would you your".split()
)


def term_of(key: str) -> str:
    """The term of one folded word."""
    key = key[:LONGEST_TERM]
    return stem(key) if key.isascii() and key.isalpha() else key


COMMON_TERMS = frozenset(map(term_of, COMMON))


class Tokenizer:
    """Cuts texts into terms; remembers the words it met, within a bound."""

    _MOST_WORDS = 200_000

    def __init__(self) -> None:
        self._terms = _Terms()

    def terms(self, text: str) -> list[str]:
        """The terms of a text in order."""
        if len(self._terms) > self._MOST_WORDS:
            self._terms.clear()
        lowered = text.lower()
        if lowered.isascii():
            found = _ASCII_WORD.findall(lowered)
        else:
            composed = unicodedata.normalize("NFC", text)
            found = [word.key for word in words(composed, alone="last")]
        return list(map(self._terms.__getitem__, found))


class _Terms(dict[str, str]):
    """The term of each word met so far."""

    def __missing__(self, key: str) -> str:
        term = self[key] = term_of(key)
        return term


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a word of a query asks for: a term, and those that begin like its unfinished form."""

    term: str
    beginning: str | None = None


def query_keys(query: str, every: bool = False) -> list[str]:
    """The folded words of a query, each once; without `every` the commonest are left out.

    They stay where the query has no other words.
    """
    found = list(dict.fromkeys(word.key for word in words(unicodedata.normalize("NFC", query))))
    rare = [key for key in found if key not in COMMON]
    return found if every or not rare else rare


def query_terms(query: str, typing: bool = False, every: bool = False) -> tuple[Wanted, ...]:
    """What a query asks for, each term once, the commonest left out if others remain.

    `every` keeps the common ones. With `typing` the last word may be unfinished.
    """
    unfinished = _last_word(query) if typing else None
    found: dict[str, Wanted] = {}
    for key in query_keys(query, every):
        term = term_of(key)
        if is_single(key) or (key == unfinished and len(key) > 1):
            found[term] = Wanted(term, key)
        else:
            found.setdefault(term, Wanted(term))
    return tuple(found.values())[:MOST_QUERY_TERMS]


def _last_word(query: str) -> str | None:
    """The word that a query ends in, folded; None when it ends in something else."""
    composed = unicodedata.normalize("NFC", query)
    last = None
    for word in words(composed):
        last = word
    return last.key if last is not None and last.end == len(composed) else None
