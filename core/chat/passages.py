"""Chooses what of the search hits a question is answered from. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core.chat.words import GAP, Span, estimate_tokens, rarity, sentence_spans, words


@dataclass(frozen=True, slots=True)
class PassageConfig:
    """What may go into a prompt.

    `budget_tokens` bounds the text of all passages together: on two cores each
    250 tokens cost about a second before the first word. `min_cosine` is the
    semantic score from which a hit counts as being about the question, to be
    set from measurement; `min_word_share` the share of the question's words that
    a lexical hit must hold to count without it. `shares` is what part of the
    budget each passage may take, best first; what one leaves the next may use.
    """

    budget_tokens: int = 600
    min_cosine: float = 0.30
    min_word_share: float = 0.5
    shares: tuple[float, ...] = (0.45, 0.30, 0.15, 0.10)
    neighbour_weight: float = 0.35


@dataclass(frozen=True, slots=True)
class Candidate:
    """One search hit: its text, its cosine to the question if known, whether words matched."""

    text: str
    cosine: float | None
    lexical: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is kept of candidate `index`: exact spans of its text, and these joined by GAP."""

    index: int
    spans: tuple[Span, ...]
    text: str


def bears_on(candidate: Candidate, question: str, config: PassageConfig) -> bool:
    """Whether one hit is about the question: by its cosine, or by enough shared words."""
    if candidate.cosine is not None and candidate.cosine >= config.min_cosine:
        return True
    if not candidate.lexical:
        return False
    asked = set(words(question))
    shared = asked & set(words(candidate.text))
    return bool(shared) and len(shared) >= config.min_word_share * len(asked)


def choose(
    candidates: Sequence[Candidate],
    question: str,
    config: PassageConfig | None = None,
    count_tokens: Callable[[str], int] = estimate_tokens,
) -> tuple[Chosen, ...]:
    """The passages for a prompt, in the candidates' order (best first).

    A candidate that does not bear on the question is left out, as is one whose
    text was chosen already. One that does not fit its share of the budget is cut
    to the sentences nearest to the question, in document order. Empty when
    nothing bears on it.
    """
    config = config or PassageConfig()
    fit = [
        (index, candidate.text)
        for index, candidate in enumerate(candidates)
        if bears_on(candidate, question, config)
    ]
    weights = rarity(text[start:end] for _, text in fit for start, end in sentence_spans(text))
    asked = {word: weights.get(word, 0.0) for word in words(question)}
    chosen: list[Chosen] = []
    left_tokens = config.budget_tokens
    carried = 0.0
    for index, text in fit:
        if len(chosen) == len(config.shares) or left_tokens <= 0:
            break
        if any(text in kept.text for kept in chosen):
            continue
        carried += config.shares[len(chosen)] * config.budget_tokens
        cap = min(left_tokens, int(carried))
        spans = select_sentences(text, asked, cap, config.neighbour_weight, count_tokens)
        if not spans:
            continue
        kept = Chosen(index, spans, GAP.join(text[start:end] for start, end in spans))
        cost = count_tokens(kept.text)
        left_tokens -= cost
        carried -= cost
        chosen.append(kept)
    return tuple(chosen)


def select_sentences(
    text: str,
    asked: Mapping[str, float],
    cap_tokens: int,
    neighbour_weight: float,
    count_tokens: Callable[[str], int],
) -> tuple[Span, ...]:
    """The spans of `text` to keep within `cap_tokens`, in order; neighbours are joined.

    A sentence is worth the weights of the asked words it holds, and a share of
    what its neighbours are worth. With no asked word in it, a text is kept from
    its beginning. At least one sentence is kept where the cap allows any.
    """
    sentences = sentence_spans(text)
    if not sentences or cap_tokens <= 0:
        return ()
    if count_tokens(text) <= cap_tokens:
        return ((sentences[0][0], sentences[-1][1]),)
    own = [
        sum(asked.get(word, 0.0) for word in set(words(text[start:end])))
        for start, end in sentences
    ]
    around = [max(own[max(0, at - 1) : at + 2]) for at in range(len(own))]
    value = [one + neighbour_weight * other for one, other in zip(own, around, strict=True)]
    order = sorted(range(len(sentences)), key=lambda at: (-value[at], at))
    taken: set[int] = set()
    left = cap_tokens
    for at in order:
        cost = count_tokens(text[slice(*sentences[at])]) + 1
        if cost <= left:
            taken.add(at)
            left -= cost
    if not taken:
        start, end = sentences[order[0]]
        return (_cut_to(text, start, end, cap_tokens, count_tokens),)
    return _joined(sentences, sorted(taken))


def _joined(sentences: Sequence[Span], taken: Sequence[int]) -> tuple[Span, ...]:
    runs: list[Span] = []
    last = -2
    for at in taken:
        start, end = sentences[at]
        if at == last + 1:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
        last = at
    return tuple(runs)


def _cut_to(
    text: str, start: int, end: int, cap_tokens: int, count_tokens: Callable[[str], int]
) -> Span:
    """The beginning of a span that fits the cap, cut at a space where there is one."""
    while end - start > 1 and count_tokens(text[start:end]) > cap_tokens:
        shorter = start + (end - start) * 3 // 4
        end = max(text.rfind(" ", start + 1, shorter), 0) or shorter
    return (start, end)
