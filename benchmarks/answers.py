"""Ask the starter model questions whose answers are known, through the real service.

    python benchmarks/answers.py [--questions FILE] [--distractors] [--whole] [--json]

Each passage of the questions is a file in a watched folder, so finding it counts too. Then a
quarter of the files at a time is taken away, and the questions about them asked again: the
files do not say any more. With --distractors other passages join, until there are ten times as
many files. Prompts are compared with such as hold the two best passages whole: fewer hold the
answer less often than the chosen sentences. With --whole the model is asked with those, too.
The weights that decide are fitted to every second question, from the first on (the development
half); the table shows both halves.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cache import cache_precision, open_embedder
from common import data_folder, machine, read_jsonl

from app.children import python_child
from app.local import Caller, connect
from app.model import ModelWorker
from core.chat.prompt import build_prompt, load_template
from core.home import Home, find_home
from core.llm.runtime import Runtime
from core.llm.store import installed
from core.messages import (
    AnswerDone,
    Ask,
    Failed,
    FoldersAdd,
    Index,
    Message,
    Search,
    SearchResults,
)

FOLDS = 4
TIMES = 10
WHOLE = 2  # passages that hold the answer whole as often as the chosen sentences do
CONTEXT_TOKENS = 4096
GATES = {
    "answer_rate": (">=", 0.60),
    "citation_precision": (">=", 0.85),
    "refusal_rate": (">=", 0.70),
    "wrong_refusal_rate": ("<=", 0.15),
    "prompt_token_ratio": ("<=", 0.5),
    "first_text_ms": ("<=", 2000),
    "distractor_ratio": (">=", 0.9),
    "cache_precision": (">=", 0.9),
}
HALVES: dict[str, Callable[[int], bool]] = {
    "all": lambda _: True,
    "development": lambda number: number % 2 == 0,
    "held out": lambda number: number % 2 == 1,
}


@dataclass(frozen=True)
class Asked:
    """One question and what became of it. Tokens are those of the prompt."""

    number: int
    done: AnswerDone
    right: bool  # the answer, or the quote of its first citation, has a gold answer
    in_words: bool  # the answer itself has
    cited: bool  # the first citation is of the right file
    whole_tokens: int


def main() -> int:
    """Run everything and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=Path, help="a file like grounded_qa.jsonl")
    parser.add_argument("--limit", type=int, help="only the first of them")
    parser.add_argument("--distractors", action="store_true", help="ten times as many files, too")
    parser.add_argument("--whole", action="store_true", help="give the model whole passages, too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    file = options.questions or data_folder() / "grounded_qa.jsonl"
    items = read_jsonl(file)[: options.limit]
    with tempfile.TemporaryDirectory(prefix="satchel-benchmark-") as scratch:
        bench = Bench(Path(scratch), items)
        try:
            rows = bench.measure(options.distractors, options.whole)
        finally:
            bench.close()
    # Paraphrases were written of the questions that come with the data, and of no others.
    if options.questions is None:
        rows["all"]["cache_precision"] = cache_precision(open_embedder().embed)
    show(rows, options.json, len(items))
    return 1 if any(missed(name, value) for name, value in rows["all"].items()) else 0


class Bench:
    """One home with the passages as files."""

    def __init__(self, work: Path, items: Sequence[dict[str, Any]]) -> None:
        self._items = items
        self._files = work / "files"
        self._files.mkdir()
        for number, item in enumerate(items):
            self._path(number).write_text(item["passage"], "utf-8")
        self._home: Home = find_home(str(work / "home"), os.environ)
        self._caller: Caller = connect(self._home, os.environ)
        model = next(m for m in installed(self._home.models) if m.name.startswith("smollm2"))
        self._model_path = model.path
        self._counter = Runtime(model.path, context_tokens=CONTEXT_TOKENS)
        self._template = load_template()
        caller = self._caller
        list(caller.ask(FoldersAdd(caller.next_id(), (str(self._files),), ())))

    def close(self) -> None:
        """End the service."""
        self._counter.close()
        self._caller.close()

    def measure(self, distractors: bool, whole: bool) -> dict[str, dict[str, float | None]]:
        """The figures of each half."""
        self._index()
        self._ask(0)  # everything is loaded after that
        answered = [self._ask(number) for number in range(len(self._items))]
        refused = [not asked.done.found for asked in self._without()]
        crowded = self._crowded() if distractors else []
        given = self._given_whole(answered) if whole else []
        rows: dict[str, dict[str, float | None]] = {}
        for name, belongs in HALVES.items():
            part = [asked for asked in answered if belongs(asked.number)]
            if not part:
                continue
            rows[name] = figures(part, [r for n, r in enumerate(refused) if belongs(n)])
            if crowded:
                rate = share(asked.right for asked in crowded if belongs(asked.number))
                rows[name]["distractor_ratio"] = rate / max(1e-9, rows[name]["answer_rate"] or 0)
            if given:
                rows[name]["words_right_whole"] = share(
                    hit for number, hit in given if belongs(number)
                )
        return rows

    def _index(self) -> None:
        for reply in self._caller.ask(Index(self._caller.next_id())):
            fail(reply)

    def _path(self, number: int) -> Path:
        return self._files / f"passage-{number}.txt"

    def _without(self) -> Iterator[Asked]:
        """Each question, asked while its passage is away; in the order of the questions."""
        found: dict[int, Asked] = {}
        for fold in range(FOLDS):
            numbers = range(fold, len(self._items), FOLDS)
            for number in numbers:
                self._path(number).unlink()
            self._index()
            found |= {number: self._ask(number) for number in numbers}
            for number in numbers:
                self._path(number).write_text(self._items[number]["passage"], "utf-8")
        self._index()
        return (found[number] for number in range(len(self._items)))

    def _crowded(self) -> list[Asked]:
        """Each question among ten times as many files."""
        own = {item["passage"].strip() for item in self._items}
        corpus = read_jsonl(data_folder("retrieval", "wiki_qa") / "corpus.jsonl")
        others = [d for d in corpus if d["text"].strip() not in own]
        for document in others[:: max(1, len(others) // ((TIMES - 1) * len(self._items)))][
            : (TIMES - 1) * len(self._items)
        ]:
            (self._files / f"{document['id']}.txt").write_text(document["text"], "utf-8")
        self._index()
        return [self._ask(number) for number in range(len(self._items))]

    def _ask(self, number: int) -> Asked:
        item = self._items[number]
        done: AnswerDone | None = None
        for reply in self._caller.ask(Ask(self._caller.next_id(), item["question"], fresh=True)):
            fail(reply)
            if isinstance(reply, AnswerDone):
                done = reply
        assert done is not None
        first = done.citations[0] if done.citations else None
        in_words = done.found and has_gold(item, done.answer)
        return Asked(
            number,
            done,
            in_words or (first is not None and has_gold(item, first.quote)),
            in_words,
            first is not None and Path(first.path) == self._path(number),
            self._tokens(item["question"], self._whole(item["question"])),
        )

    def _whole(self, question: str) -> list[str]:
        """The best passages that a search finds; here they are files."""
        request = Search(self._caller.next_id(), question, WHOLE)
        for reply in self._caller.ask(request):
            fail(reply)
            if isinstance(reply, SearchResults) and reply.final:
                return [Path(hit.path).read_text("utf-8") for hit in reply.hits]
        return []

    def _tokens(self, question: str, passages: Sequence[str]) -> int:
        """The length of the prompt with these passages."""
        prompt = build_prompt(
            question,
            passages,
            (),
            template=self._template,
            prompt_tokens=CONTEXT_TOKENS,
            count_tokens=self._counter.count_tokens,
        )
        return prompt.tokens

    def _given_whole(self, answered: Sequence[Asked]) -> list[tuple[int, bool]]:
        """Whether the model's words are right when it is given the same passages whole."""
        worker = ModelWorker(python_child("app.worker"), CONTEXT_TOKENS, 200, 2, 300.0)
        worker.use(self._model_path)
        found = []
        try:
            for asked in answered:
                item = self._items[asked.number]
                passages = self._whole(item["question"])
                said = worker.answer(item["question"], passages, (), lambda _: None, lambda: False)
                found.append((asked.number, has_gold(item, said.text)))
        finally:
            worker.close()
        return found


def figures(answered: Sequence[Asked], refused: Sequence[bool]) -> dict[str, float | None]:
    """The figures of some questions and of the same without their passages."""
    accepted = [asked for asked in answered if asked.done.found]
    sent = [asked for asked in accepted if asked.done.prompt_tokens]
    ratios = [asked.done.prompt_tokens / asked.whole_tokens for asked in sent]
    gave_up = len(answered) - len(accepted)
    return {
        "answer_rate": share(asked.right for asked in answered),
        "citation_precision": share(asked.cited for asked in accepted),
        "refusal_rate": share(refused),
        "wrong_refusal_rate": gave_up / len(answered),
        "prompt_token_ratio": statistics.fmean(ratios) if ratios else None,
        "first_text_ms": statistics.median(a.done.timings_ms["first_text"] for a in accepted),
        "cache_precision": None,
        "refusal_precision": sum(refused) / max(1, sum(refused) + gave_up),
        "words_right": share(asked.in_words for asked in answered),
        "prompt_tokens": statistics.fmean(asked.done.prompt_tokens for asked in sent),
        "total_ms": statistics.median(asked.done.timings_ms["total"] for asked in accepted),
        "quote_chars": statistics.fmean(len(a.done.citations[0].quote) for a in accepted),
    }


def has_gold(item: dict[str, Any], text: str) -> bool:
    """Whether a text contains one of the known answers, however it is spaced and capitalised."""
    plain = " ".join(text.casefold().split())
    return any(" ".join(answer.casefold().split()) in plain for answer in item["answers"])


def share(flags: Any) -> float:
    """How many are true, of all."""
    found = [bool(flag) for flag in flags]
    return sum(found) / len(found) if found else 0.0


def fail(reply: Message) -> None:
    """End with the reason when the service could not do what was asked."""
    if isinstance(reply, Failed):
        sys.exit(f"benchmark: {reply.title} {reply.advice}")


def missed(name: str, value: float | None) -> bool:
    """Whether a figure misses its gate."""
    if name not in GATES or value is None:
        return False
    sense, gate = GATES[name]
    return value < gate if sense == ">=" else value > gate


def show(rows: dict[str, dict[str, float | None]], as_json: bool, count: int) -> None:
    """Print the JSON object of the whole, or a table with a column for each half."""
    if as_json:
        names = [name for name in rows["all"] if name in GATES]
        print(json.dumps({name: rows["all"][name] for name in names}))
        return
    print(f"{count} questions on {machine()}")
    print(f"  {'':<20}" + "".join(f"{name:>14}" for name in rows))
    for name in rows["all"]:
        values = [rows[half].get(name) for half in rows]
        cells = "".join(f"{'-' if v is None else format(v, '.4g'):>14}" for v in values)
        gate = f"   gate {GATES[name][0]} {GATES[name][1]}" if name in GATES else ""
        print(f"  {name:<20}{cells}{gate}{'   MISSED' if missed(name, values[0]) else ''}")


if __name__ == "__main__":
    sys.exit(main())
