"""The words of a text in any script, in the form in which a query and a text meet.

Case, accents, vowel marks of Arabic and Hebrew, and the width of a letter do
not count. Scripts that are written without spaces (Chinese, Japanese, Thai,
Lao, Khmer, Burmese; Korean too, as its particles hang on the words) give
overlapping pairs of characters instead of words. A sign such as an emoji is a
word of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u0e81-\u0ebd\u0ec0-\u0ece\u0edc-\u0edf"  # Lao
    "\u1000-\u103f\u1050-\u108f\uaa60-\uaa76"  # Burmese and its neighbours
    "\u1780-\u17d3\u17d7\u17dc\u17dd"  # Khmer
    "\u1100-\u11ff\uac00-\ud7af"  # Korean
    "\u3005-\u3007\u3040-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003347f"
)
_JOINERS = "\u00ad\u200c\u200d\u0640\u2060"  # soft hyphen, (non-)joiners, Arabic stretching
_MARKS = _JOINERS + "".join(
    char
    for block in (range(0x300, 0x3100), range(0xA660, 0xAC00), range(0xFE00, 0xFE30))
    for char in map(chr, block)
    if unicodedata.category(char)[0] == "M"
) + "\uff9e\uff9f"  # fmt: skip
_WORD = re.compile(
    rf"(?P<unspaced>(?:[{_UNSPACED}][{_MARKS}]*)+)"
    rf"|(?:[^\W_{_UNSPACED}][{_MARKS}]*)+"
    r"|[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
)
_UNIT = re.compile(rf"[{_UNSPACED}][{_MARKS}]*")
_PLAIN = re.compile(r"[a-z0-9]+")
# Letters that are written in more than one way, beyond what Unicode decomposes.
_SAME = str.maketrans("ıłøđħŧёىیکة", "ilodhtеييكه", _JOINERS) | str.maketrans(
    {"æ": "ae", "œ": "oe", "ſ": "s"}
)
# "and the", "with the", "the" and their like, written together with an Arabic word.
_ARTICLE = re.compile("^(?:[وفبك]?ال|لل)(?=.{3})")


class Word(NamedTuple):
    """Characters `start` to `end` of a text, and the form in which they are looked up."""

    start: int
    end: int
    key: str


def words(text: str, alone: Literal["none", "last", "all"] = "none") -> Iterator[Word]:
    """The words of a text in order.

    Of a run in a script without spaces come the pairs of neighbouring characters,
    and the lone character where the run has only one. `alone` adds single
    characters of longer runs: the last, or all of them.
    """
    lowered = text.lower()
    if lowered.isascii():
        for match in _PLAIN.finditer(lowered):
            yield Word(match.start(), match.end(), match.group())
        return
    for match in _WORD.finditer(text):
        if match["unspaced"] is None:
            key = folded(match.group())
            if key:
                yield Word(match.start(), match.end(), key)
            continue
        units = [
            Word(unit.start(), unit.end(), folded(unit.group()))
            for unit in _UNIT.finditer(text, match.start(), match.end())
        ]
        for first, second in pairwise(units):
            yield Word(first.start, second.end, first.key + second.key)
        if alone == "all" or len(units) == 1:
            yield from units
        elif alone == "last":
            yield units[-1]


def is_single(key: str) -> bool:
    """Whether a key is one character of a script that is written without spaces."""
    return _UNIT.fullmatch(key) is not None


def is_mark(char: str) -> bool:
    """Whether a character belongs to the one before it."""
    return char in _MARKS


def folded(word: str) -> str:
    """One word without case, accents and vowel marks; never longer by more than a few letters."""
    if word.isascii():
        return word.lower()
    composed = unicodedata.normalize("NFKC", word).casefold()
    return _ARTICLE.sub("", "".join(map(_folded, unicodedata.normalize("NFC", composed))))


@lru_cache(maxsize=8192)
def _folded(char: str) -> str:
    char = char.translate(_SAME)
    if char.isascii():
        return char
    if unicodedata.category(char[0]) == "Nd":
        return str(unicodedata.decimal(char[0]))
    decomposed = unicodedata.normalize("NFD", char)
    base, marks = decomposed[0], decomposed[1:]
    if not marks:
        return "" if _is_dropped(base) else base
    # A Cyrillic or Japanese mark makes another letter; an accent on a Latin one does not.
    if base < "\u0400" or "\u0600" <= base <= "\u06ff":
        return (base + "".join(mark for mark in marks if not _is_dropped(mark))).translate(_SAME)
    return char


def _is_dropped(char: str) -> bool:
    """Marks that writers put or leave out: accents, vowel points, variation selectors."""
    return unicodedata.category(char) in ("Mn", "Me") and (
        char < "\u0700"
        or "\u1ab0" <= char <= "\u1aff"
        or "\u1dc0" <= char <= "\u1dff"
        or "\u20d0" <= char <= "\u20ff"
        or "\ufe00" <= char <= "\ufe2f"
    )
