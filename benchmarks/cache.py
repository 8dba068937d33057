"""How surely the answer cache tells a question asked in other words from another question.

    .venv/bin/python benchmarks/cache.py [--json]     measure
    .venv/bin/python benchmarks/cache.py --fit        fit the thresholds of core/chat/alike.py

Measured on paraphrases of questions of grounded_qa that were written by hand (paraphrases.jsonl)
and, as what must be told apart, all other questions about the same passages. A question about
the same passage that asks for the same counts against the cache too when it is not among the
paraphrases. Fitted on other passages of wiki_qa, with rewordings made by rule.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import os

from benchmarks.common import data_folder, read_jsonl, read_qrels
from core.chat.alike import LEAST, MIXED, Asked, Kind, least_cosine, read
from core.home import find_home
from core.index.embedder import Embedder, Floats
from core.index.models import embedding_folder

PARAPHRASES = Path(__file__).with_name("paraphrases.jsonl")
Embed = Callable[[Sequence[str]], Floats]
WANTED_PRECISION = 0.97
PASSAGES_FITTED = 330
LOWEST, HIGHEST = 0.86, 0.97  # thresholds looked at
_WORDS = {
    "located": "situated", "built": "constructed", "began": "started", "begin": "start",
    "founded": "established", "biggest": "largest", "largest": "biggest", "purchased": "bought",
    "kind": "type", "type": "kind", "called": "named", "created": "made", "main": "primary",
    "used": "employed", "happened": "took place", "people": "persons", "amount": "quantity",
    "near": "close to", "wrote": "authored", "found": "discovered", "help": "assist",
    "important": "significant", "common": "usual", "many": "numerous", "before": "prior to",
    "caused": "led to", "known": "recognized", "big": "large", "show": "display",
    "get": "receive", "need": "require", "shown": "displayed", "during": "in the course of",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pair:
    """Two questions, and whether they ask for the same."""

    one: str
    other: str
    same: bool


@dataclass(frozen=True, slots=True)
class Scored:
    """A pair as the cache sees it: its cosine, and what it has to be (None: never the same)."""

    pair: Pair
    cosine: float
    least: float | None
    kind: Kind | None

    @property
    def accepted(self) -> bool:
        """Whether the cache would take the two for the same."""
        return self.least is not None and self.cosine >= self.least

    @property
    def margin(self) -> float:
        """How far above what it has to be."""
        return -1.0 if self.least is None else self.cosine - self.least


def passages_of_questions() -> dict[str, list[str]]:
    """The questions of wiki_qa by the passage they were asked about, each text once."""
    texts = {
        row["id"]: row["text"]
        for row in read_jsonl(data_folder("retrieval", "wiki_qa", "queries.jsonl"))
    }
    found: dict[str, list[str]] = defaultdict(list)
    for query, judged in read_qrels(data_folder("retrieval", "wiki_qa", "qrels.tsv")).items():
        for passage in judged:
            if texts[query] not in found[passage]:
                found[passage].append(texts[query])
    return found


def measured_pairs() -> list[Pair]:
    """Paraphrases by hand, and other questions about the passages of grounded_qa."""
    asked = {row["id"]: row["question"] for row in read_jsonl(data_folder("grounded_qa.jsonl"))}
    pairs = [Pair(asked[row["id"]], row["text"], True) for row in read_jsonl(PARAPHRASES)]
    wanted = set(asked.values())
    for questions in passages_of_questions().values():
        for one in questions:
            if one in wanted:
                pairs += [
                    Pair(one, other, False)
                    for other in questions
                    if read(other).normal != read(one).normal
                ]
    return pairs


def fitting_pairs() -> list[Pair]:
    """Rewordings by rule, and other questions, of passages that are not in grounded_qa."""
    held_out = {row["question"] for row in read_jsonl(data_folder("grounded_qa.jsonl"))}
    chance = random.Random(7)
    pairs: list[Pair] = []
    passages = [q for q in passages_of_questions().values() if not held_out & set(q)]
    for questions in chance.sample(passages, PASSAGES_FITTED):
        pairs += [Pair(one, made, True) for one in questions if (made := reworded(one, chance))]
        pairs += [
            Pair(one, other, False)
            for at, one in enumerate(questions)
            for other in questions[:at]
            if read(one).normal != read(other).normal
        ]
    return pairs


def reworded(question: str, chance: random.Random) -> str | None:
    """The question in other words by rule; None where no rule fits."""
    text = question.strip()
    words = [_WORDS.get(word, word) if chance.random() < 0.7 else word for word in text.split(" ")]
    made = " ".join(words)
    made = re.sub(r"^What (\w+) (is|are|was|were|did|does|do)\b", r"Which \1 \2", made)
    first = re.match(r"^(In \d{4}|In the \w+ century),? (.)(.*?)\??$", made)
    last = re.match(r"^(\w)(.*) (in \d{4})\?$", made)
    if first:
        made = f"{first[2].upper()}{first[3]} {first[1][0].lower()}{first[1][1:]}?"
    elif last:
        made = f"{last[3].capitalize()}, {last[1].lower()}{last[2]}?"
    was = re.match(r"^(When|Where) (was|were) (.+) (\w+ed|built|born|held|found|made)\?$", made)
    if was:
        made = f"{was[3][0].upper()}{was[3][1:]} {was[2]} {was[4]} {was[1].lower()}?"
    made = re.sub(r"^(What|Which) year (did|was|were)", r"When \2", made)
    made = re.sub(r"^What is the name of (.+)\?$", r"What is \1 called?", made)
    made = re.sub(r"^Who (\w+ed|wrote|made|built) (.+)\?$", r"By whom was \2 \1?", made)
    return None if read(made).normal == read(question).normal else made


def score(pairs: Sequence[Pair], embed: Embed) -> list[Scored]:
    """Every pair as the cache sees it."""
    texts = list(dict.fromkeys(text for pair in pairs for text in (pair.one, pair.other)))
    vectors = dict(zip(texts, embed(texts), strict=True))
    asked = {text: read(text) for text in texts}
    return [
        Scored(
            pair,
            float(vectors[pair.one] @ vectors[pair.other]),
            least_cosine(asked[pair.one], asked[pair.other]),
            _kind(asked[pair.one], asked[pair.other]),
        )
        for pair in pairs
    ]


def _kind(one: Asked, other: Asked) -> Kind | None:
    return one.kind if one.kind == other.kind else None


def precision_at_recall(scored: Sequence[Scored], recall: float) -> float:
    """Precision of the surest pairs that hold this share of the same ones."""
    ranked = sorted(scored, key=lambda one: -one.margin)
    wanted = recall * sum(one.pair.same for one in scored)
    hits = 0
    for count, one in enumerate(ranked, start=1):
        hits += one.pair.same
        if hits >= wanted:
            return hits / count
    return 0.0


def figures(scored: Sequence[Scored]) -> dict[str, float]:
    """Precision and recall as the cache decides, and precision at recall 0.5."""
    accepted = [one for one in scored if one.accepted]
    right = sum(one.pair.same for one in accepted)
    return {
        "pairs_same": sum(one.pair.same for one in scored),
        "pairs_different": sum(not one.pair.same for one in scored),
        "precision": round(right / len(accepted), 3) if accepted else 0.0,
        "recall": round(right / max(1, sum(one.pair.same for one in scored)), 3),
        "precision_at_recall_0.5": round(precision_at_recall(scored, 0.5), 3),
    }


def cache_precision(embed: Embed) -> float:
    """Precision on paraphrases at recall 0.5, for benchmarks/answers.py."""
    return figures(score(measured_pairs(), embed))["precision_at_recall_0.5"]


def fit(scored: Sequence[Scored]) -> None:
    """Print the lowest threshold of each kind that is as precise as wanted."""
    for kind in (*LEAST, None):
        part = [one for one in scored if one.kind == kind and one.least is not None]
        chosen = HIGHEST
        for step in np.arange(HIGHEST, LOWEST - 1e-6, -0.005):
            taken = [one.pair.same for one in part if one.cosine >= step]
            # One wrong pair more than were seen: few pairs prove little.
            if taken and (sum(taken)) / (len(taken) + 1) < WANTED_PRECISION and len(taken) > 30:
                break
            chosen = float(step)
        same = [one.cosine >= chosen for one in part if one.pair.same]
        wrong = sum(one.cosine >= chosen for one in part if not one.pair.same)
        print(f"{kind or 'mixed':<10} {chosen:.3f}  same {sum(same)} of {len(same)}, wrong {wrong}")


def open_embedder() -> Embedder:
    """The starter's embedding model."""
    models = find_home(None, os.environ).models
    return Embedder(embedding_folder(models, "all-minilm-l6-v2"), 2)


def main() -> None:
    """Measure or fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--show", action="store_true", help="list the pairs that it gets wrong")
    options = parser.parse_args()
    embed = open_embedder().embed
    if options.fit:
        fit(score(fitting_pairs(), embed))
        return
    scored = score(measured_pairs(), embed)
    body = figures(scored)
    if options.json:
        print(json.dumps(body))
        return
    for name, value in body.items():
        print(f"{name:<26} {value}")
    print(f"thresholds: {LEAST}, of two kinds {MIXED}")
    if options.show:
        for one in scored:
            if one.accepted != one.pair.same:
                print(f"{one.cosine:.3f} {one.least} {one.pair}")


if __name__ == "__main__":
    main()
