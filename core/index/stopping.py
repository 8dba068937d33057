"""When a search has embedded enough: a rule with one fitted constant.

The k-th best exact score is compared with the best estimate among what is left.
Estimates err, more or less by how well the codes suit the passages; how much is
seen from the chunks scored last. The search goes on until the gap is `CAUTION`
times that. Easy queries end early and leave more for hard ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Chosen after looking at SciFact and at 300 questions of wiki_qa, for codes fitted to the passages
# searched; 900 others of wiki_qa agree. Codes that ship err more; with them a search does not
# stop early.
CAUTION = 1.15
MOST_TOP = 10  # results that have to be settled; of a longer list the rest may be a guess


def settled(
    exact: Floats, estimates: Floats, surprises: Floats, k: int, caution: float = CAUTION
) -> bool:
    """Whether the k best are known well enough.

    `exact` holds the scores found so far, `estimates` those of the candidates
    that have none, and `surprises` by how much the scores found last differ from
    what was expected of them. Of k at most `MOST_TOP` count.
    """
    if len(estimates) == 0:
        return True
    wanted = min(k, MOST_TOP)
    if wanted < 1 or len(exact) < wanted or len(surprises) == 0:
        return False
    least = np.partition(exact, len(exact) - wanted)[len(exact) - wanted]
    error = float(np.sqrt(np.mean(np.square(surprises))))
    return bool(least - estimates.max() > caution * error)
