"""What late interaction adds to the order of hits: nDCG@10 by judgments.

    python benchmarks/agreement.py [--queries 150] [--cache FOLDER]

The candidates are the best by exact cosine and by words, as a search without a limit
would have them, and are fused as it fuses them. The agreement of the best by cosine
comes from the prepared model. The embeddings of ablation.py are used again.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ablation import Maker
from common import ROOT, data_folder, machine, ndcg_at, read_jsonl, read_qrels

sys.path.insert(0, str(ROOT))

from core.index import ranking
from core.index.ranking import LEXICAL_DEPTH, best_to_compare, fuse
from core.index.terms import Tokenizer
from core.index.word_build import build
from core.index.word_search import WordSearch
from core.index.words import WordIndex

SEMANTIC_DEPTH = 32
WEIGHTS = (0.0, 0.5, 1.0, 2.0, 4.0)
NOTHING = np.empty(0, dtype=np.int64)


def measure(maker: Maker, name: str) -> None:
    """Print the figures of one collection."""
    source = data_folder("retrieval", name)
    passages, asked, _ = maker.judged(name)
    owners = maker.owners(name)
    vectors = maker.embed(name, passages)
    numbers = {one["text"]: one["id"] for one in read_jsonl(source / "queries.jsonl")}
    judged = read_qrels(source / "qrels.tsv")
    live = np.ones(len(passages), dtype=np.bool_)
    words = WordSearch([WordIndex(build(passages, Tokenizer()))], live)
    embedder = maker.embedder()
    found: dict[str, list[float]] = {}
    for text in asked:
        qrels = judged.get(numbers[text])
        if not qrels:
            continue
        question = embedder.question(text)
        cosines = vectors @ question.vector
        best = np.argsort(-cosines, kind="stable")[:SEMANTIC_DEPTH]
        semantic = dict(zip(best.tolist(), cosines[best].tolist(), strict=True))
        lexical = words.rank(text, LEXICAL_DEPTH).positions
        compared = [position for position, _ in best_to_compare(semantic)]
        _, values = embedder.compare([passages[at] for at in compared], question)
        agreement = dict(zip(compared, values.tolist(), strict=True))
        _note(found, "lexical", lexical.tolist(), owners, qrels)
        for weight in WEIGHTS:
            ranking.AGREEMENT_WEIGHT = weight
            for kind, hits in (("semantic", NOTHING), ("hybrid", lexical)):
                order = [position for position, _ in fuse(hits, semantic, agreement)]
                _note(found, f"{kind}, weight {weight:g}", order, owners, qrels)
    print(f"{name}, {len(found['lexical'])} queries, nDCG@10")
    for kind, values_of in found.items():
        print(f"  {kind:<22} {statistics.fmean(values_of):.4f}")


def _note(
    found: dict[str, list[float]],
    kind: str,
    order: Sequence[int],
    owners: Sequence[str],
    qrels: Mapping[str, int],
) -> None:
    documents = list(dict.fromkeys(owners[position] for position in order))
    found.setdefault(kind, []).append(ndcg_at(10, documents, qrels))


def main() -> int:
    """Print what each weight gives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=150)
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "ablation")
    parser.add_argument("--set", choices=("scifact", "wiki_qa"))
    options = parser.parse_args()
    print(machine())
    maker = Maker(options.cache, options.queries)
    for name in [options.set] if options.set else ("scifact", "wiki_qa"):
        measure(maker, name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
