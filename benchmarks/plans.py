"""Does what a plan predicts come true? Index size, seconds of a search, memory, tokens a second.

    python benchmarks/plans.py [--documents 1500] [--queries 40] [--no-answers] [--json]

Some documents of SciFact are indexed and asked at the level that a home begins with: that
calibrates. Then five other plans are previewed with `satchel budget --preview`, brought about and
measured with the real command. Exit code 1 when a prediction is off by more than its gate.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import data_folder, machine, read_jsonl, satchel, write_corpus

LEVELS = ("codes-8", "codes-32", "hubs", "graph", "embeddings")
GATES = {"index": 0.05, "query": 0.30, "memory": 0.10, "tokens": 0.30}
INDEX_PARTS = ("catalogue", "codes", "graph", "spans", "embeddings", "lexical")
ANSWERS, LEAST_TOKENS = 3, 8
CONTEXTS = ((1100, "q8_0"), (4096, "f16"))


def main() -> int:
    """Print every prediction beside what came, and the largest errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1500)
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--no-answers", dest="answers", action="store_false")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="satchel-benchmark-") as scratch:
        rows = measure(Path(scratch), options.documents, options.queries, options.answers)
    worst = {
        what: max(error(row[what]) for row in rows if what in row)
        for what in GATES
        if any(what in row for row in rows)
    }
    missed = [what for what, found in worst.items() if found > GATES[what]]
    if options.json:
        print(json.dumps({"machine": machine(), "plans": rows, "worst": worst, "missed": missed}))
        return 1 if missed else 0
    print(f"predicted / measured on {machine()}")
    for row in rows:
        said = [f"{what} {_pair(what, row[what])}" for what in GATES if what in row]
        print(f"  {row['plan']:<24} {', '.join(said)}")
    for what, found in worst.items():
        gate = f"gate {GATES[what]:.0%}{'   MISSED' if what in missed else ''}"
        print(f"  largest error of {what:<8} {found:.1%}   {gate}")
    return 1 if missed else 0


def error(pair: tuple[float, float]) -> float:
    """How far a prediction is off, as a share of what came."""
    predicted, measured = pair
    return abs(predicted - measured) / measured


def _pair(what: str, pair: tuple[float, float]) -> str:
    factor, unit = {"query": (1, "s"), "tokens": (1, "tokens/s")}.get(what, (1e-6, "MB"))
    return f"{pair[0] * factor:.3g} / {pair[1] * factor:.3g} {unit}"


def measure(work: Path, documents: int, queries: int, answers: bool) -> list[dict[str, Any]]:
    """Calibrate, then every plan."""
    home, folder = work / "home", work / "files"
    write_corpus(data_folder("retrieval", "scifact") / "corpus.jsonl", folder)
    for path in sorted(folder.iterdir())[documents:]:
        path.unlink()
    asked = read_jsonl(data_folder("retrieval", "scifact") / "queries.jsonl")[:queries]
    lines = work / "queries.txt"
    lines.write_text("".join(" ".join(one["text"].split()) + "\n" for one in asked), "utf-8")
    satchel(home, "folders", "add", str(folder))
    satchel(home, "index")
    without_cache(home)
    ask(home, lines)
    rows = [
        plan_and_measure(home, lines, {"index.level": level}, level, index=level)
        for level in LEVELS
    ]
    satchel(home, "budget", "--ram", "2GB")
    can_answer = answers and table(home, "budget")["now"]["can_answer"]
    if can_answer:
        answer(home, asked)
    for context, cell in CONTEXTS if can_answer else ():
        choices = {"assistant.context_tokens": context, "assistant.cell_type": cell}
        name = f"context {context}, {cell}"
        rows.append(plan_and_answer(home, asked, choices, name))
    return rows


def without_cache(home: Path) -> None:
    """Leave no memory for recent embeddings: in so few passages they would spare nearly all."""
    parts = table(home, "budget")["now"]["memory"]
    satchel(home, "budget", "--ram", f"{parts['service'] / 1e6 + 91:.0f}MB")


def table(home: Path, *arguments: str) -> Any:
    """What a command prints as JSON."""
    return json.loads(satchel(home, *arguments, "--json").stdout)


def setting(choices: dict[str, Any]) -> list[str]:
    """Options of `satchel budget` for these choices."""
    return [part for key, value in choices.items() for part in ("--set", f"{key}={value}")]


def ask(home: Path, lines: Path) -> tuple[float, int]:
    """The median seconds of a search, and the service's peak resident set in bytes."""
    run = satchel(home, "batch", str(lines))
    found = [json.loads(line) for line in run.stdout.splitlines()]
    return (
        statistics.median(one["timings_ms"]["total"] / 1000 for one in found[3:]),
        run.peak_resident_bytes,
    )


def plan_and_measure(
    home: Path, lines: Path, choices: dict[str, Any], name: str, index: str
) -> dict[str, Any]:
    """A plan's size, seconds and memory, predicted and come."""
    plan = table(home, "budget", "--preview", *setting(choices))["plan"]
    run = satchel(home, "index", "--level", index, "--json")
    store = json.loads(run.stdout)["store_bytes"]
    query_s, peak = ask(home, lines)
    return {
        "plan": name,
        "index": (plan["index_bytes"], sum(store[part] for part in INDEX_PARTS)),
        "query": (plan["query_s"], query_s),
        "memory": (plan["memory"]["service"], max(peak, run.peak_resident_bytes)),
    }


def answer(home: Path, asked: list[dict[str, Any]]) -> float:
    """Tokens a second of the language model, in the middle of three answers."""
    rates: list[float] = []
    for one in asked:
        found = table(home, "ask", one["text"])
        decode_ms, tokens = found["timings_ms"].get("decode"), found["tokens"]["answer"]
        if decode_ms and tokens > LEAST_TOKENS:  # else nothing fit, and the model was not asked
            rates.append(1000 * tokens / decode_ms)
        if len(rates) == ANSWERS:
            return statistics.median(rates)
    sys.exit("benchmark: too few questions were answered")


def plan_and_answer(
    home: Path, asked: list[dict[str, Any]], choices: dict[str, Any], name: str
) -> dict[str, Any]:
    """A plan's tokens a second, predicted and come."""
    plan = table(home, "budget", *setting(choices))["plan"]
    return {"plan": name, "tokens": (plan["tokens_per_s"], answer(home, asked))}


if __name__ == "__main__":
    sys.exit(main())
