"""Words and sentences of a text, as the chat weighs them. Pure, no language model."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping

Span = tuple[int, int]

GAP = " … "  # stands where sentences of a passage were left out
MAX_SENTENCE_CHARS = 500

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]+|\d+(?:[.,]\d+)*|[^\W\d_{_CJK}][^\W_{_CJK}]*")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+")  # 1,250,000
_CJK_RUN = re.compile(rf"[{_CJK}]+\Z")
# A full stop ends a sentence before space, unless it belongs to a short form or an initial.
_BREAK = re.compile(
    r"[.!?]+[\"'”’)\]]*(?=\s)|[。！？]+[」』”’）]*"
    r"|\n[ \t]*\n\s*|\n(?=[ \t]*(?:[-*•]|\d+[.)])[ \t])| … "
)
_SHORT_FORM = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|sr|jr|vs|e\.g|i\.e|cf|fig|no|vol|approx|ca|inc|ltd|co)|\b\w)\.\Z",
    re.IGNORECASE,
)
_STOP_TEXT = (
    "a about after all also an and any are as at be been before being but by can could did do does "
    "doing for from had has have having he her here his how i if in into is it its itself just me "
    "more most my no not of on or our out over own she should so some such than that the their "
    "them then there these they this those to too under until up us very was we were what when "
    "where which while who whom whose why will with would you your please tell"
)
_STOP_WORDS = frozenset(_STOP_TEXT.split())


def words(text: str) -> list[str]:
    """The words of a text in order: folded, with plain endings cut, stop words left out.

    Runs of Chinese, Japanese or Korean come as pairs of neighbouring characters.
    """
    found: list[str] = []
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text).casefold()):
        word = match.group()
        if _CJK_RUN.match(word):
            found += [word[at : at + 2] for at in range(max(1, len(word) - 1))]
        elif _GROUPED.fullmatch(word):
            found.append(word.replace(",", ""))
        elif word not in _STOP_WORDS:
            found.append(_stem(word))
    return found


def _stem(word: str) -> str:
    """The word without a plain English ending, so that "walks" meets "walking"."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word.removesuffix("e") if len(word) > 4 else word


def sentence_spans(text: str) -> list[Span]:
    """Where each sentence stands in `text`, without the white space around it.

    Ends of sentences, blank lines, list items and GAP part them; what is longer
    than MAX_SENTENCE_CHARS is cut at a line end or space.
    """
    spans: list[Span] = []
    start = 0
    for match in _BREAK.finditer(text):
        mark = match.group()
        if mark == "." and _SHORT_FORM.search(text, max(0, match.end() - 8), match.end()):
            continue
        end = match.start() if mark == GAP else match.end()
        spans += _cut(text, start, end)
        start = match.end()
    return spans + _cut(text, start, len(text))


def _cut(text: str, start: int, end: int) -> list[Span]:
    spans: list[Span] = []
    while start < end:
        stop = end
        if end - start > MAX_SENTENCE_CHARS:
            window_end = start + MAX_SENTENCE_CHARS
            stop = max(text.rfind("\n", start + 1, window_end), 0)
            stop = stop or max(text.rfind(" ", start + 1, window_end), 0) or window_end
        piece = text[start:stop]
        left = start + len(piece) - len(piece.lstrip())
        right = start + len(piece.rstrip())
        if left < right:
            spans.append((left, right))
        start = stop
    return spans


def rarity(texts: Iterable[str]) -> Mapping[str, float]:
    """How much a word tells, by in how few of the texts it stands (inverse document frequency)."""
    counts: dict[str, int] = {}
    total = 0
    for text in texts:
        total += 1
        for word in set(words(text)):
            counts[word] = counts.get(word, 0) + 1
    return {word: math.log(1 + total / count) for word, count in counts.items()}


def estimate_tokens(text: str) -> int:
    """Roughly how many tokens a language model sees: 4 letters or 1 other character each."""
    plain = sum(1 for char in text if char < "\u0250")
    return -(-plain // 4) + len(text) - plain
