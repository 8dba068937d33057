"""Texts that files may hold while processes are killed, and what a fresh index says of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from running import Running

from core.files.folders import WatchedFolder, save_folders
from core.home import find_home
from core.messages import Failed, Index

SUBJECTS = (
    "ferry", "lighthouse", "market", "council", "letter", "garden", "bicycle", "winter", "orchard",
    "glacier", "saddle", "thimble", "recipe", "lease", "piano", "walrus",
)  # fmt: skip
QUERIES = ("the ferry and the lighthouse", "a letter to the council", "walrus in winter")


def content(number: int) -> str:
    """One of the texts that a file may hold; each is another."""
    chance = random.Random(number)
    parts = [
        f"Note {number}, part {part}. " + " ".join(chance.choices(SUBJECTS, k=90)) + "."
        for part in range(2)
    ]
    return "\n\n".join(parts)


@dataclass
class Truth:
    """What a fresh index says of every text that a file may hold, by its number."""

    by_meaning: list[dict[int, dict[int, float]]]
    by_word: list[dict[int, set[int]]]


def watch(home: Path, files: Path) -> None:
    """Let a new home have a watched folder."""
    made = find_home(str(home), {})
    made.create()
    save_folders(made.folders, [WatchedFolder(str(files))])


def learn_truth(root: Path, texts: int, environment: Mapping[str, str]) -> Truth:
    """A fresh index over every text that a file may hold."""
    files = root / "files"
    files.mkdir(parents=True)
    for number in range(texts):
        (files / f"{number}.txt").write_text(content(number))
    watch(root / "home", files)
    running = Running(root / "home", environment, window=False)
    try:
        running.report(Index(running.next_id()))
        meaning: list[dict[int, dict[int, float]]] = []
        words: list[dict[int, set[int]]] = []
        for query in QUERIES:
            meaning.append({})
            found = running.search(query, "semantic", exact=True)
            assert not isinstance(found, Failed)
            for (path, start), score in found.items():
                meaning[-1].setdefault(int(Path(path).stem), {})[start] = score
        for word in SUBJECTS[:3]:
            words.append({})
            found = running.search(word, "lexical")
            assert not isinstance(found, Failed)
            for path, start in found:
                words[-1].setdefault(int(Path(path).stem), set()).add(start)
    finally:
        running.end()
    return Truth(meaning, words)
