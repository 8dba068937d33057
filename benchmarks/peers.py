"""The ceiling for speed: the same passages in hnswlib, which keeps every embedding.

    python benchmarks/peers.py [--queries 150] [--cache FOLDER]

Tells for SciFact and wiki_qa how large its index is beside the text, how much of the
exact order it finds, and how long a query takes once it is embedded. Nothing is
recomputed there: what it costs is disk. The embeddings of ablation.py are used again.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import hnswlib
import numpy as np
from ablation import Maker
from common import ROOT, machine, recall_at

LINKS = 16
CONSTRUCTION_EF = 200
SEARCH_EF = (20, 50, 100)


def measure(maker: Maker, name: str) -> None:
    """Print the figures of one collection."""
    passages, asked, text_bytes = maker.judged(name)
    vectors = maker.embed(name, passages)
    queries = maker.embed(f"{name}-queries-{len(asked)}", asked)
    index = hnswlib.Index(space="ip", dim=vectors.shape[1])
    index.init_index(len(vectors), M=LINKS, ef_construction=CONSTRUCTION_EF, random_seed=7)
    started = time.perf_counter()
    index.add_items(vectors, np.arange(len(vectors)), num_threads=1)
    built_s = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "index"
        index.save_index(str(path))
        size = path.stat().st_size
    print(
        f"{name}: {len(vectors)} passages, built in {built_s:.1f} s, {size / len(vectors):.0f} "
        f"bytes a passage, {size / text_bytes:.0%} of the text"
    )
    gold = [np.argsort(-(vectors @ query), kind="stable")[:10].tolist() for query in queries]
    for ef in SEARCH_EF:
        index.set_ef(ef)
        spent, three, ten = [], [], []
        for query, best in zip(queries, gold, strict=True):
            started = time.perf_counter()
            labels, _ = index.knn_query(query, k=10, num_threads=1)
            spent.append(1000 * (time.perf_counter() - started))
            three.append(recall_at(3, labels[0].tolist(), best))
            ten.append(recall_at(10, labels[0].tolist(), best))
        print(
            f"  ef {ef:>3}: recall@3 {statistics.fmean(three):.3f}, recall@10 "
            f"{statistics.fmean(ten):.3f}, {statistics.median(spent):.2f} ms a query"
        )


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=150)
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "ablation")
    options = parser.parse_args()
    print(machine())
    maker = Maker(options.cache, options.queries)
    for name in ("scifact", "wiki_qa"):
        measure(maker, name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
