"""Ranking and matching by words over the chunks of several segments, as if they were one.

BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009)
over chunks. Frequencies and lengths are those of the live chunks of all
segments together, so merging changes no score.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.index.terms import Wanted, query_terms
from core.index.word_blocks import COUNTS
from core.index.words import LEVELS, Found, WordIndex, length_of_levels, read_postings

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float32]

K1, B = 1.2, 0.4  # chunks are of much the same length, so it counts less than usual
MOST_ENDINGS = 32  # terms taken for one unfinished word, those of the most chunks
_MOST_BLOCKS = 8  # parts of a dictionary read for one unfinished word
_LONGEST_ENDING = 4  # letters taken off an unfinished word that begins no term
_SHORTEST_WORD = 3


@dataclass(frozen=True, slots=True)
class WordHits:
    """Positions of chunks by falling score; equal scores by position."""

    positions: Ints
    scores: Floats


@dataclass(frozen=True, slots=True)
class _Holders:
    """The live chunks that hold a word, ascending, and how often (about)."""

    positions: Ints
    counts: Floats


class WordSearch:
    """Word search over the live chunks of some word indexes, for any number of threads.

    The methods raise CodecError when an index is damaged.
    """

    def __init__(self, indexes: Sequence[WordIndex], live: Flags) -> None:
        """`live` has a flag for each position: the chunks of the indexes one after another."""
        if sum(index.chunks for index in indexes) != len(live):
            raise ValueError("the flags are not those of the indexes' chunks")
        self._indexes = indexes
        self._live = live
        self._chunks = int(live.sum())
        ends = np.cumsum([index.chunks for index in indexes], dtype=np.int64)
        self._first = {
            id(index): end - index.chunks for index, end in zip(indexes, ends, strict=True)
        }

    def rank(
        self, query: str, k: int, allowed: Flags | None = None, typing: bool = False
    ) -> WordHits:
        """The k best chunks that hold any of the words, of those that are `allowed`.

        With `typing` the last word may be unfinished.
        """
        scores = np.zeros(len(self._live), dtype=np.float32)
        found = [self._found(wanted) for wanted in query_terms(query, typing)]
        for holders in self._holders(found):
            with_word = len(holders.positions)
            weight = np.log(1 + (self._chunks - with_word + 0.5) / (with_word + 0.5)) * (K1 + 1)
            positions, counts = holders.positions, holders.counts
            if allowed is not None:
                inside = allowed[positions]
                positions, counts = positions[inside], counts[inside]
            scores[positions] += np.float32(weight) * counts / (counts + self._norms[positions])
        return _best(scores, k)

    def matching(self, query: str, allowed: Flags | None = None) -> Ints:
        """Positions of the chunks that hold every word of a query, ascending."""
        every = [self._found(wanted) for wanted in query_terms(query, every=True)]
        # The rarest first: where it leaves nothing, the common ones need not be read.
        every.sort(key=lambda terms: sum(term.holders for term in terms))
        found = self._holders(every[:1])[0].positions if every else np.empty(0, dtype=np.int64)
        if allowed is not None:
            found = found[allowed[found]]
        for terms in every[1:]:
            if not len(found):
                break
            holders = self._holders([terms])[0].positions
            at = np.searchsorted(holders, found)
            found = found[at < len(holders)]
            found = found[holders[at[: len(found)]] == found]
        return found

    def each(self, text: str) -> list[Ints]:
        """For each word of a text the positions of the chunks that hold it, ascending.

        A lone character of a script without spaces is left out: it may be inside
        any number of terms.
        """
        wanted = [w for w in query_terms(text, every=True) if w.beginning is None]
        return [one.positions for one in self._holders([self._found(w) for w in wanted])]

    @cached_property
    def _norms(self) -> Floats:
        """What each position's length adds to a count."""
        if not len(self._live):
            return np.empty(0, dtype=np.float32)
        levels = np.concatenate([index.levels for index in self._indexes])
        lengths = length_of_levels()
        counts = np.bincount(levels[self._live], minlength=LEVELS)
        mean = (counts * lengths).sum() / max(1, self._chunks)
        norms = (K1 * (1 - B + B * lengths / max(mean, lengths[0]))).astype(np.float32)
        found: Floats = norms[levels]
        return found

    def _holders(self, found: Sequence[Sequence[Found]]) -> list[_Holders]:
        """For the terms of each word the live chunks that hold one of them."""
        postings = read_postings([term for terms in found for term in terms])
        counts = np.array(COUNTS, dtype=np.float32)
        result = []
        at = 0
        for terms in found:
            mine = postings[at : at + len(terms)]
            at += len(terms)
            if not mine:
                result.append(_Holders(np.empty(0, dtype=np.int64), counts[:0]))
                continue
            positions = np.concatenate(
                [
                    one.chunks + self._first[id(term.index)]
                    for one, term in zip(mine, terms, strict=True)
                ]
            )
            values = np.concatenate([counts[one.classes] for one in mine])
            if len({term.name for term in terms}) > 1:
                positions, owner = np.unique(positions, return_inverse=True)
                values = np.bincount(owner, values).astype(np.float32)
            if self._chunks < len(self._live):
                alive = self._live[positions]
                positions, values = positions[alive], values[alive]
            result.append(_Holders(positions, values))
        return result

    def _found(self, wanted: Wanted) -> list[Found]:
        """The terms that a word of a query stands for, in each index."""
        names = {wanted.term}
        if wanted.beginning is not None:
            names |= self._endings(wanted.beginning)
        found = self._find(names)
        if wanted.beginning is not None and not found:
            # "happine" on its way to "happiness", which the index knows as "happi"
            for letters in range(1, _LONGEST_ENDING + 1):
                shorter = wanted.beginning[:-letters]
                if len(shorter) < _SHORTEST_WORD or (found := self._find({shorter})):
                    break
        return found

    def _find(self, names: set[str]) -> list[Found]:
        every = (index.find(name) for index in self._indexes for name in sorted(names))
        return [found for found in every if found is not None]

    def _endings(self, start: str) -> set[str]:
        """The commonest terms that begin like this."""
        holders: Counter[str] = Counter()
        for index in self._indexes:
            for found in index.beginning(start, _MOST_BLOCKS):
                holders[found.name] += found.holders
        ordered = sorted(holders.items(), key=lambda item: (-item[1], item[0]))
        return {name for name, _ in ordered[:MOST_ENDINGS]}


def _best(scores: Floats, k: int) -> WordHits:
    found = np.flatnonzero(scores)
    if len(found) > k:
        values = scores[found]
        least = np.partition(values, len(values) - k)[len(values) - k] if k else np.inf
        better = found[values > least]
        found = np.concatenate([better, found[values == least][: k - len(better)]])
    order = np.lexsort((found, -scores[found]))
    return WordHits(found[order], scores[found][order])
