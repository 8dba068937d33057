"""Fit the weights that say which sentence answers a question, and whether any does.

    python benchmarks/fit_evidence.py [--questions N] [--keep FOLDER]

Writes resources/evidence.json. Two kinds of questions are learnt from: those of
retrieval/wiki_qa whose passage no question of grounded_qa.jsonl is about, of which only the
right passage is known, among 200 passages or among all that are taken; and every second
question of grounded_qa.jsonl (the development half), whose answers are known. Each is asked
with its passage and with that taken away. The other half of grounded_qa.jsonl takes no part,
but for one line of figures at the end.
"""

from __future__ import annotations

import argparse
import math
import pickle
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from common import data_folder, read_jsonl, read_qrels
from numpy.typing import NDArray

from core.chat.evidence import (
    DOUBTS,
    EVIDENCE_PATH,
    FEATURES,
    EvidenceModel,
    Fitted,
    Read,
    Weights,
    describe,
    doubts,
)
from core.chat.words import rarity, sentence_spans, words
from core.home import find_home
from core.index.embedder import Embedder
from core.index.models import STARTER, embedding_folder

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

READ = 5  # passages whose sentences are weighed
PASSAGES = 900
WRONGLY_REFUSED = 0.07  # of the answerable questions learnt from, at the threshold
WEAK = 0.1  # what a question counts whose answer is not known, only its passage
BY_WORDS = (
    "words", "words_with_before", "kind_there", "passage_words", "new_words", "strong_words"
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A question with the passages found for it; `right` is the number of the right one."""

    question: str
    reads: tuple[Read, ...]
    right: int | None
    answers: tuple[str, ...] = ()
    held_out: bool = False

    def without(self) -> Case:
        """The same with the right passage taken away."""
        left = tuple(read for at, read in enumerate(self.reads) if at != self.right)
        return replace(self, reads=left[:READ], right=None)

    def first(self) -> Case:
        """As it is asked: of what was found the best few."""
        right = self.right if self.right is not None and self.right < READ else None
        return replace(self, reads=self.reads[:READ], right=right)


def main() -> int:
    """Gather, fit, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=600, help="of wiki_qa")
    parser.add_argument("--keep", type=Path, help="what was gathered is kept in this file")
    options = parser.parse_args()
    if options.keep and options.keep.exists():
        cases = pickle.loads(options.keep.read_bytes())
    else:
        cases = gather(options.questions)
        if options.keep:
            options.keep.write_bytes(pickle.dumps(cases))
    learnt = [case for case in cases if not case.held_out]
    measured: dict[str, float] = {}
    fitted = {}
    for name, features in (("with_meaning", FEATURES + DOUBTS), ("by_words", BY_WORDS)):
        fitted[name] = fit(learnt, features)
        for half, part in (("development", learnt), ("held_out", cases)):
            chosen = [c for c in part if c.answers and c.held_out == (half == "held_out")]
            figures = measure(chosen, fitted[name])
            measured |= {f"{name}_{half}_{what}": value for what, value in figures.items()}
    model = EvidenceModel(
        fitted["with_meaning"],
        fitted["by_words"],
        STARTER,
        "python benchmarks/fit_evidence.py",
        measured,
    )
    EVIDENCE_PATH.write_bytes(msgspec.json.format(msgspec.json.encode(model), indent=1) + b"\n")
    for what, value in measured.items():
        print(f"  {what:<44} {value:.3f}")
    return 0


def gather(count: int) -> list[Case]:
    """Questions with what is found for them, by an exact search for words and meaning."""
    source = data_folder("retrieval", "wiki_qa")
    graded = read_jsonl(data_folder() / "grounded_qa.jsonl")
    texts = {d["id"]: d["text"].strip() for d in read_jsonl(source / "corpus.jsonl")}
    known = {item["passage"].strip() for item in graded}
    right = {q: next(iter(judged)) for q, judged in read_qrels(source / "qrels.tsv").items()}
    asked = [q for q in read_jsonl(source / "queries.jsonl") if texts[right[q["id"]]] not in known]
    rng = random.Random(7)
    rng.shuffle(asked)
    taken = dict.fromkeys(right[q["id"]] for q in asked[:count])
    others = [name for name, text in texts.items() if name not in taken and text not in known]
    pool = [*taken, *rng.sample(others, max(0, PASSAGES - len(taken)))]
    home = find_home(None, {})
    embedder = Embedder(embedding_folder(home.models, STARTER), 2)
    found: list[Case] = []
    corpus = Corpus([texts[name] for name in pool], embedder)
    for number, query in enumerate(asked[:count]):
        place = pool.index(right[query["id"]])
        among = rng.sample(range(len(pool)), 200) if number % 2 else range(len(pool))
        found.append(corpus.case(query["text"], place, {*among, place}))
    own = Corpus([item["passage"] for item in graded], embedder)
    for number, item in enumerate(graded):
        case = own.case(item["question"], number, set(range(len(graded))))
        found.append(replace(case, answers=tuple(item["answers"]), held_out=number % 2 == 1))
    return found


class Corpus:
    """Passages, embedded once."""

    def __init__(self, texts: Sequence[str], embedder: Embedder) -> None:
        self._texts, self._embedder = texts, embedder
        self._vectors = embedder.embed(texts)
        self._words = [set(words(text)) for text in texts]
        self._rarity = rarity(texts)

    def case(self, question: str, right: int, among: set[int]) -> Case:
        """What is found for a question among some of the passages."""
        asked = self._embedder.question(question)
        cosines = self._vectors @ asked.vector
        weights = {word: self._rarity.get(word, 0.0) for word in words(question)}
        shared = [sum(weights[w] for w in weights.keys() & held) for held in self._words]
        score = dict.fromkeys(among, 0.0)
        for values in (cosines, shared):
            order = sorted(among, key=lambda at, by=values: -by[at])  # type: ignore[misc]
            for rank, at in enumerate(order, start=1):
                score[at] += 1 / (60 + rank)
        best = sorted(among, key=lambda at: -score[at])[: READ + 1]
        reads = tuple(self._read(at, asked, float(cosines[at])) for at in best)
        return Case(question, reads, best.index(right) if right in best else None)

    def _read(self, at: int, asked: Any, cosine: float) -> Read:
        text = self._texts[at]
        spans = tuple(sentence_spans(text))
        vectors, agreement = self._embedder.compare([text, *(text[a:b] for a, b in spans)], asked)
        near = (vectors @ asked.vector).tolist()
        own = agreement.tolist()
        return Read(text, cosine, own[0], spans, tuple(near[1:]), tuple(own[1:]))


def fit(cases: Sequence[Case], features: Sequence[str]) -> Fitted:
    """Weights of sentences, then of the doubt, of those features that are named."""
    names = [name for name in FEATURES if name in features]
    sets = []
    for case in (case.first() for case in cases):
        rows = describe(case.question, case.reads)
        wanted = np.array([holds(case, passage, span) for passage, span, _ in rows], dtype=bool)
        if wanted.any():
            table = np.array([[values[name] for name in names] for _, _, values in rows])
            sets.append((table, wanted, 1.0 if case.answers else WEAK))
    sentence = Weights(dict(zip(names, map(float, fit_choice(sets)), strict=True)))
    names = [name for name in DOUBTS if name in features]
    there, gone = [], []
    for case in cases:
        whole = judge(case.first(), sentence)
        if whole is not None and whole[1]:
            there.append([whole[0][name] for name in names])
        left = judge(case.without(), sentence)
        if left is not None:
            gone.append([left[0][name] for name in names])
    weights, constant = fit_odds(np.array(there), np.array(gone))
    doubt = Weights(dict(zip(names, map(float, weights), strict=True)), constant)
    odds = sorted(1 / (1 + math.exp(-(constant + float(np.dot(weights, row))))) for row in there)
    return Fitted(sentence, doubt, odds[int(WRONGLY_REFUSED * len(odds))])


def holds(case: Case, passage: int, span: tuple[int, int]) -> bool:
    """Whether a sentence answers, as far as is known: it is in the right passage, and has a
    gold answer where one is known.
    """
    if passage != case.right:
        return False
    text = case.reads[passage].text[slice(*span)].casefold()
    return not case.answers or any(answer.casefold() in text for answer in case.answers)


def judge(case: Case, sentence: Weights) -> tuple[dict[str, float], bool, int] | None:
    """What is known of the best sentence, whether it is in the right passage, and its number."""
    rows = describe(case.question, case.reads)
    if not rows:
        return None
    best = max(range(len(rows)), key=lambda at: sentence.score(rows[at][2]))
    known = doubts(case.question, case.reads, rows, best)
    return known, rows[best][0] == case.right, best


def fit_choice(sets: Sequence[tuple[Floats, Flags, float]], l2: float = 10.0) -> Floats:
    """Weights with which the wanted rows of each table are most likely chosen (softmax)."""
    everything = np.concatenate([table for table, _, _ in sets])
    scale = everything.std(axis=0) + 1e-9
    rows = everything / scale
    wanted = np.concatenate([flags for _, flags, _ in sets])
    group = np.repeat(np.arange(len(sets)), [len(table) for table, _, _ in sets])
    weight = np.array([counts for _, _, counts in sets])
    found, mean, square = (np.zeros(rows.shape[1]) for _ in range(3))
    for step in range(1, 1501):  # Adam: Kingma and Ba, ICLR 2015
        scores = rows @ found
        highest = np.full(len(sets), -np.inf)
        np.maximum.at(highest, group, scores)
        odds = np.exp(scores - highest[group])
        whole = np.bincount(group, odds)[group]
        part = np.maximum(np.bincount(group, odds * wanted), 1e-12)[group]
        slope = rows.T @ ((odds / whole - odds * wanted / part) * weight[group]) + l2 * found
        mean = 0.9 * mean + 0.1 * slope
        square = 0.999 * square + 0.001 * slope**2
        found -= 0.05 * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return np.asarray(found / scale)


def fit_odds(there: Floats, gone: Floats, l2: float = 3.0) -> tuple[Floats, float]:
    """Weights and constant of a logistic regression, by Newton's method."""
    rows = np.concatenate([there, gone])
    wanted = np.concatenate([np.ones(len(there)), np.zeros(len(gone))])
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    rows = np.column_stack([(rows - mean) / scale, np.ones(len(rows))])
    held = np.eye(rows.shape[1]) * l2
    held[-1, -1] = 0
    found = np.zeros(rows.shape[1])
    for _ in range(40):
        odds = 1 / (1 + np.exp(-rows @ found))
        bend = (rows * (odds * (1 - odds))[:, None]).T @ rows + held
        found -= np.linalg.solve(bend, rows.T @ (odds - wanted) + held @ found)
    weights = found[:-1] / scale
    return weights, float(found[-1] - weights @ mean)


def measure(cases: Sequence[Case], fitted: Fitted) -> dict[str, float]:
    """How often the best sentence has the answer, and how well it is known when there is none."""

    def odds(known: dict[str, float]) -> float:
        return 1 / (1 + math.exp(-fitted.doubt.score(known)))

    hits, given, right, refused = [], [], [], []
    for case in cases:
        whole = judge(case.first(), fitted.sentence)
        assert whole is not None
        known, in_right, best = whole
        passage, span, _ = describe(case.question, case.first().reads)[best]
        text = case.reads[passage].text[slice(*span)].casefold()
        hits.append(any(answer.casefold() in text for answer in case.answers))
        given.append(odds(known) >= fitted.least_odds)
        right.append(in_right)
        left = judge(case.without(), fitted.sentence)
        refused.append(left is None or odds(left[0]) < fitted.least_odds)
    accepted = [r for r, g in zip(right, given, strict=True) if g]
    gave_up = len(given) - sum(given)
    return {
        "sentence_has_answer": float(np.mean(hits)),
        "right_passage_if_given": float(np.mean(accepted)),
        "refusal_recall": float(np.mean(refused)),
        "refusal_precision": sum(refused) / max(1, sum(refused) + gave_up),
        "wrongly_refused": gave_up / len(given),
    }


if __name__ == "__main__":
    sys.exit(main())
