"""What changed between two texts, sentence by sentence. Pure, no model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from core.chat.words import Span

ALIKE = 0.5  # share of words that a sentence and its changed form have in common
LEAST_MOVED_WORDS = 4
MOST_PAIRS = 200_000  # compared word by word in one block; larger ones pair by place
_TOKEN = re.compile(r"\d+(?:[.,:/-]\d+)*|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `old` and `new` are sentence numbers, None where there is none.

    `old_marks` and `new_marks` are the characters of each sentence that differ.
    """

    kind: Literal["changed", "moved", "added", "removed"]
    old: int | None
    new: int | None
    old_marks: tuple[Span, ...] = ()
    new_marks: tuple[Span, ...] = ()


def compare(old: Sequence[str], new: Sequence[str]) -> list[Change]:
    """The differences in the order of the new text, removals where they stood.

    White space and letter case of a sentence do not count. A sentence with new words or
    numbers is "changed" while at least `ALIKE` of its words stay.
    """
    left, right = [_plain(text) for text in old], [_plain(text) for text in new]
    matcher = SequenceMatcher(None, left, right, autojunk=max(len(left), len(right)) > 2000)
    found: list[Change] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            found += _block(old, new, range(a, b), range(c, d))
    return _with_moves(found, left, right)


def _block(old: Sequence[str], new: Sequence[str], a: range, b: range) -> list[Change]:
    """The changes of one stretch in which nothing is equal."""
    pairs: dict[int, int] = {}
    if len(a) * len(b) <= MOST_PAIRS:
        words = {("old", i): _words(old[i]) for i in a} | {("new", j): _words(new[j]) for j in b}
        scored = [(_share(words["old", i], words["new", j]), i, j) for i in a for j in b]
        free = set(a)
        for share, i, j in sorted(scored, key=lambda one: (-one[0], one[1], one[2])):
            if share < ALIKE:
                break
            if i in free and j not in pairs:
                pairs[j] = i
                free.discard(i)
    changes: list[Change] = []
    left = [i for i in a if i not in pairs.values()]
    for j in b:
        if j in pairs:
            i = pairs[j]
            while left and left[0] < i:
                changes.append(Change("removed", left.pop(0), None))
            changes.append(Change("changed", i, j, *marks(old[i], new[j])))
        else:
            changes.append(Change("added", None, j))
    return changes + [Change("removed", i, None) for i in left]


def _with_moves(found: list[Change], old: Sequence[str], new: Sequence[str]) -> list[Change]:
    """A sentence that is gone here and the same there has moved."""
    gone: dict[str, list[int]] = {}
    for change in found:
        if change.kind == "removed" and change.old is not None:
            gone.setdefault(old[change.old], []).append(change.old)
    moved: dict[int, int] = {}
    for change in found:
        if change.kind == "added" and change.new is not None:
            text = new[change.new]
            if gone.get(text) and len(_words(text)) >= LEAST_MOVED_WORDS:
                moved[change.new] = gone[text].pop(0)
    taken = set(moved.values())
    return [
        Change("moved", moved[change.new], change.new)
        if change.kind == "added" and change.new in moved
        else change
        for change in found
        if not (change.kind == "removed" and change.old in taken)
    ]


def marks(old: str, new: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """The characters of two forms of a sentence that differ, whole words and numbers."""
    left, right = list(_TOKEN.finditer(old)), list(_TOKEN.finditer(new))
    matcher = SequenceMatcher(
        None, [m.group() for m in left], [m.group() for m in right], autojunk=False
    )
    gone: list[Span] = []
    come: list[Span] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            gone += [(left[a].start(), left[b - 1].end())] if b > a else []
            come += [(right[c].start(), right[d - 1].end())] if d > c else []
    return tuple(gone), tuple(come)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _words(text: str) -> frozenset[str]:
    return frozenset(match.group() for match in _TOKEN.finditer(text.casefold()))


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    """Dice's coefficient of two sets of words."""
    total = len(one) + len(other)
    return 2 * len(one & other) / total if total else 0.0
