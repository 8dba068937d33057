"""What a person let Satchel remember, and which of it bears on a question. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.chat.noticing import MemoryKind, wants_of_answers
from core.messages import ChatTurn

Floats = NDArray[np.float32]

RELEVANT = 0.35  # cosine with a question from which on a memory bears on it
MOST_USED = 3  # for one question, besides what is wanted of answers as such
MOST_WISHES = 3
LONGEST_CHARS = 400


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """One kept sentence. `vector` is empty until it was embedded by the model in `model`."""

    id: int
    text: str
    kind: MemoryKind
    made_at_s: float
    vector: Floats
    model: str


def bearing_on(question: Floats, memories: Sequence[Memory]) -> list[Memory]:
    """The memories that bear on a question with this unit vector (empty: unknown).

    Wishes about answers as such come first, the newest of them; then the others, nearest first.
    """
    wishes = [one for one in memories if wants_of_answers(one.text)][-MOST_WISHES:]
    others = [one for one in memories if one not in wishes and one.vector.shape == question.shape]
    near = [(float(one.vector @ question), one) for one in others if question.size]
    near = [pair for pair in near if pair[0] >= RELEVANT]
    ranked = sorted(near, key=lambda pair: (-pair[0], pair[1].id))
    return [*wishes, *(one for _, one in ranked[:MOST_USED])]


def as_turns(used: Sequence[Memory]) -> list[ChatTurn]:
    """The memories as the model is told of them: said by the person before all else."""
    if not used:
        return []
    said = " ".join(one.text if one.text[-1] in ".!?" else f"{one.text}." for one in used)
    return [ChatTurn("user", f"About me: {said}"), ChatTurn("assistant", "I will mind that.")]
