"""An extractive summary: the sentences nearest to what a text is about, none said twice. Pure.

Sentences are scored as they come (Radev's centroid method on sentence embeddings) and only the
best of each stretch are kept, so that memory does not grow with the text; the last choice is by
maximal marginal relevance (Carbonell and Goldstein, 1998).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.chat.words import words

Floats = NDArray[np.float32]

KEPT_OF_STRETCH = 6
MOST_CANDIDATES = 240
FIRST_BONUS = 0.05  # the first sentences of a text often say what it is about
NEW_SHARE = 0.7  # how much nearness counts against being new, 0 to 1
LEAST_WORDS, MOST_WORDS = 4, 60
_BARE = re.compile(r"[\d\W_]+")


def says_something(sentence: str) -> bool:
    """Whether a sentence can stand in a summary: no heading, no row of a table, no numbers."""
    count = len(sentence.split())
    letters = len(_BARE.sub("", sentence))
    if letters < 0.5 * len(sentence):
        return False
    if letters == len(sentence.strip(".!?。！？")):  # no blanks: a script without them, or a word
        return letters >= 8 and not sentence.isascii()
    told = LEAST_WORDS <= count <= MOST_WORDS and len(words(sentence)) >= 3
    return told and sentence.rstrip("\"'”’)]")[-1:] in ".!?…:;。！？"


def best_of_stretch(vectors: Floats, first: bool) -> list[int]:
    """Which sentences (n, d) of a stretch to keep, in order; `first` for the text's beginning."""
    if len(vectors) == 0:
        return []
    centre = vectors.sum(axis=0)
    scores = vectors @ (centre / max(float(np.linalg.norm(centre)), 1e-9))
    if first:
        scores[: min(3, len(scores))] += FIRST_BONUS
    best = np.argsort(-scores, kind="stable")[:KEPT_OF_STRETCH]
    return sorted(int(at) for at in best)


def thin(count: int) -> list[int]:
    """Of `count` candidates in order, which stay when there are too many: evenly spread."""
    if count <= MOST_CANDIDATES:
        return list(range(count))
    return [round(at * (count - 1) / (MOST_CANDIDATES - 1)) for at in range(MOST_CANDIDATES)]


def length_for(text_chars: int) -> int:
    """How many sentences a summary of a text of so many characters has: 3 to 12."""
    return max(3, min(12, round(1.5 * math.log2(max(text_chars, 1) / 500 + 1))))


def choose(vectors: Floats, centre: Floats, count: int) -> list[int]:
    """Which candidates (n, d) make the summary, in their order.

    `centre` (d,) is the sum over all sentences of the text. The first candidate is taken to be
    from the beginning.
    """
    if len(vectors) == 0:
        return []
    near = vectors @ (centre / max(float(np.linalg.norm(centre)), 1e-9))
    near[:2] += FIRST_BONUS
    chosen: list[int] = []
    said = np.zeros(len(vectors), dtype=np.float32)
    while len(chosen) < min(count, len(vectors)):
        worth = NEW_SHARE * near - (1 - NEW_SHARE) * said
        worth[chosen] = -np.inf
        at = int(np.argmax(worth))
        chosen.append(at)
        said = np.maximum(said, vectors @ vectors[at])
    return sorted(chosen)


def word_vectors(sentences: Sequence[str], dimensions: int = 512) -> Floats:
    """Unit vectors by shared words, for when the search model is not at hand."""
    rows = np.zeros((len(sentences), dimensions), dtype=np.float32)
    for at, sentence in enumerate(sentences):
        for word in words(sentence):
            rows[at, _bucket(word, dimensions)] += 1.0
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = rows / np.maximum(norms, 1e-9)
    return unit


def _bucket(word: str, dimensions: int) -> int:
    """Always the same for a word, unlike hash()."""
    number = 0
    for char in word:
        number = (number * 131 + ord(char)) % 1_000_003
    return number % dimensions
