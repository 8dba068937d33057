"""Which hits show the same: word for word, side by side. Pure.

A hit is folded into a better one only when nothing that it shows is lost:
wherever the two passages run side by side they have the same words, but for
spelling, and the part that would be shown of the lower hit stands in the
better one or in the chunks beside it. One other word, number or name makes two
passages different, so that invoices from one template stay apart. A family
(documents that are versions of each other) only lowers how much has to overlap.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["near", "passage"]

ANCHOR = 3  # words in a row that both have, to count as the same place
PIECE = 6  # words that are a piece of their own, more than a slot filled or a word changed
NEAR_SHARE = 0.5  # of the shorter passage, in one family
PASSAGE_SHARE = 0.9  # of the shorter passage, of other files
PASSAGE_WORDS = 20  # that files which are otherwise different have to share
END_SHARE = 0.67  # of a document, from which on a shared end is no mere letter head or disclaimer
TWIN_SHARE = 0.02  # of a code's bits may differ between passages taken to score the same
_RUN = 4
_RUNS_SHARED = 0.25  # of the shorter passage's runs, for a closer look to be worth while
_MOST_PAIRS = 8_000  # equal words in both; beyond, as in tables of noughts, nothing is compared

# Scripts written without blanks between words: each character counts as one.
_ALONE = "\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(f"[{_ALONE}]|[^\\W_{_ALONE}]+")
_MAIL_HEAD = re.compile(r"\A(?:.{1,300}\n\n)?(?:(?:From|To|Cc|Date|Subject): .*(?:\n|\Z))+")


@dataclass(frozen=True)
class Passage:
    """A hit's text, what of it is shown, and where it stands in which document.

    `share` is how much of its document's text it is; `first` and `last` say
    whether nothing of the document stands before or behind it.
    """

    document: int
    family: int | None
    text: str
    snippet: str
    share: float = 1.0
    first: bool = True
    last: bool = True

    @cached_property
    def words(self) -> list[str]:
        """The words of the text, without the head of a mail."""
        return self._all[self._head :]

    @cached_property
    def shown(self) -> tuple[int, int] | None:
        """Which of the words the snippet shows; None when it shows none of them."""
        shown = _WORD.findall(self.snippet)
        for at in range(len(self._all) - len(shown) + 1):
            if self._all[at : at + len(shown)] == shown:
                start, end = max(0, at - self._head), at + len(shown) - self._head
                return (start, end) if start < end else None
        return None

    @cached_property
    def _all(self) -> list[str]:
        return _WORD.findall(self.text)

    @cached_property
    def _head(self) -> int:
        """How many words the head of a mail takes."""
        found = _MAIL_HEAD.match(self.text)
        return len(_WORD.findall(found.group())) if found else 0

    @cached_property
    def runs(self) -> set[int]:
        """What stands for each run of a few words."""
        lowered = [word.lower() for word in self.words]
        return {hash(run) for run in zip(*(lowered[at:] for at in range(_RUN)), strict=False)}


@dataclass(frozen=True, slots=True)
class Overlap:
    """What of two passages is the same: `shared` words, from `start` to `end` of the lower one.

    `before` and `behind` count the words that only the lower one has at its ends.
    """

    shared: int
    start: int
    end: int
    before: int
    behind: int


def overlap(better: Sequence[str], lower: Sequence[str]) -> Overlap | None:
    """Where two passages are the same; None when they differ anywhere side by side."""
    one, two = [word.lower() for word in better], [word.lower() for word in lower]
    counts = Counter(one)
    if sum(counts[word] for word in two) > _MOST_PAIRS:
        return None
    blocks = SequenceMatcher(None, one, two, autojunk=False).get_matching_blocks()
    anchors = [block for block in blocks if block.size >= ANCHOR]
    if not anchors:
        return None
    small = [block for block in blocks if 0 < block.size < ANCHOR]
    in_one = {block.a + at for block in small for at in range(block.size)}
    in_two = {block.b + at for block in small for at in range(block.size)}
    ends = [(0, 0), *((block.a + block.size, block.b + block.size) for block in anchors)]
    starts = [*((block.a, block.b) for block in anchors), (len(one), len(two))]
    for at, ((a, b), (next_a, next_b)) in enumerate(zip(ends, starts, strict=True)):
        mine = [better[n] for n in range(a, next_a) if n not in in_one]
        theirs = [lower[n] for n in range(b, next_b) if n not in in_two]
        if not _agree(mine, theirs, inside=0 < at < len(anchors)):
            return None
    first, last = anchors[0], anchors[-1]
    end = last.b + last.size
    shared = sum(block.size for block in anchors)
    return Overlap(shared, first.b, end, first.b, len(two) - end)


def _agree(better: Sequence[str], lower: Sequence[str], inside: bool) -> bool:
    """Whether what stands between two places that are the same may be taken for the same."""
    if better and lower:
        return _spelled_alike(better, lower)
    if lower:  # at an end a whole piece may be another chunk's; the caller looks at it
        return not inside
    return not inside or len(better) >= PIECE or all(map(_matters, better))


def _spelled_alike(one: Sequence[str], two: Sequence[str]) -> bool:
    if "".join(one).lower() == "".join(two).lower():  # a word broken at the end of a line
        return True
    return len(one) == len(two) and all(
        a == b
        or (
            min(len(a), len(b)) > 3
            and a[0] == b[0]
            and not _matters(a)
            and SequenceMatcher(None, a, b, autojunk=False).ratio() > 0.8
        )
        for a, b in zip(one, two, strict=True)
    )


def _matters(word: str) -> bool:
    """Whether a word may be a number, a date or a name: not one that begins in lower case."""
    return not word[0].islower() or any(map(str.isdigit, word))


@dataclass
class Folding:
    """The hits kept so far, best first, and what is folded into each.

    `beside` gives the texts before and behind the passage of a kept hit, by its
    number ("" where nothing stands, None when they cannot be read); it is asked
    only when an overlap runs over the passage's end.
    """

    beside: Callable[[int], tuple[str, str] | None]
    kept: list[Passage] = field(default_factory=list)
    _by_run: dict[int, list[int]] = field(default_factory=dict)

    def keep(self, passage: Passage) -> None:
        """Keep one more hit; one without a text counts, but nothing is folded into it."""
        for run in passage.runs:
            self._by_run.setdefault(run, []).append(len(self.kept))
        self.kept.append(passage)

    def find(self, found: Passage) -> tuple[int, Kind] | None:
        """The number of the best kept hit that shows the same, and in what way."""
        for number in self._likely(found):
            kind = self._kind(number, found)
            if kind is not None:
                return number, kind
        return None

    def _likely(self, found: Passage) -> list[int]:
        """Kept hits of other documents that share many runs of words with this one."""
        shared = Counter(number for run in found.runs for number in self._by_run.get(run, ()))
        return sorted(
            number
            for number, count in shared.items()
            if self.kept[number].document != found.document
            and count >= _RUNS_SHARED * min(len(found.runs), len(self.kept[number].runs))
        )

    def _kind(self, number: int, found: Passage) -> Kind | None:
        kept = self.kept[number]
        related = kept.family is not None and kept.family == found.family
        words = kept.words
        same = overlap(words, found.words)
        if same is None:
            return None
        if same.before or same.behind:
            texts = self.beside(number)
            if texts is None:
                return None
            ahead = _WORD.findall(texts[0]) if same.before else []
            after = _WORD.findall(texts[1]) if same.behind else []
            if ahead or after:
                same = overlap([*ahead, *words, *after], found.words)
        if same is None or 0 < same.before < PIECE or 0 < same.behind < PIECE:
            return None
        if found.shown is None or found.shown[0] < same.start or found.shown[1] > same.end:
            return None
        share = same.shared / max(1, min(len(words), len(found.words)))
        if related:
            return "near" if share >= NEAR_SHARE else None
        if (
            share < PASSAGE_SHARE
            or same.shared < PASSAGE_WORDS
            or _only_an_end(kept, found, same.shared)
        ):
            return None
        return "passage"


def _only_an_end(one: Passage, two: Passage, shared: int) -> bool:
    """Whether two passages share no more than the beginning or end of longer files.

    So are letter heads, disclaimers and licence notes.
    """
    ends = (one.first and two.first) or (one.last and two.last)
    return ends and all(each.share * shared < END_SHARE * len(each.words) for each in (one, two))


def twins(families: Sequence[int | None], codes: NDArray[np.uint8]) -> list[int]:
    """For each candidate the first one that is as good as the same: its own place or an earlier.

    Twins are of one family and their codes (n, bytes) differ in at most
    `TWIN_SHARE` of the bits.
    """
    most = int(TWIN_SHARE * 8 * codes.shape[1])
    leaders: dict[int, list[int]] = {}
    found: list[int] = []
    for at, family in enumerate(families):
        others = leaders.setdefault(family, []) if family is not None else []
        away = np.bitwise_count(codes[others] ^ codes[at]).sum(axis=1) if others else np.empty(0)
        near = np.flatnonzero(away <= most)
        found.append(others[near[0]] if len(near) else at)
        if not len(near):
            others.append(at)
    return found
