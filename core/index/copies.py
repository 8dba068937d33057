"""Which hits show the same, and which candidates need no score of their own. Pure.

A hit is folded into a better one when nothing that it shows is lost: what is
shown of it stands word for word in the better passage or beside it, and
nowhere do the two differ side by side, so that invoices from one template stay
apart. Documents of one family are versions of each other: theirs have to
overlap less.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.index.overlap import Overlap, is_prose, overlap

Kind = Literal["near", "passage"]
Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

OVERLAP_SHARE = 0.5  # of what is shown, or of the shorter passage, has to stand in the other
PASSAGE_SHARE = 0.9  # of the shorter passage has to be shared by files that are not versions
PASSAGE_WORDS = 20  # that such files have to share
END_SHARE = 0.67  # of a document, from which on a shared end is no mere letter head or disclaimer
NEAR_END = 0.15  # of a document, from its beginning or end
TWIN_COSINE = 0.97  # between the decoded codes of passages taken to score the same
_RUN = 4
_RUNS_SHARED = 0.25  # of the shorter passage's runs of words, for a closer look to be worth while
_BESIDE_WORDS = 150

# Scripts written without blanks between words: each character counts as one.
_ALONE = "\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(f"[{_ALONE}]|[^\\W_{_ALONE}]+")
_GAP = "[ \t\u2013-]*"
_PAGE_NUMBER = re.compile(
    rf"{_GAP}(?:page)?{_GAP}\d{{1,4}}(?:{_GAP}(?:of|/){_GAP}\d{{1,4}})?{_GAP}", re.IGNORECASE
)
_MAIL_HEAD = re.compile(r"\A(?:.{1,300}\n\n)?(?:(?:From|To|Cc|Date|Subject): .*(?:\n|\Z))+")


def words_of(text: str) -> list[str]:
    """The words and numbers of a text in order, as they are written."""
    return _WORD.findall(text)


def without_page_numbers(text: str, breaks: Sequence[int]) -> str:
    """The text of some pages without the numbers on them; `breaks` is where pages begin in it."""
    for at in sorted(breaks, reverse=True):
        before, behind = text[: max(0, at)].rstrip(), text[max(0, at) :].lstrip()
        head, _, last = before.rpartition("\n")
        first, _, tail = behind.partition("\n")
        before = head if _PAGE_NUMBER.fullmatch(last) else before
        behind = tail if _PAGE_NUMBER.fullmatch(first) else behind
        text = f"{before}\n{behind}"
    return text


def _nothing() -> tuple[str, str]:
    return "", ""


@dataclass(frozen=True)
class Passage:
    """A hit's text and what of it is shown.

    It is the part from `start` to `end` (0 to 1) of its document. `beside` reads the
    texts that stand directly before and behind it; None when that fails.
    """

    document: int
    family: int | None
    text: str
    snippet: str
    start: float = 0.0
    end: float = 1.0
    beside: Callable[[], tuple[str, str] | None] = _nothing

    @cached_property
    def words(self) -> list[str]:
        """The words of the text, without the head of a mail."""
        return self._all[self._head :]

    @cached_property
    def shown(self) -> tuple[int, int] | None:
        """Which of the words the snippet shows; None when it shows none of them."""
        shown = words_of(self.snippet)
        for at in range(len(self._all) - len(shown) + 1):
            if self._all[at : at + len(shown)] == shown:
                start, end = max(0, at - self._head), at + len(shown) - self._head
                return (start, end) if start < end else None
        return None

    @cached_property
    def runs(self) -> set[int]:
        """What stands for each run of a few words."""
        lowered = [word.lower() for word in self.words]
        return {hash(run) for run in zip(*(lowered[at:] for at in range(_RUN)), strict=False)}

    @cached_property
    def _all(self) -> list[str]:
        return words_of(self.text)

    @cached_property
    def _head(self) -> int:
        """How many words the head of a mail takes."""
        found = _MAIL_HEAD.match(self.text)
        return len(words_of(found.group())) if found else 0


@dataclass
class Folding:
    """The hits kept so far, best first."""

    kept: list[Passage] = field(default_factory=list)
    _by_run: dict[int, list[int]] = field(default_factory=dict)

    def keep(self, passage: Passage) -> None:
        """Keep one more hit; one without a text counts, but nothing is folded into it."""
        for run in passage.runs:
            self._by_run.setdefault(run, []).append(len(self.kept))
        self.kept.append(passage)

    def find(self, found: Passage) -> tuple[int, Kind] | None:
        """The number of the best kept hit that shows the same, and in what way."""
        shared = Counter(number for run in found.runs for number in self._by_run.get(run, ()))
        for number in sorted(shared):
            kept = self.kept[number]
            least = _RUNS_SHARED * min(len(found.runs), len(kept.runs))
            if kept.document != found.document and shared[number] >= least:
                kind = copy_kind(kept, found)
                if kind is not None:
                    return number, kind
        return None


def copy_kind(better: Passage, lower: Passage) -> Kind | None:
    """In what way a lower hit shows the same as a better one; None when it does not."""
    versions = better.family is not None and better.family == lower.family
    same = overlap(better.words, lower.words, (0, len(lower.words)), versions)
    if same is None or lower.shown is None:
        return None
    shorter = min(len(better.words), len(lower.words))
    if max(same.share(lower.shown), same.shared / shorter) < OVERLAP_SHARE:
        return None
    if same.before or same.behind:
        same = _widened(better, lower, same, versions)
    if same is None or same.faced or same.share(lower.shown) < 1:
        return None
    if versions:
        return "near" if _ends_are_prose(lower.words, same) else None
    if same.shared < max(PASSAGE_SHARE * shorter, PASSAGE_WORDS):
        return None
    return None if _only_an_end(better, lower, same.shared) else "passage"


def _ends_are_prose(words: Sequence[str], same: Overlap) -> bool:
    """Whether what a version has more at its ends are whole paragraphs, if anything."""
    ends = (words[: same.before], words[len(words) - same.behind :])
    return all(is_prose(end) for end in ends if end)


def _widened(better: Passage, lower: Passage, same: Overlap, versions: bool) -> Overlap | None:
    """The overlap seen with what stands beside the passages, where one runs over the other's end.

    A version may go on where the other has a paragraph more; so both are widened.
    """
    around = better.beside()
    if around is None:
        return None
    ahead, after = _ends(around, same)
    mine = [*ahead, *better.words, *after]
    around = lower.beside() if versions else ("", "")
    if around is None:
        return None
    ahead, after = _ends(around, same)
    core = (len(ahead), len(ahead) + len(lower.words))
    return overlap(mine, [*ahead, *lower.words, *after], core, versions)


def _ends(around: tuple[str, str], same: Overlap) -> tuple[list[str], list[str]]:
    before = words_of(around[0])[-_BESIDE_WORDS:] if same.before else []
    behind = words_of(around[1])[:_BESIDE_WORDS] if same.behind else []
    return before, behind


def _only_an_end(one: Passage, two: Passage, shared: int) -> bool:
    """Whether two passages share no more than the beginning or end of longer files.

    So are letter heads, disclaimers and licence notes.
    """
    both = (one, two)
    at_start = all(each.start < NEAR_END for each in both)
    at_end = all(each.end > 1 - NEAR_END for each in both)
    return (at_start or at_end) and all(
        (each.end - each.start) * shared < END_SHARE * len(each.words) for each in both
    )


def twins(families: Sequence[int | None], decoded: Floats) -> list[int]:
    """For each candidate the first one that is as good as the same: its own place or an earlier.

    Twins are of one family and what their codes stand for (n, d) has a cosine of
    `TWIN_COSINE` or more.
    """
    unit = decoded / np.maximum(np.linalg.norm(decoded, axis=1, keepdims=True), 1e-9)
    leaders: dict[int, list[int]] = {}
    found: list[int] = []
    for at, family in enumerate(families):
        others = leaders.setdefault(family, []) if family is not None else []
        near = np.flatnonzero(unit[others] @ unit[at] >= TWIN_COSINE)
        found.append(others[near[0]] if len(near) else at)
        if not len(near):
            others.append(at)
    return found


def apart(positions: Ints, leaders: Sequence[int], size: int) -> tuple[Ints, dict[int, Ints]]:
    """The first `size` leaders among positions, and the followers of each of them."""
    groups: dict[int, list[int]] = {}
    for at, leader in enumerate(leaders):
        groups.setdefault(leader, []).append(at)
    chosen = sorted(groups)[:size]
    followers = {
        int(positions[leader]): positions[groups[leader][1:]]
        for leader in chosen
        if len(groups[leader]) > 1
    }
    return positions[chosen], followers


def with_twins(
    positions: Ints, scores: Floats, followers: Mapping[int, Ints]
) -> tuple[Ints, Floats]:
    """The same with the followers of those that could be scored, who get the same score."""
    known = [
        (followers[position], score)
        for position, score in zip(positions.tolist(), scores, strict=True)
        if position in followers and not np.isnan(score)
    ]
    more = [np.full(len(group), score, dtype=np.float32) for group, score in known]
    return (
        np.concatenate([positions, *(group for group, _ in known)]),
        np.concatenate([scores, *more]),
    )
