"""Which kept answer a question gets at once, and which answers are kept. Pure.

An answer is given again while what it rests on is as it was: the files whose passages were
shown to the model, the state of the index, the model, the settings, and what is remembered of
the person. Where only the index has changed, a search tells whether it would find the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.chat.alike import Asked, least_cosine, read

Floats = NDArray[np.float32]

VERSION = 1  # of how answers are made; another one makes all kept answers old
FITTED_FOR = "all-minilm-l6-v2"  # the model whose cosines core.chat.alike was fitted to
HALF_LIFE_S = 30 * 86_400  # an answer that was not asked for in so long is worth half
# Words that point at what was said before. "It" after "does" or "is" may be the weather's.
_LEANS = re.compile(
    r"\b(?:it|its|he|she|him|his|hers?|they|them|their|theirs|this|that|those|these|there|then"
    r"|one|ones|same|above|previous|former|latter|else|again|more|too|also|instead)\b"
    r"|^(?:and|but|or|so|what about|how about|why|really|ok)\b"
)
_NOW = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday|now|currently|ago"
    r"|(?:this|next|last|past|coming) (?:week|weekend|month|year|quarter|morning|evening))\b"
)
_LEAST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Rests:
    """What an answer rests on besides its files, each as a short text that changes with it."""

    model: str
    settings: str
    index: str
    memories: str = ""
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class FileMark:
    """A file as it was when an answer rested on it."""

    path: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer that may be given again. `vector` is its question's, empty without a model.

    `replies` are the messages that were sent, as JSON. Times in seconds since 1970.
    """

    turn: int
    question: str
    vector: Floats
    rests: Rests
    files: tuple[FileMark, ...]
    replies: tuple[str, ...]
    cost_ms: float
    kept_at_s: float
    used: int
    used_at_s: float

    @property
    def size_bytes(self) -> int:
        """About what it takes on disk."""
        paths = sum(len(file.path) + 24 for file in self.files)
        return 2 * self.vector.size + paths + sum(map(len, self.replies)) + 200


def stands_alone(question: str) -> bool:
    """Whether a question means the same without what was said before it."""
    asked = read(question)
    return len(asked.normal.split()) >= _LEAST_WORDS and not _LEANS.search(asked.normal)


def speaks_of_now(question: str) -> bool:
    """Whether what a question means changes with the day it is asked on."""
    return _NOW.search(read(question).normal) is not None


def same_words(question: str, kept: Iterable[KeptAnswer]) -> list[KeptAnswer]:
    """Answers to this question as it was asked, the newest first."""
    asked = read(question)
    found = [one for one in kept if read(one.question).normal == asked.normal]
    return sorted(found, key=lambda one: -one.kept_at_s)


def other_words(question: str, vector: Floats, kept: Sequence[KeptAnswer]) -> list[KeptAnswer]:
    """Answers to questions that ask for the same in other words, the nearest first."""
    alike = [one for one in kept if one.vector.shape == vector.shape]
    if not alike:
        return []
    cosines = np.stack([one.vector for one in alike]) @ vector
    asked: Asked = read(question)
    found: list[tuple[float, KeptAnswer]] = []
    for one, cosine in zip(alike, cosines.tolist(), strict=True):
        least = least_cosine(asked, read(one.question))
        if least is not None and cosine >= least:
            found.append((cosine, one))
    return [one for _, one in sorted(found, key=lambda pair: -pair[0])]


def worth(kept: KeptAnswer, now_s: float) -> float:
    """What an answer is likely to save, in milliseconds a byte."""
    idle_s = max(0.0, now_s - kept.used_at_s)
    saved_ms = kept.cost_ms * (1 + kept.used) * math.exp2(-idle_s / HALF_LIFE_S)
    return saved_ms / kept.size_bytes


def to_drop(kept: Sequence[KeptAnswer], most_bytes: int, now_s: float) -> list[int]:
    """The turns of the answers to drop, so that the others take at most so many bytes."""
    total = sum(one.size_bytes for one in kept)
    dropped = []
    for one in sorted(kept, key=lambda one: worth(one, now_s)):
        if total <= most_bytes:
            break
        dropped.append(one.turn)
        total -= one.size_bytes
    return dropped
