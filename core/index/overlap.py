"""Where two passages say the same, word for word and side by side. Pure.

One other word, number or name between two places that are the same makes the
passages different, and so does one that only one of them has: what is left out
may be a "not", and a form filled in is not the empty form. Two versions of one
document may differ by whole paragraphs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from itertools import chain

Words = Sequence[str]
Range = tuple[int, int]

ANCHOR = 3  # words in a row that both have, to count as the same place
PROSE = 12  # words of a paragraph put in, more than a line of a form filled in
_MOST_PAIRS = 20_000  # equal words in both; beyond, as in tables of noughts, nothing is compared


@dataclass(frozen=True, slots=True)
class Overlap:
    """The ranges of the lower passage's words that the better one has too, in order.

    `shared` counts the words in them. `before` and `behind` are how many words of the
    lower one stand at its ends in none; `faced` says whether the better one has other
    words in their place.
    """

    ranges: tuple[Range, ...]
    shared: int
    before: int
    behind: int
    faced: bool

    def share(self, part: Range) -> float:
        """How much of a part of the lower passage lies within one of the ranges, 0 to 1."""
        inside = (min(end, part[1]) - max(start, part[0]) for start, end in self.ranges)
        return max(inside) / (part[1] - part[0])


def overlap(better: Words, lower: Words, core: Range, versions: bool) -> Overlap | None:
    """What two passages share; None when they differ between places that are the same.

    The lower passage is the `core` of its words, the rest stands around it and
    only helps to see what belongs where. Of `versions` of one document either may
    have whole paragraphs that the other has not.
    """
    anchors, small = _blocks(better, lower)
    if not anchors:
        return None
    same_in_better = {block.a + at for block in small for at in range(block.size)}
    same_in_lower = {block.b + at for block in small for at in range(block.size)}

    def agree(start: Range, end: Range) -> bool:
        mine = _runs(better, range(start[0], end[0]), same_in_better)
        theirs = _runs(lower, range(start[1], end[1]), same_in_lower)
        if mine and theirs:
            return _spelled_alike(list(chain(*mine)), list(chain(*theirs)))
        return all(versions and is_prose(run) for run in mine or theirs)

    begins = [(block.a, block.b) for block in anchors]
    ends = [(block.a + block.size, block.b + block.size) for block in anchors]
    ranges = []
    begun = begins[0][1]
    for end, begin in zip(ends, begins[1:], strict=False):
        if begin[1] < core[0] or end[1] > core[1]:
            continue
        if not agree(end, begin):
            return None
        if begin[0] == end[0]:  # a paragraph that only the lower one has
            back, on = _slides(lower, end[1], begin[1])
            ranges.append((begun, end[1] + on))
            begun = begin[1] - back
    ranges.append((begun, ends[-1][1]))
    whole = (len(better), len(lower))
    faced = False
    if all(begins[0]) and begins[0][1] > core[0]:
        faced = not agree((0, 0), begins[0])
        ranges[0] = ranges[0] if faced else (0, ranges[0][1])
    if ends[-1][0] < whole[0] and ends[-1][1] < min(whole[1], core[1]):
        apart = not agree(ends[-1], whole)
        ranges[-1] = ranges[-1] if apart else (ranges[-1][0], whole[1])
        faced = faced or apart
    inside = tuple(
        (max(start, core[0]) - core[0], min(end, core[1]) - core[0])
        for start, end in ranges
        if start < core[1] and end > core[0]
    )
    if not inside:
        return None
    return Overlap(
        inside,
        sum(max(0, min(b.b + b.size, core[1]) - max(b.b, core[0])) for b in anchors),
        inside[0][0],
        core[1] - core[0] - inside[-1][1],
        faced,
    )


def _slides(words: Words, start: int, end: int) -> tuple[int, int]:
    """By how many words what was put in from start to end could as well stand earlier, or later."""
    back = on = 0
    while back < start and words[start - 1 - back] == words[end - 1 - back]:
        back += 1
    while end + on < len(words) and words[start + on] == words[end + on]:
        on += 1
    return back, on


def _blocks(better: Words, lower: Words) -> tuple[list[Match], list[Match]]:
    """The places where both have the same words: those long enough to be sure of, and others."""
    one, two = [word.lower() for word in better], [word.lower() for word in lower]
    counts = Counter(one)
    if sum(counts[word] for word in two) > _MOST_PAIRS:
        return [], []
    blocks = SequenceMatcher(None, one, two, autojunk=False).get_matching_blocks()
    return (
        [block for block in blocks if block.size >= ANCHOR],
        [block for block in blocks if 0 < block.size < ANCHOR],
    )


def _runs(words: Words, places: range, same: Set[int]) -> list[list[str]]:
    """The words at some places, in pieces where words between them are the same in both."""
    runs: list[list[str]] = []
    for at in places:
        if at in same:
            continue
        if not runs or at - 1 in same:
            runs.append([])
        runs[-1].append(words[at])
    return runs


def _spelled_alike(one: Words, two: Words) -> bool:
    if "".join(one).lower() == "".join(two).lower():  # a word broken at the end of a line
        return True
    return len(one) == len(two) and all(map(_is_typo, one, two))


def _is_typo(one: str, two: str) -> bool:
    if one.lower() == two.lower():
        return True
    if min(len(one), len(two)) < 4 or one[0] != two[0] or _matters(one) or _matters(two):
        return False
    return SequenceMatcher(None, one, two, autojunk=False).ratio() > 0.8


def _matters(word: str) -> bool:
    """Whether a word may be a number, a date or a name: not one that begins in lower case."""
    return not word[0].islower() or any(map(str.isdigit, word))


def is_prose(words: Words) -> bool:
    """Whether words are a text put in rather than a form filled: long, and few of them names."""
    return len(words) >= PROSE and sum(map(_matters, words)) <= 0.4 * len(words)
