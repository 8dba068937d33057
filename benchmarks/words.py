"""Size, ranking and speed of the word index beside SQLite's FTS5; check the word index's gates.

    python benchmarks/words.py [--set scifact|wiki_qa] [--queries N] [--large] [--json]

One document is one file, cut into chunks as files are; a document's score is
that of its best chunk. FTS5 is measured with everything (positions and counts,
its own BM25) and without positions, where each word counts once. Times are of
this process's processor time. `--large` repeats the chunks until there are
50,000 and 1,000,000. Exit code 1 when a gate is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw
import numpy as np
from common import ROOT, data_folder, machine, ndcg_at, read_jsonl, read_qrels

sys.path.insert(0, str(ROOT))

from core.home import find_home
from core.index.embedder import find_model
from core.index.models import STARTER, embedding_folder
from core.index.terms import COMMON, query_terms, term_of
from core.index.word_blocks import runs_of
from core.index.word_build import build, merge
from core.index.word_search import WordSearch
from core.index.words import WordIndex
from core.text.chunk import Chunker
from core.text.folding import words

DEPTH = 100  # chunks ranked, several of which may be of one document
LARGE = (50_000, 1_000_000)
SEGMENTS = 5
QUERY_WORDS = 8
TOKENIZE = "porter unicode61 remove_diacritics 2"

GATES: dict[str, tuple[str, float]] = {
    "share": ("<=", 0.13),
    "ndcg@10_minus_fts5": (">=", -0.01),
    "build_mb_per_s": (">=", 3.0),
    "ms_a_query_50000": ("<=", 10.0),
    "ms_a_query_1000000": ("<=", 40.0),
    "ms_opening_1000000": ("<=", 20.0),
}

Rank = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Collection:
    """Judged documents as chunks: their texts, the document of each, and the text's bytes."""

    chunks: list[str]
    owners: list[str]
    text_bytes: int
    queries: list[tuple[str, str]]
    judged: dict[str, dict[str, int]]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--set", choices=("scifact", "wiki_qa"), help="default: both")
    parser.add_argument("--queries", type=int, default=1000, help="at most so many of each set")
    parser.add_argument("--large", action="store_true", help="also time 50,000 and 1,000,000")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures: dict[str, dict[str, float]] = {}
    for name in (options.set,) if options.set else ("scifact", "wiki_qa"):
        figures[name] = measure(
            read(data_folder("retrieval", name), options.queries), options.large
        )
    missed = [
        f"{name} {key}"
        for name, values in figures.items()
        for key, (sign, limit) in GATES.items()
        if key in values and not (values[key] >= limit if sign == ">=" else values[key] <= limit)
    ]
    if options.json:
        print(json.dumps({"machine": machine(), "figures": figures, "missed": missed}))
        return 1 if missed else 0
    for name, values in figures.items():
        print(f"{name} on {machine()}")
        for key, value in values.items():
            gate = f"   gate {' '.join(map(str, GATES[key]))}" if key in GATES else ""
            mark = "   MISSED" if f"{name} {key}" in missed else ""
            print(f"  {key:<24} {value:>12.4g}{gate}{mark}")
    return 1 if missed else 0


def read(source: Path, most_queries: int) -> Collection:
    """A collection in chunks; its queries evenly thinned out."""
    folder = embedding_folder(find_home(None, {}).models, STARTER)
    chunker = Chunker(str(find_model(folder).tokenizer))
    chunks: list[str] = []
    owners: list[str] = []
    text_bytes = 0
    for document in read_jsonl(source / "corpus.jsonl"):
        text = f"{document.get('title', '')}\n\n{document['text']}".strip() + "\n"
        text_bytes += len(text.encode())
        found = [text[start:end] for start, end in chunker.spans(text)]
        chunks += found
        owners += [document["id"]] * len(found)
    judged = read_qrels(source / "qrels.tsv")
    queries = [q for q in read_jsonl(source / "queries.jsonl") if q["id"] in judged]
    step = max(1, len(queries) // most_queries)
    thinned = [(q["id"], q["text"]) for q in queries[::step][:most_queries]]
    return Collection(chunks, owners, text_bytes, thinned, judged)


def measure(collection: Collection, large: bool) -> dict[str, float]:
    """All figures of one collection."""
    started = time.process_time()
    packed = build(collection.chunks)
    build_s = time.process_time() - started
    index = WordIndex(packed)
    search = WordSearch([index], np.ones(index.chunks, dtype=np.bool_))
    figures: dict[str, float] = {
        "chunks": index.chunks,
        "text_mb": collection.text_bytes / 1e6,
        "share": len(packed) / collection.text_bytes,
        **parts(index, len(packed), collection.text_bytes),
        "build_mb_per_s": collection.text_bytes / 1e6 / build_s,
    }
    ours = judge(collection, lambda query: search.rank(query, DEPTH).positions.tolist())
    figures |= {f"{name}_ours": value for name, value in ours.items()}
    for name, options in (("fts5", ""), ("fts5_small", "detail=none, contentless_delete=1,")):
        table = Table(collection.chunks, options)
        figures[f"share_{name}"] = table.stored_bytes() / collection.text_bytes
        rank = table.rank_once if options else table.rank
        theirs = judge(collection, rank)
        figures |= {f"{key}_{name}": value for key, value in theirs.items()}
    figures["ndcg@10_minus_fts5"] = figures["ndcg@10_ours"] - figures["ndcg@10_fts5"]
    for chunks in LARGE if large else ():
        figures |= at_scale(index, collection, chunks)
    return figures


def parts(index: WordIndex, total: int, text_bytes: int) -> dict[str, float]:
    """Bytes over text by part of the index."""
    blocks = [index.read_block(number) for number in range(index.blocks)]
    chunks, classes = (int(sum(block.table[:, at].sum() for block in blocks)) for at in (0, 1))
    lengths = (index.chunks + 1) // 2
    bodies = sum(len(block.body) for block in blocks)
    rest = total - bodies - lengths
    return {
        "share_chunks": chunks / text_bytes,
        "share_counts": classes / text_bytes,
        "share_lengths": lengths / text_bytes,
        "share_dictionary": rest / text_bytes,
        "terms": sum(len(block.terms) for block in blocks),
        "postings": sum(len(run.chunks) for block in blocks for run in runs_of(block, 1 << 18)),
    }


def judge(collection: Collection, rank: Rank) -> dict[str, float]:
    """nDCG@10 and recall@10 of documents, and the median time of a query."""
    gains, recalls, times_ms = [], [], []
    for identity, text in collection.queries:
        started = time.process_time()
        chunks = rank(text)
        times_ms.append(1000 * (time.process_time() - started))
        judged = collection.judged[identity]
        documents = list(dict.fromkeys(collection.owners[chunk] for chunk in chunks))[:10]
        gains.append(ndcg_at(10, documents, judged))
        recalls.append(len(set(documents) & set(judged)) / len(judged))
    return {
        "ndcg@10": statistics.fmean(gains),
        "recall@10": statistics.fmean(recalls),
        "ms": statistics.median(times_ms),
    }


def at_scale(index: WordIndex, collection: Collection, chunks: int) -> dict[str, float]:
    """Times with so many chunks in a few segments, made of copies of the real ones."""
    copies = max(SEGMENTS, chunks // index.chunks)
    # Segments of falling size, as merging leaves them; copies alternate every 64 chunks.
    shares = np.diff(np.linspace(0, copies, SEGMENTS + 1).round().astype(int)).tolist()
    built = [repeated(index, share) for share in shares if share]
    started = time.process_time()
    indexes = [WordIndex(one) for one in built]
    opening_ms = 1000 * (time.process_time() - started)
    total = sum(one.chunks for one in indexes)
    search = WordSearch(indexes, np.ones(total, dtype=np.bool_))
    queries = [
        " ".join(w for w in text.lower().split() if w not in COMMON)
        for _, text in collection.queries[:100]
    ]
    eight = [" ".join(text.split()[:QUERY_WORDS]) for text in queries]

    def median_ms(ask: Callable[[str], object]) -> float:
        times = []
        for query in eight:
            started = time.process_time()
            ask(query)
            times.append(1000 * (time.process_time() - started))
        return statistics.median(times)

    search.rank("warm", 10)
    return {
        f"ms_opening_{chunks}": opening_ms,
        f"ms_a_query_{chunks}": median_ms(lambda query: search.rank(query, 50)),
        f"ms_all_words_{chunks}": median_ms(search.matching),
        f"ms_typing_{chunks}": median_ms(lambda query: search.rank(query[:-1], 50, typing=True)),
    }


def repeated(index: WordIndex, copies: int) -> bytes:
    """An index of several copies of the same chunks."""
    block = np.arange(index.chunks) // 64
    keys = np.concatenate([block * copies + copy for copy in range(copies)])
    order = np.argsort(keys, kind="stable")
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return merge([index] * copies, np.split(places, copies))


class Table:
    """SQLite's FTS5 over the same chunks, without their texts."""

    def __init__(self, chunks: Sequence[str], options: str) -> None:
        self._db = apsw.Connection(":memory:")
        self._db.execute(
            f"CREATE VIRTUAL TABLE words USING fts5(text, content='', {options} "
            f"tokenize='{TOKENIZE}')"
        )
        with self._db:
            self._db.executemany("INSERT INTO words(rowid, text) VALUES(?,?)", enumerate(chunks))
        self._db.execute("INSERT INTO words(words) VALUES('optimize')")
        lengths = np.array([len(chunk.split()) for chunk in chunks], dtype=np.float64)
        self._norms = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())

    def stored_bytes(self) -> int:
        """Bytes of the index's pages."""
        return int(
            self._db.execute(
                "SELECT sum(pgsize) FROM dbstat WHERE aggregate=TRUE AND name GLOB 'words_*'"
            ).get
        )

    def rank(self, query: str) -> list[int]:
        """FTS5's own BM25."""
        either = " OR ".join(f'"{word}"' for word in self._words(query))
        sql = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?"
        return [row[0] for row in self._db.execute(sql, (either, DEPTH))] if either else []

    def rank_once(self, query: str) -> list[int]:
        """BM25 with each word counted once in a chunk, as nothing else is stored."""
        scores = np.zeros(len(self._norms))
        for word in self._words(query):
            rows = self._db.execute("SELECT rowid FROM words WHERE words MATCH ?", (f'"{word}"',))
            found = np.fromiter((row[0] for row in rows), dtype=np.int64)
            weight = np.log(1 + (len(scores) - len(found) + 0.5) / (len(found) + 0.5))
            scores[found] += weight * 2.2 / (1 + self._norms[found])
        best = np.argsort(-scores, kind="stable")[:DEPTH]
        return [int(chunk) for chunk in best if scores[chunk] > 0]

    @staticmethod
    def _words(query: str) -> list[str]:
        """The words that ours looks for, before they lose their endings."""
        keys = {term_of(word.key): word.key for word in words(query)}
        return [keys[wanted.term] for wanted in query_terms(query)]


if __name__ == "__main__":
    sys.exit(main())
