"""Where a text may be cut: ends of sentences, of lines, of paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from core.text.document import words

# How good a place between two segments is for a cut; higher is better.
WORD, LINE, SENTENCE, PARAGRAPH, HEADING = range(5)

_BOUNDARY = re.compile(
    r"\n[ \t\u3000]*(?:\n\s*)+"  # an empty line
    r"|\n\s*"  # a new line
    r"|(?<=[.!?\u2026\u061f\u06d4\u0589\u037e])[\"'\u2019\u201d\u00bb)\]]*[ \t\xa0]+(?=\S)"  # . ! ?
    # Stops that end a sentence with or without a blank after them: Chinese and Japanese,
    # Indian scripts, Ethiopic, Burmese, Khmer, Tibetan.
    r"|(?<=[\u3002\uff01\uff1f\uff61\u0964\u0965\u1362\u1367\u104b\u17d4\u17d5\u0f0d])"
    r"(?![\u3002\uff01\uff1f\uff61])[\u300d\u300f\uff09\u3011\u201d\u2019\u00bb]*\s*"
)
_WORD_BEFORE = re.compile(r"[\w.]+\Z")
_ABBREVIATIONS = words(
    "mr mrs ms dr prof st jr sr rev hon gen col sgt capt lt messrs mme mlle "
    "e.g i.e cf viz vs approx ca c no nos vol vols ed eds p pp fig figs sec ch chap art par para "
    "al etc inc ltd co corp dept est tel ext jan feb mar apr jun jul aug sep sept oct nov dec "
    "mon tue wed thu fri sat sun a.m p.m u.s u.k "
    "z.b d.h u.a bzw usw ggf evtl inkl str nr abs bd hr fr dipl ing "
    "av bd env ex m mm resp sig sra dott ing"
)
_LOWER_LOOK = 40  # characters before a full stop that are looked at for an abbreviation


class Segment(NamedTuple):
    """Characters `start` to `end` without the blanks around them, and how good a cut before is."""

    start: int
    end: int
    strength: int


def segments(text: str, heading_starts: frozenset[int], max_chars: int) -> Iterator[Segment]:
    """The text in order, cut wherever it may be, none longer than `max_chars`.

    Every character that is not white space is in exactly one segment.
    """
    start = 0
    strength = PARAGRAPH
    for match in _BOUNDARY.finditer(text):
        kind = _strength(text, match)
        if kind is None:
            continue
        # What follows the full stop without a blank (quotes, brackets) belongs to the sentence.
        end = match.end()
        if end > start:
            yield from _cut(text, start, end, strength, max_chars)
        start, strength = end, HEADING if end in heading_starts else kind
    yield from _cut(text, start, len(text), strength, max_chars)


def _strength(text: str, match: re.Match[str]) -> int | None:
    found = match.group()
    if found[:1] == "\n":
        return PARAGRAPH if found.count("\n") > 1 else LINE
    at = match.start()
    if text[at - 1] != "." or (found and found[0] in "\"'\u2019\u201d\u00bb)]"):
        return SENTENCE
    following = text[match.end()]
    if following.islower() or following in ",;:":
        return None
    before = _WORD_BEFORE.search(text, max(0, at - _LOWER_LOOK), at - 1)
    if before is None:
        return SENTENCE
    word = before.group().lower()
    # "J. Smith" and "3. Oktober" go on; "in 1998. Then" does not.
    if word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha()):
        return None
    return None if word.isdigit() and len(word) <= 2 else SENTENCE


def _cut(text: str, start: int, end: int, strength: int, max_chars: int) -> Iterator[Segment]:
    """One segment, without the blanks around it; several where it would be too long."""
    while end - start > max_chars:
        cut = text.rfind(" ", start + max_chars // 2, start + max_chars) + 1
        cut = cut or start + max_chars
        yield from _cut(text, start, cut, strength, max_chars)
        start, strength = cut, WORD
    left = text[start:end].lstrip()
    if left:
        begin = end - len(left)
        yield Segment(begin, begin + len(left.rstrip()), strength)
