"""Reads the passages that a search found sentence by sentence, and weighs them together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from core.chat.evidence import Read
from core.chat.words import Span, sentence_spans
from core.index.embedder import Floats, Question
from core.index.search import Results

PASSAGES_READ = 5  # with the sixth and seventh the right one is hardly more often among them
SENTENCES_READ = 80  # together: a bound on the time it takes


class Compares(Protocol):
    """An embedding model."""

    def question(self, text: str) -> Question:
        """The vectors of a question."""
        ...

    def compare(self, texts: Sequence[str], question: Question) -> tuple[Floats, Floats]:
        """Unit vectors of passages, and their agreement with a question."""
        ...


def read_results(
    results: Results, question: str, embedder: Compares | None
) -> tuple[tuple[int, ...], tuple[Read, ...]]:
    """The first hits whose text is there, by number, and what is known of their sentences.

    All sentences are embedded in one go; with `embedder` None they are known by words alone.
    """
    shown, spans = _within(results.passages)
    texts = [results.passages[at] or "" for at in shown]
    if embedder is None or not any(spans):
        return shown, tuple(Read(text, spans=own) for text, own in zip(texts, spans, strict=True))
    parts = [text[slice(*span)] for text, own in zip(texts, spans, strict=True) for span in own]
    cosines, agreements = _compare(parts, embedder, question)
    reads, at = [], 0
    for hit, text, own in zip(shown, texts, spans, strict=True):
        end = at + len(own)
        reads.append(
            Read(
                text,
                results.cosines[hit],
                results.agreements[hit] if results.agreements else None,
                own,
                tuple(cosines[at:end]),
                tuple(agreements[at:end]),
            )
        )
        at = end
    return shown, tuple(reads)


def _within(passages: Sequence[str | None]) -> tuple[tuple[int, ...], list[tuple[Span, ...]]]:
    """The first passages that are there, as far as their sentences are not too many."""
    shown: list[int] = []
    spans: list[tuple[Span, ...]] = []
    left = SENTENCES_READ
    for at, text in enumerate(passages):
        if not text or len(shown) == PASSAGES_READ:
            continue
        own = tuple(sentence_spans(text))
        if shown and len(own) > left:
            break
        left -= len(own)
        shown.append(at)
        spans.append(own)
    return tuple(shown), spans


def _compare(
    texts: Sequence[str], embedder: Compares, question: str
) -> tuple[list[float], list[float]]:
    """Cosine and agreement of each text; those of like length together, to pad little."""
    asked = embedder.question(question)
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    vectors, agreement = embedder.compare([texts[at] for at in order], asked)
    near = vectors @ asked.vector
    cosines, agreements = [0.0] * len(texts), [0.0] * len(texts)
    for place, at in enumerate(order):
        cosines[at] = float(near[place])
        # A network that hides its tokens' vectors has no agreement; cosines are much like it.
        agreements[at] = float(near[place] if np.isnan(agreement[place]) else agreement[place])
    return cosines, agreements
