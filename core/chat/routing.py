"""Which of several models a question goes to: easy ones to the small, hard ones to the large. Pure.

What makes a question hard for a small model was measured: see `benchmarks/routing.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.chat.words import rarity, sentence_spans, words

# From here on one sentence says enough of what is asked for a small model to copy the rest.
SURE_SHARE = 0.6
LONG_WORDS = 22
MUCH_LARGER = 1.25  # models nearer in size than this are not worth a change
_WEIGHS = re.compile(
    r"\b(?:why|explain|compare|comparison|difference|differ|summar\w+|describe|pros and cons|"
    r"relationship|advantages?|implications?|list|all of|each of|how (?:do|does|did|can|could|is|"
    r"are|was|were|should|would)|warum|wieso|erkläre|vergleiche|pourquoi|comment|compare[rz]?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Size:
    """An installed model and the bytes of weights that a token of it reads."""

    name: str
    active_bytes: int


@dataclass(frozen=True, slots=True)
class Route:
    """The model for a question, and why, as half a sentence; "" where there was no choice."""

    name: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Signs:
    """What tells how hard a question is.

    `sure_share` is the greatest share of its words' weights that one sentence of the passages
    holds (0 to 1); `passages_needed` the fewest passages that hold all of its words that any has.
    """

    weighs: bool
    parts: int
    word_count: int
    sure_share: float
    passages_needed: int


def signs_of(question: str, passages: Sequence[str]) -> Signs:
    """The signs of a question with the passages it is to be answered from."""
    asked = set(words(question))
    sentences = [[set(words(text[a:b])) for a, b in sentence_spans(text)] for text in passages]
    weights = rarity(text[a:b] for text in passages for a, b in sentence_spans(text))
    rarest = max(weights.values(), default=1.0)
    weight = {word: weights.get(word, rarest) for word in asked}
    total = sum(weight.values()) or 1.0
    best = max(
        (sum(weight[word] for word in asked & held) for part in sentences for held in part),
        default=0.0,
    )
    return Signs(
        weighs=_WEIGHS.search(question) is not None,
        parts=max(1, question.count("?")),
        word_count=len(question.split()),
        sure_share=best / total,
        passages_needed=_fewest([set().union(*part) & asked for part in sentences]),
    )


def _fewest(held: Sequence[set[str]]) -> int:
    """How many sets cover what all of them hold, the largest gain first."""
    left = set().union(*held) if held else set()
    count = 0
    while left:
        best = max(held, key=lambda one: len(one & left))
        left -= best
        count += 1
    return count


def why_hard(signs: Signs) -> str:
    """Why a question is hard, in words; "" when it is easy."""
    if signs.weighs:
        return "it asks for more than a fact"
    if signs.parts > 1:
        return "it asks several things"
    if signs.word_count > LONG_WORDS:
        return "it is long"
    if signs.sure_share < SURE_SHARE:
        return "no single sentence of the passages says much of it"
    return ""


def route(signs: Signs, models: Sequence[Size], usual: str) -> Route:
    """The model for a question among those that can be used; `usual` where there is no choice."""
    if len(models) < 2:
        return Route(usual)
    small = min(models, key=lambda one: (one.active_bytes, one.name))
    large = max(models, key=lambda one: (one.active_bytes, one.name))
    if large.active_bytes < MUCH_LARGER * small.active_bytes:
        return Route(usual)
    hard = why_hard(signs)
    if hard:
        return Route(large.name, f"The larger model was asked, for {hard}.")
    return Route(small.name, "The smaller model was asked, for one sentence says most of it.")
