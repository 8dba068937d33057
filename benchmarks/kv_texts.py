"""What the benchmark of keys and values reads: long texts, and conversations made of real ones."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common import data_folder, read_jsonl

# The longest articles of the collection, their passages in their order. Each has more tokens than
# the starter model was trained for at once.
ARTICLES = (
    "Istanbul",
    "Colonial history of the United States",
    "Ice hockey",
    "Atlantic slave trade",
    "Manhattan",
)
LEAST_CHARACTERS = 38_000  # of a text, for more than 8,192 tokens


@dataclass(frozen=True, slots=True)
class Turn:
    """What a person said and what was answered."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about an earlier turn, and what a right answer holds."""

    turn: int  # which turn said it, from 0
    question: str
    fact: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """An old conversation and what is asked at its end."""

    turns: tuple[Turn, ...]
    asked: tuple[Asked, ...]


def long_texts(folder: Path | None, count: int) -> list[tuple[str, str]]:
    """(name, text) of the first texts: those in a folder of .txt files, or Wikipedia articles.

    From a folder the middle of each is taken, for books begin with what is not their text.
    """
    if folder is not None:
        found = [(path.stem, path.read_text("utf-8", "replace")) for path in folder.glob("*.txt")]
        long = [(name, text) for name, text in sorted(found) if len(text) >= LEAST_CHARACTERS]
        return [(name, _middle(text)) for name, text in long[:count]]
    passages: dict[str, list[str]] = {}
    for document in read_jsonl(data_folder("retrieval", "wiki_qa") / "corpus.jsonl"):
        passages.setdefault(document["title"], []).append(document["text"])
    return [(title, "".join(passages[title])) for title in ARTICLES[:count]]


def _middle(text: str) -> str:
    spare = max(0, len(text) - 2 * LEAST_CHARACTERS)
    return text[spare // 2 :]


# What a person might tell in passing. Names and numbers are drawn, so that no model knows them.
_TOLD = (
    ("The code of the garden gate is {}.", "What is the code of the garden gate?", "number"),
    ("My sister's dog is called {}.", "What is my sister's dog called?", "name"),
    ("The spare key lies behind the {} flower pot.", "Which flower pot hides the key?", "colour"),
    ("My locker at the pool has the number {}.", "Which number has my locker?", "number"),
    ("Our plumber's name is {}.", "What is the name of our plumber?", "name"),
    ("The train to the coast leaves from platform {}.", "From which platform?", "number"),
    ("I painted the kitchen door {}.", "Which colour did I paint the kitchen door?", "colour"),
    ("My new neighbour is called {}.", "What is my new neighbour called?", "name"),
    ("The password hint for the old laptop is {}.", "What is the laptop's hint?", "name"),
    ("The insurance file stands in the {} folder.", "Which folder has the insurance?", "colour"),
)
_DRAWN: dict[str, Sequence[str]] = {
    "name": ("Bramwell", "Odette", "Tibor", "Marisol", "Quentin", "Ingrid", "Fergus", "Paloma"),
    "colour": ("purple", "orange", "silver", "yellow", "turquoise", "crimson"),
    "number": tuple(str(number) for number in range(2013, 9800, 37)),
}


def dialogues(count: int, told: int, seed: int = 8) -> list[Dialogue]:
    """Conversations of `told` facts that a person mentions, each followed by a turn about a
    passage of Wikipedia, question and answer as people wrote them; then the facts are asked.
    """
    rows = read_jsonl(data_folder() / "grounded_qa.jsonl")
    rng = random.Random(seed)
    rng.shuffle(rows)
    drawn: list[Dialogue] = []
    for number in range(count):
        turns: list[Turn] = []
        asked: list[Asked] = []
        for at, (said, question, kind) in enumerate(rng.sample(_TOLD, told)):
            fact = rng.choice(_DRAWN[kind])
            asked.append(Asked(len(turns), question, fact))
            line = said.format(fact)
            turns.append(Turn(line, f"I will remember that. You said: {line}"))
            row = rows[(number * told + at) % len(rows)]
            turns.append(Turn(f"{row['passage'].strip()}\n\n{row['question']}", row["answers"][0]))
        rng.shuffle(asked)
        drawn.append(Dialogue(tuple(turns), tuple(asked)))
    return drawn


def found(answer: str, fact: str) -> bool:
    """Whether an answer holds the fact, in whatever case."""
    return fact.casefold() in answer.casefold()
