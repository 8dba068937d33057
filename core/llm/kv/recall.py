"""Which earlier turns a question is about. Pure.

Turns are alike in topic when the cosine of their embeddings is high. Those of one topic are an
episode, wherever in the conversation they stand, and of the episode that a question is about
more comes back than the one turn that is nearest to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SAME_TOPIC = 0.5  # cosine of a turn to the mean of an episode
NEAR = 0.8  # of the best turn's cosine, for another one to come back by itself
MOST_RECALLED = 4


def episodes(turns: Floats) -> list[list[int]]:
    """The turns by topic, in order: each joins the episode that it is nearest to, or begins one.

    `turns` are unit vectors, one a row.
    """
    found: list[list[int]] = []
    sums: list[Floats] = []
    for index, vector in enumerate(turns):
        cosines = [float(total @ vector) / float(np.linalg.norm(total)) for total in sums]
        nearest = int(np.argmax(cosines)) if cosines else -1
        if nearest >= 0 and cosines[nearest] >= SAME_TOPIC:
            found[nearest].append(index)
            sums[nearest] = sums[nearest] + vector
        else:
            found.append([index])
            sums.append(vector.copy())
    return found


def to_recall(
    question: Floats, turns: Floats, about_cosine: float, most: int = MOST_RECALLED
) -> list[int]:
    """The turns that come back for a question, oldest first; none where nothing was about it.

    First the one nearest to the question, then those nearly as near, then the neighbours of the
    first within its episode.
    """
    if not len(turns) or most <= 0:
        return []
    cosines = turns @ question
    order = np.argsort(-cosines, kind="stable")
    best = int(order[0])
    if cosines[best] < about_cosine:
        return []
    least = max(about_cosine, NEAR * float(cosines[best]))
    chosen = [int(index) for index in order[:most] if cosines[index] >= least]
    episode = next(one for one in episodes(turns) if best in one)
    for index in sorted(episode, key=lambda one: (abs(one - best), one)):
        if len(chosen) >= most:
            break
        if index not in chosen:
            chosen.append(index)
    return sorted(chosen)


def packed(vector: Floats) -> bytes:
    """A unit vector in 8 bits a number."""
    scale = float(np.abs(vector).max()) or 1.0
    return np.round(vector * (127 / scale)).astype(np.int8).tobytes()


def unpacked(stored: Sequence[bytes]) -> Floats:
    """The vectors as they were, nearly, with a length of one."""
    rows = np.array([np.frombuffer(one, np.int8) for one in stored], np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    found: Floats = (rows / np.maximum(lengths, 1e-9)).astype(np.float32)
    return found
