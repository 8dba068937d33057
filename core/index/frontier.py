"""Which chunks deserve an exact look: codes propose, the graph adds, exact scores correct.

A search embeds only a few chunks anew. After each batch of exact scores

- the neighbours of the best chunks join the pool, their estimate pulled a
  part of the way towards the neighbour's exact score (adaptive re-ranking over
  a corpus graph: MacAvaney et al., CIKM 2022), and
- the codes' error is learnt from the chunks scored so far (kernel ridge
  regression on the cubed cosine of the decoded codes, and a constant: the best
  estimates are mostly too high) and every estimate in the pool is corrected by it.

Chunks of a level without codes are found along the graph alone: a neighbour is
expected to be nearly as good as the best that led to it, and the best of all hops
make a batch together (as in LEANN: Wang et al., 2025). Embeddings that are kept
give exact scores for nothing.

Where the words of the query are known to stand in chunks, that is evidence from
the start: of two chunks with the same estimate the one that holds them is nearer.

Everything here is arithmetic on arrays; reading and embedding are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.index.stopping import settled

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

RIDGE = 0.3
SHARED = 0.3  # of the error's variance is common to all chunks, next to what likes have in common
PULL = 0.25
BLIND_PULL = 0.6  # where there is no code to say otherwise
BEST_TO_WIDEN = 10
MOST_TEACHERS = 64  # scored chunks, the best ones, that the codes' error is learnt from
MOST_HOPS = 64  # more chunks whose neighbours fill up a batch where there are no codes
WORD_WEIGHT = 0.004  # cosine a point of BM25 is worth, fitted on wiki_qa and on SciFact alike


@dataclass(frozen=True, slots=True)
class Corpus:
    """What the frontier may ask about chunks, by their number.

    `coordinates(ids)` gives what their codes stand for (n, d); `neighbours(id)` the
    graph's.
    """

    coordinates: Callable[[Ints], Floats]
    neighbours: Callable[[int], Ints]


class Frontier:
    """The candidates of one query and what is known of them."""

    def __init__(
        self,
        corpus: Corpus,
        estimates: Floats,
        start: Ints,
        allowed: Flags | None = None,
        known: Floats | None = None,
        blind: Flags | None = None,
    ) -> None:
        """Begin with the chunks `start`; `estimates` (n,) are the codes' for the whole corpus.

        `allowed` (n,) says which chunks may join later; None means all. `known` (n,) are
        exact scores that are there already, NaN for those that are not; `blind` (n,) says
        which chunks have no code, so that their estimate says nothing.
        """
        self._corpus = corpus
        self._estimates = estimates
        self._allowed = allowed
        self._known = known
        self._blind = blind
        self.ids: Ints = np.empty(0, dtype=np.int64)
        self.exact: Floats = np.empty(0, dtype=np.float32)
        self._guess: Floats = np.empty(0, dtype=np.float32)
        self._unit: Floats | None = None
        self._now: Floats | None = None  # what `current` gives, while nothing changes
        self.surprises: Floats = np.empty(0, dtype=np.float32)
        self._place: dict[int, int] = {}
        self._widened: set[int] = set()
        self._join(start)
        if known is not None:
            self._widen_best()

    def settled(self, k: int) -> bool:
        """Whether the k best are known well enough to stop."""
        known = ~np.isnan(self.exact)
        return settled(self.exact[known], self.current()[~known], self.surprises, k)

    def next_batch(self, size: int) -> Ints:
        """The unscored candidates that look best now, best first."""
        unscored = np.flatnonzero(np.isnan(self.exact))
        for _ in range(MOST_HOPS if self._blind is not None else 0):
            if len(unscored) >= size or not self._widen_next():
                break
            unscored = np.flatnonzero(np.isnan(self.exact))
        if len(unscored) == 0:
            return np.empty(0, dtype=np.int64)
        scores = self.current()[unscored]
        return self.ids[unscored[np.argsort(-scores, kind="stable")[:size]]]

    def current(self) -> Floats:
        """The best guess for every candidate: exact where known, else corrected."""
        if self._now is None:
            self._now = self._corrected()
        return self._now

    def _corrected(self) -> Floats:
        scored = np.flatnonzero(~np.isnan(self.exact))
        guess = self._guess.copy()
        coded = scored if self._blind is None else scored[~self._blind[self.ids[scored]]]
        coded = coded[np.argsort(-self.exact[coded], kind="stable")[:MOST_TEACHERS]]
        if len(coded) > 1 and len(scored) < len(self.ids) and self._unit is not None:
            known = self._unit[coded]
            kernel = _likeness(known, known)
            kernel[np.diag_indices_from(kernel)] += RIDGE
            weights = np.linalg.solve(kernel, self.exact[coded] - self._guess[coded])
            error = _likeness(self._unit, known) @ weights
            guess += error if self._blind is None else np.where(self._blind[self.ids], 0, error)
        guess[scored] = self.exact[scored]
        return guess

    def add_exact(self, ids: Ints, scores: Floats) -> None:
        """Take in exact cosines, then widen the pool by the neighbours of the best.

        A NaN score says that a chunk cannot be read; its estimate stands, and it
        is not proposed again. `surprises` tells by how much the others differ from
        what was expected of them.
        """
        expected = self.current()[[self._place[int(chunk)] for chunk in ids]]
        read = ~np.isnan(scores)
        self.surprises = scores[read] - expected[read]
        self._now = None
        for chunk, score in zip(ids, scores, strict=True):
            place = self._place[int(chunk)]
            self.exact[place] = self._guess[place] if np.isnan(score) else score
        self._widen_best()

    def _not_widened(self) -> list[int]:
        """The scored candidates whose neighbours have not joined, best first."""
        known = np.flatnonzero(~np.isnan(self.exact))
        best = known[np.argsort(-self.exact[known], kind="stable")]
        return [place for place in best.tolist() if int(self.ids[place]) not in self._widened]

    def _widen_best(self) -> None:
        known = np.flatnonzero(~np.isnan(self.exact))
        best = known[np.argsort(-self.exact[known], kind="stable")[:BEST_TO_WIDEN]]
        self._widen([place for place in best.tolist() if int(self.ids[place]) not in self._widened])

    def _widen_next(self) -> bool:
        """Let the neighbours of the best candidate join that has not led to any; False if none."""
        places = self._not_widened()[:1]
        self._widen(places)
        return bool(places)

    def _widen(self, places: Sequence[int]) -> None:
        """Let the neighbours of scored candidates join."""
        self._now = None
        chunks = self.ids[places].tolist()
        self._widened.update(chunks)
        around = [self._corpus.neighbours(chunk) for chunk in chunks]
        if self._allowed is not None:
            around = [near[self._allowed[near]] for near in around]
        # All at once, each where it was met first: decoding a few codes costs as much as one.
        met = dict.fromkeys(chunk for near in around for chunk in near.tolist())
        self._join(np.array([chunk for chunk in met if chunk not in self._place], dtype=np.int64))
        for near, score in zip(around, self.exact[places].tolist(), strict=True):
            of_near = [self._place[chunk] for chunk in near.tolist()]
            own = self._estimates[near]
            pull = PULL if self._blind is None else np.where(self._blind[near], BLIND_PULL, PULL)
            self._guess[of_near] = np.maximum(self._guess[of_near], own + pull * (score - own))

    def _join(self, new: Ints) -> None:
        if len(new) == 0:
            return
        unit = _unit_rows(self._corpus.coordinates(new))
        exact = np.full(len(new), np.nan, dtype=np.float32)
        if self._known is not None:
            exact = self._known[new]
        self._place.update({int(chunk): len(self.ids) + at for at, chunk in enumerate(new)})
        self.ids = np.concatenate([self.ids, new])
        self.exact = np.concatenate([self.exact, exact])
        self._guess = np.concatenate([self._guess, self._estimates[new]])
        self._unit = unit if self._unit is None else np.concatenate([self._unit, unit])


def with_words(estimates: Floats, positions: Ints, scores: Floats) -> Floats:
    """Estimates (n,) raised at `positions` by what their BM25 `scores` are worth.

    Chunks that are not named score less than the last that is, so only what is
    above that counts.
    """
    if len(positions) == 0:
        return estimates
    raised = estimates.copy()
    raised[positions] += np.float32(WORD_WEIGHT) * (scores - scores.min())
    return raised


def _unit_rows(rows: Floats) -> Floats:
    unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return unit


def _likeness(some: Floats, others: Floats) -> Floats:
    """How much of the codes' error chunks with these directions have in common (n, m)."""
    alike: Floats = SHARED + np.clip(some @ others.T, 0, None) ** 3
    return alike
