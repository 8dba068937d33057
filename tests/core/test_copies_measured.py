"""How often folding is right, on made-up documents of which it is known what belongs together."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from prose import Made, Prose, library

from core.index.copies import Passage, copy_kind, words_of
from core.index.snippet import make_snippet
from core.store.families import ALIKE
from core.text.chunk import Chunker
from core.text.sketch import likeness, sketch


@dataclass(frozen=True)
class Counts:
    """Pairs of passages: folded, of these wrongly; that should be folded, of these folded."""

    folded: int
    wrong: list[str]
    same: int
    found: int


def passages(made: Made, number: int, family: int | None, chunker: Chunker) -> list[Passage]:
    """A document's chunks as search would show them for words out of their middle."""
    spans = list(chunker.spans(made.text))
    texts = [made.text[start:end] for start, end in spans]
    last = spans[-1][1]
    found = []
    for at, (text, (start, end)) in enumerate(zip(texts, spans, strict=True)):
        query = " ".join(text.split()[len(text.split()) // 2 :][:4])
        beside = ("".join(texts[max(0, at - 1) : at]), "".join(texts[at + 1 : at + 2]))
        found.append(
            Passage(
                number, family, text, make_snippet(text, query).text, start / last, end / last,
                lambda beside=beside: beside,
            )
        )  # fmt: skip
    return found


def contains(text: str, part: str) -> bool:
    """Whether a text holds the words of another in a row."""
    return f" {' '.join(words_of(part))} ".lower() in f" {' '.join(words_of(text))} ".lower()


def measured(documents: list[Made], chunker: Chunker, others: int) -> Counts:
    """Compare the documents of a group, those that only look alike, and some at random."""
    sketches = [sketch(made.text) for made in documents]
    kinds = [made.name.partition("-")[0].rstrip("0123456789.tx") for made in documents]
    chosen = Prose(1).random
    folded = same = found = 0
    wrong: list[str] = []
    for one, two in itertools.permutations(range(len(documents)), 2):
        better, lower = documents[one], documents[two]
        related = better.group == lower.group
        alike = kinds[one] == kinds[two] and kinds[one] in ("invoice", "form", "letter")
        if not related and chosen.random() > (0.3 if alike else others / len(documents) ** 2):
            continue
        family = None
        if sketches[one] and sketches[two]:
            other = np.frombuffer(sketches[two], dtype=np.uint8).reshape(1, -1)
            family = 1 if likeness(sketches[one], other)[0] >= ALIKE else None
        candidates = passages(better, one, family, chunker)
        for passage in passages(lower, two, family, chunker):
            kept = max(candidates, key=lambda kept: len(kept.runs & passage.runs))
            shared = len(kept.runs & passage.runs)
            if not shared:
                continue
            kind = copy_kind(kept, passage)
            folded += kind is not None
            # Hidden is what neither stands in the better file nor holds what is shown of it.
            whole = contains(better.text, passage.text) or contains(lower.text, kept.text)
            if kind is not None and not related and not whole:
                wrong.append(f"{better.name} <- {lower.name}: {passage.text}")
            if related and contains(better.text, passage.text) and len(passage.words) >= 20:
                if shared < 0.5 * len(passage.runs):
                    continue
                same += 1
                found += kind is not None
    return Counts(folded, wrong, same, found)


@pytest.fixture(scope="module")
def chunker(models: Path) -> Chunker:
    return Chunker(str(models / "embedding" / "all-minilm-l6-v2" / "tokenizer.json"))


def test_a_few_documents_are_folded_rightly(chunker: Chunker) -> None:
    counts = measured(library(1, 60), chunker, 200)
    assert counts.wrong == []
    assert counts.found >= 0.9 * counts.same > 30


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_a_few_hundred_documents_are_folded_rightly(chunker: Chunker, seed: int) -> None:
    counts = measured(library(seed, 400), chunker, 4000)
    print(len(counts.wrong), "of", counts.folded, "wrong;", counts.found, "of", counts.same)
    assert counts.wrong == []
    assert counts.same > 400
    assert counts.found >= 0.93 * counts.same
