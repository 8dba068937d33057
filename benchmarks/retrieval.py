"""Index and search a judged collection with the real command; check the project's gates.

    python benchmarks/retrieval.py [--set scifact|wiki_qa] [--queries N] [--churn] [--json]

One file a document, whole. `--exact` embeds every passage anew with the same
model and is the yardstick for recall. With --churn a fifth of the documents is
then deleted and comes back, and recall is measured again. Exit code 1 when a gate
is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import (
    data_folder,
    documents_in_order,
    machine,
    ndcg_at,
    read_jsonl,
    read_qrels,
    recall_at,
    satchel,
    write_corpus,
)

DEPTH = 30  # passages asked for when documents are ranked, several of which may be of one document

GATES: dict[str, tuple[str, float]] = {
    "recall@3": (">=", 0.95),
    "recall@10": (">=", 0.88),
    "recomputes_mean": ("<=", 24),
    "ndcg_below_exact": ("<=", 0.015),
    "hybrid_minus_best": (">=", -0.005),
    "median_query_s": ("<=", 0.35),
    "p95_query_s": ("<=", 0.5),
    "cold_start_s": ("<=", 2),
    "index_share_of_text": ("<=", 0.04),
    "lexical_share": ("<=", 0.13),
    "chunks_per_s": (">=", 55),
    "resident_mb": ("<=", 500),
    "recall@3_lost": ("<=", 0.01),
}
# Short passages weigh more beside their text.
OF_SET: dict[str, dict[str, tuple[str, float]]] = {
    "scifact": {},
    "wiki_qa": {"index_share_of_text": ("<=", 0.07)},
}


def main() -> int:
    """Run everything and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", default="scifact", choices=("scifact", "wiki_qa"))
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--churn", action="store_true")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it there")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    source = data_folder("retrieval", options.set)
    with tempfile.TemporaryDirectory(prefix="satchel-benchmark-") as scratch:
        work = options.keep or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        figures = measure(source, work, options.queries, options.churn)
    gates = {**GATES, **OF_SET[options.set]}
    gates = {name: gate for name, gate in gates.items() if name in figures}
    missed = [name for name, gate in gates.items() if not passes(figures[name], gate)]
    if options.json:
        print(json.dumps({"machine": machine(), "figures": figures, "missed": missed}))
    else:
        print(f"{options.set} on {machine()}")
        for name, value in figures.items():
            gate = f"   gate {' '.join(map(str, gates[name]))}" if name in gates else ""
            print(f"  {name:<24} {value:>12.4g}{gate}{'   MISSED' if name in missed else ''}")
    return 1 if missed else 0


def passes(value: float, gate: tuple[str, float]) -> bool:
    """Whether a figure keeps its gate."""
    return value >= gate[1] if gate[0] == ">=" else value <= gate[1]


def measure(source: Path, work: Path, queries: int, churn: bool) -> dict[str, float]:
    """All figures of one collection."""
    home, folder = work / "home", work / "files"
    if not folder.exists():
        write_corpus(source / "corpus.jsonl", folder)
    qrels = read_qrels(source / "qrels.tsv")
    asked = [q for q in read_jsonl(source / "queries.jsonl") if q["id"] in qrels][:queries]
    lines = work / "queries.txt"
    lines.write_text("".join(" ".join(q["text"].split()) + "\n" for q in asked), "utf-8")
    satchel(home, "folders", "add", str(folder))
    indexing = satchel(home, "index", "--json")
    index = json.loads(indexing.stdout)

    def batch(*arguments: str) -> tuple[list[dict[str, Any]], int]:
        run = satchel(home, "batch", str(lines), *arguments)
        return [json.loads(line) for line in run.stdout.splitlines()], run.peak_resident_bytes

    semantic, semantic_peak = batch("-k", str(DEPTH), "--mode", "semantic")
    exact, _ = batch("-k", str(DEPTH), "--mode", "semantic", "--exact")
    hybrid, hybrid_peak = batch("-k", str(DEPTH))
    lexical, _ = batch("-k", str(DEPTH), "--mode", "lexical")

    def ndcg(results: list[dict[str, Any]]) -> float:
        return statistics.fmean(
            ndcg_at(10, documents_in_order(result["results"]), qrels[query["id"]])
            for query, result in zip(asked, results, strict=True)
        )

    def recall(k: int, found: list[dict[str, Any]] = semantic) -> float:
        return statistics.fmean(
            recall_at(k, passages(mine), passages(best))
            for mine, best in zip(found, exact, strict=True)
        )

    after: dict[str, float] = {}
    cold = satchel(home, "search", asked[0]["text"], "--json")
    if churn:
        go_and_come_back(home, folder)
        again, _ = batch("-k", str(DEPTH), "--mode", "semantic")
        after = {"recall@3_lost": recall(3) - recall(3, again)}
    store = index["store_bytes"]
    text = index["text_bytes"]
    times = sorted(result["timings_ms"]["total"] / 1000 for result in semantic)
    hybrid_times = sorted(result["timings_ms"]["total"] / 1000 for result in hybrid)
    scores = {"semantic": ndcg(semantic), "lexical": ndcg(lexical), "hybrid": ndcg(hybrid)}
    return {
        "documents": index["files"]["indexed"],
        "chunks": index["chunks"],
        "text_mb": text / 1e6,
        "recall@3": recall(3),
        "recall@10": recall(10),
        "recomputes_mean": statistics.fmean(result["recomputed"] for result in semantic),
        "recomputes_max": max(result["recomputed"] for result in semantic + hybrid),
        "median_query_s": statistics.median(times),
        "p95_query_s": times[int(0.95 * len(times))],
        "median_hybrid_s": statistics.median(hybrid_times),
        "cold_start_s": cold.seconds,
        "index_share_of_text": (store["codes"] + store["graph"] + store["spans"]) / text,
        "codes_share": store["codes"] / text,
        "graph_bytes_a_chunk": store["graph"] / index["chunks"],
        "spans_bytes_a_chunk": store["spans"] / index["chunks"],
        "lexical_share": store["lexical"] / text,
        "catalogue_bytes_a_file": store["catalogue"] / index["files"]["indexed"],
        "store_mb": store["total"] / 1e6,
        "index_s": index["seconds"],
        "chunks_per_s": index["chunks"] / index["seconds"],
        "resident_mb": max(semantic_peak, hybrid_peak, indexing.peak_resident_bytes) / 1e6,
        "ndcg@10_exact": ndcg(exact),
        "ndcg_below_exact": ndcg(exact) - scores["semantic"],
        **after,
        **{f"ndcg@10_{name}": value for name, value in scores.items()},
        "hybrid_minus_best": scores["hybrid"] - max(scores["semantic"], scores["lexical"]),
    }


def go_and_come_back(home: Path, folder: Path) -> None:
    """Delete every fifth document and bring it back; the index follows both times."""
    files = sorted(folder.iterdir())[::5]
    kept = {path: path.read_bytes() for path in files}
    for path in files:
        path.unlink()
    satchel(home, "index")
    for path, data in kept.items():
        path.write_bytes(data)
    satchel(home, "index")


def passages(result: dict[str, Any]) -> list[tuple[str, int]]:
    """The passages of a result, by file and place."""
    return [(hit["path"], hit["start"]) for hit in result["results"]]


if __name__ == "__main__":
    sys.exit(main())
