"""Whether codes still suit the passages they are made for. A pure decision.

Each segment knows how near its codes are to its embeddings, from when both were
at hand. A rotation knows how near they were when it was fitted, on passages it
was not fitted to. What new passages lose against that, searches lose in recall.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LEAST_CHUNKS = 6_000  # a smaller index is read through quickly whatever its codes are
# Of the mean cosine. On SciFact codes of 16 bytes fitted to it have 0.82 and find 0.90 of the ten
# best among 32; fitted to wiki_qa they have 0.56 and find 0.73. Fitting anew embeds the whole home
# again, so less is borne with: a large folder read in order of age and size drifts by over 0.05.
DROP = 0.1


class Part(NamedTuple):
    """So many chunks whose codes have this mean cosine with their embeddings, 0 for unknown."""

    chunks: int
    faithful: float


def has_drifted(expected: float, parts: Sequence[Part]) -> bool:
    """Whether a rotation that promised `expected` (0: nothing) should be fitted anew.

    Parts of which nothing is known do not count.
    """
    known = [part for part in parts if part.faithful > 0]
    chunks = sum(part.chunks for part in known)
    if expected <= 0 or chunks < LEAST_CHUNKS:
        return False
    mean = sum(part.chunks * part.faithful for part in known) / chunks
    return mean < expected - DROP
