"""How well the signs of a question foretell whether the starter model gets it right.

Each question of the set is asked with its own passage and two others, as the prompt of a search
would have them. A rule is good when the questions it calls easy are answered right more often.
With one model only the half of routing that spares the large model can be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.children import python_child
from app.model import ModelWorker
from benchmarks.common import data_folder, machine, read_jsonl
from core.chat.routing import Signs, signs_of, why_hard
from core.home import find_home
from core.llm.store import find_installed

OTHERS = 2
QUESTIONS = 120


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: its signs, and whether the model's own words hold a right answer."""

    signs: Signs
    right: bool


def plain(text: str) -> str:
    """Letters and digits only, for comparing."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def ask_all(model: Path, questions: int) -> list[Asked]:
    """Ask so many questions of the set, in an order that is always the same."""
    rows = read_jsonl(data_folder("grounded_qa.jsonl"))
    order = random.Random(7)
    order.shuffle(rows)
    worker = ModelWorker(python_child("app.worker"), 2048, 80, 2, 60.0)
    worker.use(model)
    found = []
    try:
        for row in rows[:questions]:
            others = order.sample([r["passage"] for r in rows if r is not row], OTHERS)
            passages = [row["passage"].strip(), *(text.strip()[:600] for text in others)]
            said = worker.answer(row["question"], passages, (), lambda _: None, lambda: False)
            right = any(plain(answer) in plain(said.text) for answer in row["answers"])
            found.append(Asked(signs_of(row["question"], passages), right))
    finally:
        worker.close()
    return found


def rate(asked: list[Asked]) -> float:
    """The share that was answered right."""
    return sum(one.right for one in asked) / len(asked) if asked else 0.0


def main() -> int:
    """Print the table, or with --json the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--raw", type=Path, help="also write every question's signs here")
    options = parser.parse_args()
    model = find_installed(find_home(None, os.environ).models, "smollm2-135m-instruct")
    asked = ask_all(model.path, options.questions)
    easy = [one for one in asked if not why_hard(one.signs)]
    hard = [one for one in asked if why_hard(one.signs)]
    if options.raw:
        lines = [json.dumps({**asdict(one.signs), "right": one.right}) for one in asked]
        options.raw.write_text("\n".join(lines))
    figures = {
        "questions": len(asked),
        "right": round(rate(asked), 3),
        "easy_share": round(len(easy) / len(asked), 3),
        "right_of_easy": round(rate(easy), 3),
        "right_of_hard": round(rate(hard), 3),
    }
    if options.json:
        print(json.dumps(figures))
        return 0
    print(f"{machine()}; {len(asked)} questions")
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):<16} {value}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
