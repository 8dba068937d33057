"""Chooses the sentences that a question is answered from. Pure."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.chat.evidence import Evidence, Read, Sentence
from core.chat.words import GAP, Span, estimate_tokens

_LEANS = re.compile(
    r"(?:\S+ ){0,3}(?:it|its|they|their|them|he|his|him|she|her|this|these|those|such|both|"
    r"former|latter)\b",
    re.IGNORECASE,
)
QUOTE_CHARS = 450
NEARLY = 0.5  # of the best sentence's likelihood: its neighbour may well be the one


@dataclass(frozen=True, slots=True)
class PassageConfig:
    """What may go into a prompt.

    `budget_tokens` bounds the text of all passages together: on two cores each
    250 tokens cost about a second before the first word. Sentences are taken, most
    likely first, until the answer stands in one of them with the likelihood `enough`,
    and no more than `most_sentences`.
    """

    budget_tokens: int = 600
    enough: float = 0.8
    most_sentences: int = 6


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is kept of passage `index`: exact spans of its text, and these joined by GAP.

    `best` is the sentence in it that answers most likely.
    """

    index: int
    spans: tuple[Span, ...]
    text: str
    best: Sentence


def choose(
    passages: Sequence[Read],
    evidence: Evidence,
    config: PassageConfig | None = None,
    count_tokens: Callable[[str], int] = estimate_tokens,
) -> tuple[Chosen, ...]:
    """The passages for a prompt, that with the most likely sentence first, each in its own order.

    A sentence that leans on the one before it ("It was built...") brings that along where
    there is room. What repeats is left out. When not even the first sentence fits, its
    beginning is kept.
    """
    config = config or PassageConfig()
    taken: dict[tuple[int, Span], Sentence] = {}
    before = _before(evidence.sentences)
    left_tokens, likelihood = config.budget_tokens, 0.0
    seen: set[str] = set()
    for sentence, share in _most_likely(evidence.sentences):
        if likelihood >= config.enough or len(taken) >= config.most_sentences:
            break
        likelihood += share
        text = passages[sentence.passage].text[slice(*sentence.span)]
        if text in seen:
            continue
        cost = count_tokens(text) + 1
        if cost > left_tokens:
            continue
        seen.add(text)
        key = (sentence.passage, sentence.span)
        taken[key] = sentence
        left_tokens -= cost
        support = before.get(key)
        if support is not None and _LEANS.match(text):
            other = passages[support.passage].text[slice(*support.span)]
            cost = count_tokens(other) + 1
            if cost <= left_tokens and other not in seen:
                seen.add(other)
                taken[support.passage, support.span] = support
                left_tokens -= cost
    if not taken:
        return _beginning(passages, evidence.best, config.budget_tokens, count_tokens)
    return _grouped(passages, list(taken.values()))


def quoted(text: str, sentences: Sequence[Sentence], best: Sentence) -> Span:
    """What of a passage is quoted for its best sentence: that, and at most one neighbour.

    The one before when the best leans on it, else one that is nearly as likely.
    """
    mine = [one for one in sentences if one.passage == best.passage]
    at = mine.index(best)
    before = mine[at - 1] if at else None
    near = [one for one in mine[max(0, at - 1) : at + 2] if one is not best]
    likely = [one for one in near if math.exp(one.score - best.score) >= NEARLY]
    if before is not None and _LEANS.match(text[slice(*best.span)]):
        likely = [before]
    if not likely:
        return best.span
    other = max(likely, key=lambda one: one.score)
    start, end = min(best.span[0], other.span[0]), max(best.span[1], other.span[1])
    return (start, end) if end - start <= QUOTE_CHARS else best.span


def _most_likely(sentences: Sequence[Sentence]) -> list[tuple[Sentence, float]]:
    """The sentences by score, each with how likely it is the one, if one of them is."""
    top = max((one.score for one in sentences), default=0.0)
    odds = [math.exp(one.score - top) for one in sentences]
    total = sum(odds)
    shares = zip(sentences, (each / total for each in odds), strict=True)
    return sorted(shares, key=lambda item: -item[0].score)


def _before(sentences: Sequence[Sentence]) -> dict[tuple[int, Span], Sentence]:
    return {
        (one.passage, one.span): last
        for last, one in itertools.pairwise(sentences)
        if last.passage == one.passage
    }


def _grouped(passages: Sequence[Read], taken: Sequence[Sentence]) -> tuple[Chosen, ...]:
    best: dict[int, Sentence] = {}
    for one in taken:
        if one.passage not in best or one.score > best[one.passage].score:
            best[one.passage] = one
    chosen = []
    for index, top in sorted(best.items(), key=lambda item: -item[1].score):
        text = passages[index].text
        mine = sorted(one.span for one in taken if one.passage == index)
        spans = _joined(text, mine)
        kept = GAP.join(text[start:end] for start, end in spans)
        chosen.append(Chosen(index, spans, kept, top))
    return tuple(chosen)


def _joined(text: str, spans: Sequence[Span]) -> tuple[Span, ...]:
    """Neighbours, between which there is only white space, as one span."""
    runs: list[Span] = []
    for start, end in spans:
        if runs and not text[runs[-1][1] : start].strip():
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return tuple(runs)


def _beginning(
    passages: Sequence[Read],
    sentence: Sentence | None,
    cap_tokens: int,
    count_tokens: Callable[[str], int],
) -> tuple[Chosen, ...]:
    """As much of one sentence as fits, cut at a space where there is one."""
    if sentence is None or cap_tokens <= 0:
        return ()
    text = passages[sentence.passage].text
    start, end = sentence.span
    while end - start > 1 and count_tokens(text[start:end]) > cap_tokens:
        shorter = start + (end - start) * 3 // 4
        end = max(text.rfind(" ", start + 1, shorter), 0) or shorter
    if not text[start:end].strip():
        return ()
    return (Chosen(sentence.passage, ((start, end),), text[start:end], sentence),)
