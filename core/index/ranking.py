"""The order of candidates: by exact score, by estimate, or by words and meaning together. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.index.frontier import Frontier
from core.index.phrases import Found

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

SAMPLE = 16384  # scores that tell where the best of all begin
SPARE = 8  # of them, for chance
LEXICAL_DEPTH = 50  # hits of either side that take part in the fusion
AGREEING = 10  # passages put in order by what they say, too
AGREEMENT_WEIGHT = 2.0  # cosines that agreement is worth; 1 to 4 rank much the same
FUSION_K = 60  # reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009


def scored_first(frontier: Frontier, k: int) -> dict[int, float]:
    """Exact cosines by position; if they are fewer than k, the best estimates come after them."""
    known = ~np.isnan(frontier.exact)
    found = {
        int(p): float(s) for p, s in zip(frontier.ids[known], frontier.exact[known], strict=True)
    }
    missing = k - len(found)
    if missing > 0:
        least = min(found.values(), default=1.0)
        guesses = frontier.current()
        rest = np.flatnonzero(~known)
        for at in rest[np.argsort(-guesses[rest], kind="stable")[:missing]]:
            found[int(frontier.ids[at])] = min(least, float(guesses[at]))
    return found


def unscored(frontier: Frontier) -> list[tuple[int, float]]:
    """The candidates without an exact score and their estimates, best first."""
    rest = np.flatnonzero(np.isnan(frontier.exact))
    guesses = frontier.current()[rest]
    order = np.argsort(-guesses, kind="stable")
    return list(zip(frontier.ids[rest[order]].tolist(), guesses[order].tolist(), strict=True))


def by_count(phrases: Found) -> list[tuple[int, float]]:
    """Passages with a phrase, most occurrences first."""
    found = sorted(phrases.by_position.items(), key=lambda item: (-item[1], item[0]))
    return [(position, 0.0) for position, _ in found]


def then(
    order: Sequence[tuple[int, float]], rest: Callable[[], Sequence[tuple[int, float]]]
) -> Iterator[tuple[int, float]]:
    """The ranking, and behind it, asked for only when it was not enough, what it left out."""
    yield from order
    least = order[-1][1] if order else 1.0
    have = {position for position, _ in order}
    for position, score in rest():
        if position not in have:
            yield position, min(least, score)


def top(scores: Floats, count: int) -> Ints:
    """The places of the `count` best scores, in no order; if fewer, of all above minus infinity."""
    if count <= 0:
        return np.empty(0, dtype=np.int64)
    if count >= len(scores):
        return np.flatnonzero(scores > -np.inf)
    # A sample tells about where the best begin, so that only few of many scores are sorted out.
    sample = scores[:: max(1, len(scores) // SAMPLE)]
    rank = min(len(sample), 2 * count * len(sample) // len(scores) + SPARE)
    likely = np.flatnonzero(scores >= np.partition(sample, len(sample) - rank)[len(sample) - rank])
    if len(likely) < count:
        likely = np.arange(len(scores))
    return likely[np.argpartition(-scores[likely], count - 1)[:count]]


def fuse(
    lexical: Ints | None, semantic: dict[int, float], agreement: Mapping[int, float]
) -> list[tuple[int, float]]:
    """Positions with their scores, best first: cosine, rank, or the fusion of both ranks.

    In a fusion the best by cosine are put in order by their agreement too (see
    core.index.agreement); those whose agreement is not known keep their place.
    """
    by_cosine = _by_cosine(semantic)
    if lexical is None:
        return by_cosine
    by_meaning = _by_agreement(best_to_compare(semantic), agreement)
    by_meaning += by_cosine[AGREEING:LEXICAL_DEPTH]
    scores = {int(p): 1 / (FUSION_K + rank) for rank, p in enumerate(lexical, start=1)}
    for rank, (position, _) in enumerate(by_meaning, start=1):
        scores[position] = scores.get(position, 0.0) + 1 / (FUSION_K + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def best_to_compare(semantic: Mapping[int, float]) -> list[tuple[int, float]]:
    """The best by cosine, whose agreement with the question counts."""
    return _by_cosine(semantic)[:AGREEING]


def _by_cosine(semantic: Mapping[int, float]) -> list[tuple[int, float]]:
    return sorted(semantic.items(), key=lambda item: (-item[1], item[0]))


def _by_agreement(
    best: Sequence[tuple[int, float]], agreement: Mapping[int, float]
) -> list[tuple[int, float]]:
    known = [item for item in best if item[0] in agreement]
    ordered = iter(
        sorted(known, key=lambda item: (-item[1] - AGREEMENT_WEIGHT * agreement[item[0]], item[0]))
    )
    return [next(ordered) if item[0] in agreement else item for item in best]
