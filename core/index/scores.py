"""Exact scores: passages read back, embedded anew or taken from memory, compared with a query."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.index.embedder import Embedder
from core.index.embedding_cache import EmbeddingCache
from core.index.passages import Passages, Work
from core.index.ranking import best_to_compare
from core.index.view import View

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

EXACT_READ = 256  # chunks read at a time for an exact scan


class Scores:
    """Exact scores of the chunks of one view. Not for use by two threads at once."""

    def __init__(
        self,
        view: View,
        embedder: Callable[[], Embedder],
        cache: EmbeddingCache,
        passages: Passages,
    ) -> None:
        """The model is asked for when it is needed, and that may raise UserError."""
        self._view = view
        self._embedder = embedder
        self._cache = cache
        self._passages = passages
        self._exact: Floats | None = None

    def of(self, positions: Ints, vector: Floats, work: Work) -> Floats:
        """Exact cosines (n,) of chunks with the query; NaN for those that cannot be read."""
        embeddings: dict[int, Floats] = {}
        for position in positions.tolist():
            kept = self._cache.get(self._view.number(position))
            if kept is not None:
                embeddings[position] = kept
        work.from_cache += len(embeddings)
        missing = [p for p in positions.tolist() if p not in embeddings]
        embeddings.update(self._embed(missing, work))
        work.recomputed += len(embeddings)
        work.scored.update(embeddings)
        return np.array(
            [
                float(embeddings[p] @ vector) if p in embeddings else np.nan
                for p in positions.tolist()
            ],
            dtype=np.float32,
        )

    def agree(self, semantic: Mapping[int, float], work: Work) -> None:
        """Note the agreement of the best passages with the question, if there is one.

        That of most is known, for they were embedded just now; others came from memory,
        are copies, or have an estimate only. Those whose embedding is kept are not
        embedded for it: that they need not be is what their bytes are paid for.
        """
        if work.question is not None:
            best = [position for position, _ in best_to_compare(semantic)]
            if work.known is not None:
                best = [position for position in best if np.isnan(work.known[position])]
            missing = [position for position in best if position not in work.agreement]
            work.recomputed += len(self._embed(missing, work).keys() - work.scored)

    def _embed(self, positions: Sequence[int], work: Work) -> dict[int, Floats]:
        """Embeddings of those passages that can be read; they are kept."""
        self._passages.load_texts(positions, work)
        readable = [position for position in positions if position in work.texts]
        texts = [work.texts[position] for position in readable]
        mark = time.perf_counter()
        if work.question is None:
            computed = self._embedder().embed(texts)
        else:
            computed, agreement = self._embedder().compare(texts, work.question)
            work.agreement.update(zip(readable, agreement.tolist(), strict=True))
        work.clock("embed", mark)
        for position, embedding in zip(readable, computed, strict=True):
            self._cache.put(self._view.number(position), embedding)
        return dict(zip(readable, computed, strict=True))

    def of_all(self, vector: Floats, allowed: Flags, work: Work) -> dict[int, float]:
        """Exact cosines of every allowed chunk; the embeddings are kept for the next query."""
        if self._exact is None:
            self._exact = np.zeros((self._view.chunks, len(vector)), dtype=np.float32)
            self._exact[:] = np.nan
        missing = np.flatnonzero(allowed & np.isnan(self._exact[:, 0]))
        for at in range(0, len(missing), EXACT_READ):
            work.check()
            part = missing[at : at + EXACT_READ].tolist()
            scratch = Work(work.cancelled)
            self._passages.load(part, scratch)
            readable = [p for p in part if p in scratch.passages]
            if readable:
                self._exact[readable] = self._embedder().embed(
                    [scratch.passages[p].text for p in readable]
                )
        scores = self._exact @ vector
        known = np.flatnonzero(allowed & ~np.isnan(scores))
        work.recomputed += len(known)
        return {int(position): float(scores[position]) for position in known}
