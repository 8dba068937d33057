"""Files that are like some others, from the nearest neighbours of passages. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

PLACES = 8  # passages of the tagged files whose neighbours are looked at
LEAST_COSINE = 0.5  # of a neighbour, from which on its file counts as like the other
MOST_PROPOSED = 10


@dataclass(frozen=True, slots=True)
class Near:
    """A passage of the file at `path` is a neighbour of passage `sample`."""

    sample: int
    path: str
    cosine: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """A file that may want a tag. `cosine` is that of its nearest passage, `votes` how many of
    the passages that were looked at have it as a near neighbour.
    """

    path: str
    cosine: float
    votes: int


def places_of(chunks: Sequence[Sequence[int]], most: int) -> list[int]:
    """Passages to look at, spread over the files and inside them: `chunks` are those of each."""
    files = [own for own in chunks if own]
    if len(files) > most:
        files = [files[at * len(files) // most] for at in range(most)]
    found: list[int] = []
    each = max(1, most // max(1, len(files)))
    for own in files:
        count = min(each, len(own))
        found += [own[at * len(own) // count] for at in range(count)]
    return found


def proposals(near: Sequence[Near], without: Collection[str]) -> list[Proposal]:
    """The files to propose, best first: near to many of the passages, then nearest."""
    best: dict[str, dict[int, float]] = {}
    for one in near:
        if one.path not in without and one.cosine >= LEAST_COSINE:
            mine = best.setdefault(one.path, {})
            mine[one.sample] = max(one.cosine, mine.get(one.sample, 0.0))
    found = [Proposal(path, round(max(mine.values()), 3), len(mine)) for path, mine in best.items()]
    return sorted(found, key=lambda one: (-one.votes, -one.cosine, one.path))[:MOST_PROPOSED]
