"""How likely each sentence of the passages found answers a question. Pure.

A sentence is weighed by what is known of it and of its passage (`FEATURES`); how likely it is
that any of them answers, by what is known of the best (`DOUBTS`). The weights are fitted by
benchmarks/fit_evidence.py and stand in resources/evidence.json.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from core.chat.expected import candidates, kind_of
from core.chat.words import Span, rarity, sentence_spans, words

EVIDENCE_PATH = Path(__file__).resolve().parents[2] / "resources" / "evidence.json"

FEATURES = (
    "cosine",
    "agreement",
    "words",
    "words_with_before",
    "kind_there",
    "passage_cosine",
    "passage_agreement",
    "passage_words",
    "new_words",
)
DOUBTS = (
    "cosine",
    "agreement",
    "words",
    "passage_agreement",
    "passage_words",
    "strong_words",
)


class Weights(msgspec.Struct, frozen=True):
    """A linear score: one weight a feature, by name, and a constant."""

    by_name: dict[str, float]
    constant: float = 0.0

    def score(self, values: Mapping[str, float]) -> float:
        """The score of named values; those without a weight do not count."""
        found = self.by_name
        return self.constant + sum(found.get(name, 0.0) * value for name, value in values.items())


class Fitted(msgspec.Struct, frozen=True):
    """Weights of sentences, and of the doubt whether any answers; `least_odds` is how likely an
    answer has to be for it to be given.
    """

    sentence: Weights
    doubt: Weights
    least_odds: float


class EvidenceModel(msgspec.Struct, frozen=True):
    """The fitted weights, with embeddings and by words alone, and how they were made."""

    with_meaning: Fitted
    by_words: Fitted
    embedding_model: str
    made_by: str
    measured: dict[str, float]


@dataclass(frozen=True, slots=True)
class Read:
    """A passage that was found, with its cosine and agreement with the question (None where
    there is no embedding), and the same of each of its sentences, in order.
    """

    text: str
    cosine: float | None = None
    agreement: float | None = None
    spans: tuple[Span, ...] = ()
    cosines: tuple[float, ...] = ()
    agreements: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of passage `passage` (from 0), and its score: higher answers more likely."""

    passage: int
    span: Span
    score: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Sentences of the passages in their order, and how likely one of them answers (0 to 1)."""

    sentences: tuple[Sentence, ...]
    odds: float
    enough: bool

    @property
    def best(self) -> Sentence | None:
        """The sentence that answers most likely."""
        return max(self.sentences, key=lambda one: one.score, default=None)


def load_evidence(path: Path = EVIDENCE_PATH) -> EvidenceModel:
    """The weights that ship with Satchel."""
    return msgspec.json.decode(path.read_bytes(), type=EvidenceModel)


def weigh(
    question: str,
    passages: Sequence[Read],
    model: EvidenceModel,
    about_cosine: float | None = None,
) -> Evidence:
    """The sentences of the passages, weighed; by words alone where there are no embeddings.

    `about_cosine` is given for embeddings that the model was not fitted to: then a passage
    that is nearer to the question, or one with enough of its words, is evidence enough.
    """
    fitted = model.with_meaning if any(read.cosines for read in passages) else model.by_words
    rows = describe(question, passages)
    if not rows:
        return Evidence((), 0.0, enough=False)
    scores = [fitted.sentence.score(values) for _, _, values in rows]
    best = max(range(len(rows)), key=scores.__getitem__)
    if about_cosine is not None:
        fitted = model.by_words
    odds = _sigmoid(fitted.doubt.score(doubts(question, passages, rows, best)))
    near = about_cosine is not None and rows[best][2]["passage_cosine"] >= about_cosine
    sentences = tuple(
        Sentence(passage, span, score)
        for (passage, span, _), score in zip(rows, scores, strict=True)
    )
    return Evidence(sentences, odds, near or odds >= fitted.least_odds)


def together(evidence: Evidence, other: Evidence) -> Evidence:
    """The same sentences weighed by two questions; whether they answer is said by the first."""
    sentences = tuple(
        replace(one, score=one.score + more.score)
        for one, more in zip(evidence.sentences, other.sentences, strict=True)
    )
    return replace(evidence, sentences=sentences)


Row = tuple[int, Span, dict[str, float]]


def describe(question: str, passages: Sequence[Read]) -> list[Row]:
    """Passage, span and features of each sentence."""
    kind = kind_of(question)
    weights = _word_weights(passages)
    asked = {
        word: weights.get(word, max(weights.values(), default=1.0)) for word in words(question)
    }
    rows: list[Row] = []
    for number, read in enumerate(passages):
        spans = read.spans or tuple(sentence_spans(read.text))
        held = [set(words(read.text[slice(*span)])) for span in spans]
        everything = set().union(*held) if held else set()
        shared = {
            "passage_cosine": read.cosine or 0.0,
            "passage_agreement": _agreement(read),
            "passage_words": _share(asked, everything),
        }
        for at, span in enumerate(spans):
            text = read.text[slice(*span)]
            before = held[at - 1] if at else set()
            values = {
                "cosine": read.cosines[at] if read.cosines else 0.0,
                "agreement": read.agreements[at] if read.agreements else 0.0,
                "words": _share(asked, held[at]),
                "words_with_before": _share(asked, held[at] | before),
                "kind_there": float(bool(candidates(kind, text, question))),
                "new_words": min(3, len(held[at] - asked.keys())) / 3,
            }
            rows.append((number, span, values | shared))
    return rows


def doubts(
    question: str, passages: Sequence[Read], rows: Sequence[Row], best: int
) -> dict[str, float]:
    """What is known of the passage of the best sentence, as far as it tells whether it answers.

    Nothing compares it with other passages: what stands in two files is no less true.
    """
    passage, _, values = rows[best]
    beside = [row[2] for row in rows if row[0] == passage]
    strong = strong_words(question)
    held = set(words(passages[passage].text))
    return {
        "cosine": max(row["cosine"] for row in beside),
        "agreement": max(row["agreement"] for row in beside),
        "words": max(row["words_with_before"] for row in beside),
        "passage_agreement": values["passage_agreement"],
        "passage_words": values["passage_words"],
        "strong_words": sum(word in held for word in strong) / len(strong) if strong else 1.0,
    }


def strong_words(question: str) -> list[str]:
    """Names and numbers of a question: what its answer's passage has to be about."""
    found: list[str] = []
    for at, word in enumerate(question.split()):
        bare = word.strip("\"“”'’‘.,;:?!()[]")
        if bare and (bare[0].isdigit() or (at and bare[0].isupper())):
            found += words(bare)
    return found


def _word_weights(passages: Sequence[Read]) -> Mapping[str, float]:
    return rarity(
        read.text[start:end] for read in passages for start, end in sentence_spans(read.text)
    )


def _agreement(read: Read) -> float:
    if read.agreement is not None and not math.isnan(read.agreement):
        return read.agreement
    return max(read.agreements, default=0.0)


def _share(asked: Mapping[str, float], held: set[str]) -> float:
    total = sum(asked.values())
    return sum(weight for word, weight in asked.items() if word in held) / total if total else 0.0


def _sigmoid(score: float) -> float:
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, score))))
