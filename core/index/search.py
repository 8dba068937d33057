"""Query to results: words at once, then codes and graph under a deadline, then exact scores.

The embeddings of the passages are not stored. The few that a query needs are
read back from their files and embedded anew; what was computed lately is kept
in memory within a bound.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.index.copies import apart, twins, with_twins
from core.index.embedder import BATCH, Embedder
from core.index.embedding_cache import EmbeddingCache
from core.index.frontier import Corpus, Frontier, with_words
from core.index.passages import Passages, Work
from core.index.phrases import Found, find_phrases, parse
from core.index.ranking import (
    LEXICAL_DEPTH,
    by_count,
    fuse,
    scored_first,
    then,
    top,
    unscored,
)
from core.index.reader import Reader
from core.index.results import ResultMaker, Source, Wish
from core.index.scores import Scores
from core.index.text_cache import TextCache
from core.index.view import View
from core.index.word_search import WordHits
from core.messages import Hit, Mode
from core.store.catalogue import ANY_DATE, Catalogue, Dates

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

POOL = 400  # candidates taken from the codes before exact scoring starts
LEXICAL_SEEDS = 8  # lexical hits that get an exact score in hybrid mode
EVIDENCE_DEPTH = 1000  # lexical hits whose estimates are raised
STEP = 4  # embedded at a time after the first batch, so that a search can end soon
WIDER = 4  # candidates looked at for each one scored, so that copies do not take its place


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for. `below` is an absolute folder, `suffixes` are name endings, `paths` the
    only files to look in. `dates` are seconds since 1970: from one on and to before the other.
    The date of a document is when it was last changed, or else made, as it says itself, or else
    when its file was last written.

    With `typing` the last word may be unfinished.
    With `fold`, hits that show the same as a better one become its copies.
    """

    text: str
    k: int = 10
    mode: Mode = "hybrid"
    below: str | None = None
    suffixes: tuple[str, ...] = ()
    dates: Dates = ANY_DATE
    fold: bool = True
    typing: bool = False
    paths: frozenset[str] | None = None

    def wish(self) -> Wish:
        """What is to be shown of the candidates."""
        return Wish(self.text, self.k, self.fold, self.below, self.suffixes, self.paths)


@dataclass(frozen=True, slots=True)
class Results:
    """Ranked hits; how many exact embeddings they took, and how many of those from memory.

    `phrases` counts what stood between quotation marks in the query.
    `passages` holds the whole text of each hit (None where it cannot be shown),
    `cosines` its exact or estimated similarity to the query (None in lexical mode),
    `agreements` how well its tokens agree with the query's, where that was looked at.
    """

    hits: tuple[Hit, ...]
    passages: tuple[str | None, ...]
    cosines: tuple[float | None, ...]
    recomputed: int
    from_cache: int
    timings_ms: dict[str, float]
    phrases: Found | None = None
    agreements: tuple[float | None, ...] = ()


class Searcher:
    """Searches one view of the index. Not for use by two threads at once."""

    def __init__(
        self,
        view: View,
        catalogue: Catalogue,
        embedder: Callable[[], Embedder],
        reader: Reader,
        cache: EmbeddingCache,
        texts: TextCache,
    ) -> None:
        """`catalogue` is a reading connection of the searching thread."""
        self._view = view
        self._catalogue = catalogue
        self._embedder = embedder
        self._reader = reader
        self._passages = Passages(view, catalogue, reader, texts)
        self._scores = Scores(view, embedder, cache, self._passages)
        self._maker = ResultMaker(view, catalogue, self._passages)

    def search(
        self,
        query: Query,
        max_recomputes: int,
        deadline_s: float,
        cancelled: Callable[[], bool] = lambda: False,
        exact: bool = False,
        on_phrases: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> Results:
        """Ranked passages. Raises Cancelled, UserError when the model is not there, and
        SegmentError or CodecError where it comes upon damage.

        `on_phrases` is told how many of the documents that may hold the query's
        phrases have been read; that has no deadline, for a count has to be whole.
        """
        started = time.perf_counter()
        self._view.check_whole()
        work = Work(cancelled, query.wish().choose)
        allowed = self._allowed(query)
        phrases = None
        parsed = parse(query.text)
        if parsed.phrases:
            phrases = self._phrases(parsed.phrases, allowed, work, on_phrases)
            allowed = self._at(phrases)
            query = replace(query, text=parsed.text)
            deadline_s += time.perf_counter() - started
        hits = self._lexical(query, allowed, work)
        depth = max(LEXICAL_DEPTH, query.k)
        lexical = hits.positions[:depth] if query.mode != "semantic" else None
        semantic: dict[int, float] = {}
        if query.mode != "lexical" and query.text.strip() and self._view.chunks:
            mark = time.perf_counter()
            question = self._embedder().question(query.text)
            vector = question.vector
            if query.mode == "hybrid" and not query.typing and len(question.tokens):
                work.question = question
            work.clock("embed_query", mark)
            deadline_s += time.perf_counter() - mark  # a model just loaded finds what others do
            seeds = lexical[:LEXICAL_SEEDS] if lexical is not None else None
            if exact:
                semantic = self._scores.of_all(vector, allowed, work)
            else:
                deadline = started + deadline_s
                semantic = self._best_first(
                    vector, allowed, seeds, query.k, max_recomputes, deadline, work, hits
                )
                if seeds is not None:
                    semantic |= self._known_by_words(vector, seeds, work)
            if time.perf_counter() < started + deadline_s:
                self._scores.agree(semantic, work)
        return self._results(query, lexical, semantic, work, started + deadline_s, phrases)

    def related(
        self, position: int, k: int, max_recomputes: int, deadline_s: float, fold: bool = True
    ) -> Results:
        """Passages like the chunk at a position: its neighbours in the graph and in the codes."""
        started = time.perf_counter()
        self._view.check_whole()
        query = Query("", k, "semantic", fold=fold)
        work = Work(lambda: False, query.wish().choose)
        allowed = self._view.live.copy()
        allowed[position] = False
        self._passages.load([position], work)
        if position not in work.passages:
            return Results((), (), (), 0, 0, {"total": 0.0})
        text = work.passages[position].text
        vector = self._embedder().embed([text])[0]
        seeds = self._view.neighbours(position)
        semantic = self._best_first(
            vector, allowed, seeds, k, max_recomputes, started + deadline_s, work
        )
        return self._results(query, None, semantic, work, started + deadline_s)

    def _results(
        self,
        query: Query,
        lexical: Ints | None,
        semantic: dict[int, float],
        work: Work,
        deadline: float,
        phrases: Found | None = None,
    ) -> Results:
        words = set() if lexical is None else set(lexical.tolist())

        def source(position: int) -> Source:
            if position not in words:
                return "semantic"
            return "both" if position in semantic else "lexical"

        order = fuse(lexical, semantic, work.agreement)
        rest = work.unscored if phrases is None else lambda: by_count(phrases)
        made = self._maker.make(query.wish(), then(order, rest), source, work, deadline)
        work.clock("total", work.started)
        return Results(
            made.hits,
            made.texts,
            tuple(semantic.get(position) for position in made.positions),
            recomputed=work.recomputed,
            from_cache=work.from_cache,
            timings_ms={name: round(1000 * s, 2) for name, s in work.spent_s.items()},
            phrases=phrases,
            agreements=tuple(work.agreement.get(position) for position in made.positions),
        )

    # --- candidates ---------------------------------------------------------------------

    def _allowed(self, query: Query) -> Flags:
        wide = query.below is None and not query.suffixes and query.dates == ANY_DATE
        if wide and query.paths is None:
            return self._view.live
        if query.paths is None:
            matching = self._catalogue.documents_matching(query.below, query.suffixes, query.dates)
        else:  # which of their files may be shown is looked at when they are
            found = map(self._catalogue.document_at, query.paths)
            matching = {document for document in found if document is not None}
            if not wide:
                matching &= self._catalogue.documents_matching(
                    query.below, query.suffixes, query.dates
                )
        return self._view.of_documents(matching) & self._view.live

    def _phrases(
        self,
        phrases: Sequence[str],
        allowed: Flags,
        work: Work,
        on_progress: Callable[[int, int], None],
    ) -> Found:
        mark = time.perf_counter()
        found = find_phrases(
            phrases, allowed, self._view, self._catalogue, self._reader, on_progress, work.check
        )
        work.clock("phrases", mark)
        return found

    def _at(self, found: Found) -> Flags:
        flags = np.zeros(self._view.chunks, dtype=np.bool_)
        flags[list(found.by_position)] = True
        return flags

    def _lexical(self, query: Query, allowed: Flags, work: Work) -> WordHits:
        mark = time.perf_counter()
        filter_ = None if allowed is self._view.live else allowed
        depth = max(EVIDENCE_DEPTH, query.k)
        hits = self._view.words.rank(query.text, depth, filter_, query.typing)
        work.clock("lexical", mark)
        return hits

    def _best_first(
        self,
        vector: Floats,
        allowed: Flags,
        seeds: Ints | None,
        k: int,
        max_recomputes: int,
        deadline: float,
        work: Work,
        words: WordHits | None = None,
    ) -> dict[int, float]:
        mark = time.perf_counter()
        allowed = allowed & self._view.meant
        frontier, first = self._frontier(vector, allowed, seeds, words, work)
        work.clock("codes", mark)
        max_recomputes = round(max_recomputes * self._view.effort)
        step = STEP if self._view.effort == 1 else BATCH
        done = copies = 0
        while done < max_recomputes and (done == 0 or time.perf_counter() < deadline):
            work.check()
            mark = time.perf_counter()
            if done and self._view.trusted and frontier.settled(k + copies):
                break
            size = min(step if done else BATCH, max_recomputes - done)
            batch = frontier.next_batch(WIDER * size)
            if done == 0 and len(first):
                batch = np.array(list(dict.fromkeys([*first, *batch])), dtype=np.int64)
            batch, followers = self._without_twins(batch, size)
            copies += sum(map(len, followers.values()))
            work.clock("rank", mark)
            if len(batch) == 0:
                break
            scores = self._scores.of(batch, vector, work)
            mark = time.perf_counter()
            frontier.add_exact(*with_twins(batch, scores, followers))
            work.clock("rank", mark)
            done += len(batch)
        work.unscored = lambda: unscored(frontier)
        return scored_first(frontier, k)

    def _known_by_words(self, vector: Floats, seeds: Ints, work: Work) -> dict[int, float]:
        """Exact cosines of the best hits by words that cannot be found by meaning so far."""
        foreign = seeds[~self._view.meant[seeds]]
        if len(foreign) == 0:
            return {}
        scores = self._scores.of(foreign, vector, work)
        found = zip(foreign.tolist(), scores.tolist(), strict=True)
        return {position: score for position, score in found if not np.isnan(score)}

    def _frontier(
        self,
        vector: Floats,
        allowed: Flags,
        seeds: Ints | None,
        words: WordHits | None,
        work: Work,
    ) -> tuple[Frontier, Ints]:
        """The candidates to begin with, and those of the seeds that need a score first of all."""
        view = self._view
        estimates, known = view.estimates(vector), view.known(vector)
        work.known = known
        if words is not None:
            estimates = with_words(estimates, words.positions, words.scores)
        best = estimates if known is None else np.where(np.isnan(known), estimates, known)
        best[~allowed] = -np.inf
        start = top(best, min(POOL, int(allowed.sum())))
        first = np.empty(0, dtype=np.int64)
        if seeds is not None:
            first = seeds[allowed[seeds]]
            start = np.concatenate([start, first])
            if known is not None:
                first = first[np.isnan(known[first])]
        start = np.concatenate([start, view.entries[allowed[view.entries]]])
        corpus = Corpus(view.decoded, view.neighbours)
        blind = view.blind if view.effort > 1 else None
        return Frontier(corpus, estimates, np.unique(start), allowed, known, blind), first

    def _without_twins(self, positions: Ints, size: int) -> tuple[Ints, dict[int, Ints]]:
        """The first `size` positions that are worth a score of their own, and their twins."""
        if len(positions) == 0:
            return positions, {}
        families = self._catalogue.families(self._view.owners(positions).tolist())
        if not any(families):
            return positions[:size], {}
        return apart(positions, twins(families, self._view.decoded(positions)), size)
