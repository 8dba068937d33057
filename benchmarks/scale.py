"""An index of a million chunks: how fast it opens, what a query takes besides embedding, bytes.

    python benchmarks/scale.py [--chunks 1000000] [--bytes 16] [--cache FOLDER]
    python benchmarks/scale.py --recall

The vectors are made after the real ones of SciFact and wiki_qa (see `modelled` in
ablation.py), the words are those of the real passages, many times over. They go
through the real codec into real segments of falling sizes and a real catalogue,
and are searched by the real searcher, whose exact scores are looked up instead of
computed. Edges lie inside clusters of 20,000 vectors. All of it is made once and kept
under --cache. Times are medians over the queries, after three to warm up; reading
files and embedding are left out. On a busy machine look at the processor's time
instead of the clock's. --recall tells what the graph and the learning find at equal
recomputes. Exit code 1 when a gate is missed.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from ablation import AT, Codes, Maker, Outcome, Parts, Passages, modelled, search
from common import ROOT, machine
from numpy.typing import NDArray

sys.path.insert(0, str(ROOT))

from core.index.codes import load_rotation
from core.index.embedding_cache import EmbeddingCache
from core.index.fit_codes import fit_rotation
from core.index.graph import Edges, build_edges, open_graph, tidy
from core.index.passages import Work
from core.index.ranking import LEXICAL_DEPTH, fuse
from core.index.scores import Scores
from core.index.search import LEXICAL_SEEDS, Query, Searcher
from core.index.segment import Segment
from core.index.segment_format import write_segment
from core.index.spans import pack_document
from core.index.terms import Tokenizer
from core.index.text_cache import TextCache
from core.index.upkeep import IndexStore
from core.index.word_build import build, merge
from core.index.words import WordIndex
from core.messages import UNTITLED
from core.store.catalogue import Catalogue
from core.store.rows import NewDocument

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

GATES = {"open_s": 1.0, "query_ms": 50.0}
SHARES = (0.64, 0.24, 0.08, 0.03, 0.01)  # of the chunks, segment by segment, as merging leaves them
PER_DOCUMENT = 5  # chunks
CHUNK_CHARS = 800
CLUSTER = 20_000
RECOMPUTES = 28
FIT_SAMPLE = 20_000
MODEL = "scale"


class Looked(Scores):
    """Exact scores that are looked up."""

    vectors: NDArray[np.float16]

    def of(self, positions: Ints, vector: Floats, work: Work) -> Floats:
        """Cosines of chunks with the query."""
        work.recomputed += len(positions)
        return self.vectors[positions].astype(np.float32) @ vector


class Finder(Searcher):
    """A searcher that does all but embed and read."""

    def look_up(self, vectors: NDArray[np.float16]) -> None:
        """Take exact scores from these vectors."""
        nothing: Any = None
        self._scores = Looked(self._view, nothing, EmbeddingCache(0), self._passages)
        self._scores.vectors = vectors

    def candidates(self, query: Query, vector: Floats) -> Work:
        """What is found for a query without reading files; how long each part took."""
        work = Work(lambda: False)
        allowed = self._allowed(query)
        hits = self._lexical(query, allowed, work)
        lexical = hits.positions[: max(LEXICAL_DEPTH, query.k)]
        seeds = lexical[:LEXICAL_SEEDS]
        scores = self._best_first(
            vector, allowed, seeds, query.k, RECOMPUTES, time.perf_counter() + 60, work, hits
        )
        mark = time.perf_counter()
        fuse(lexical, scores, {})
        work.clock("rank", mark)
        work.clock("total", work.started)
        return work


# --- making -----------------------------------------------------------------------------


def make(folder: Path, maker: Maker, chunks: int, code_bytes: int) -> None:
    """Vectors, edges, segments and catalogue, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    texts, real = [], []
    for name in ("scifact", "wiki_qa"):
        passages, _, _ = maker.judged(name)
        texts += passages
        real.append(maker.embed(name, passages))
    path = folder / "vectors.npy"
    if not path.exists():
        _say("vectors")
        np.save(path, modelled(np.concatenate(real), chunks).astype(np.float16))
    vectors = np.load(path, mmap_mode="r")
    parts = list(pairwise(_bounds(chunks)))
    for number, (first, last) in enumerate(parts):
        edges = folder / f"edges-{number}.npy"
        if not edges.exists():
            _say(f"edges of segment {number}")
            np.save(edges, clustered_edges(vectors[first:last]))
    home = folder / f"home-{code_bytes}"
    if not (home / "done").exists():
        shutil.rmtree(home, ignore_errors=True)
        _publish(home, folder, vectors, parts, texts, code_bytes)
        (home / "done").touch()


def _bounds(chunks: int) -> list[int]:
    """Where segments begin and the last one ends, in whole documents."""
    documents = chunks // PER_DOCUMENT
    return [
        0,
        *(PER_DOCUMENT * round(sum(SHARES[: n + 1]) * documents) for n in range(len(SHARES))),
    ]


def clustered_edges(vectors: NDArray[np.float16]) -> Edges:
    """The graph's edges inside each of some clusters of like vectors."""
    count = len(vectors)
    clusters = max(1, count // CLUSTER)
    rng = np.random.default_rng(0)
    middles = vectors[np.sort(rng.choice(count, clusters, replace=False))].astype(np.float32)
    for turn in range(3):
        rows = np.arange(count) if turn == 2 else np.sort(rng.choice(count, min(count, 50_000)))
        owner = np.concatenate(
            [
                np.argmax(vectors[part].astype(np.float32) @ middles.T, axis=1)
                for part in np.array_split(rows, max(1, len(rows) // 10_000))
            ]
        )
        if turn < 2:
            for one in np.unique(owner):
                middle = vectors[rows[owner == one]].astype(np.float32).mean(axis=0)
                middles[one] = middle / np.linalg.norm(middle)
    found = []
    for one in np.unique(owner):
        members = np.flatnonzero(owner == one)
        pieces = np.array_split(members, -(-len(members) // (2 * CLUSTER)))
        found += [piece[build_edges(vectors[piece].astype(np.float32))] for piece in pieces]
    return tidy(np.concatenate(found))


def _publish(
    home: Path,
    folder: Path,
    vectors: NDArray[np.float16],
    parts: list[tuple[int, int]],
    texts: list[str],
    code_bytes: int,
) -> None:
    (home / "segments").mkdir(parents=True)
    sample = vectors[np.sort(np.random.default_rng(0).permutation(len(vectors))[:FIT_SAMPLE])]
    fit_rotation(sample.astype(np.float32), code_bytes).save(home / "rotation.npz")
    rotation = load_rotation(home / "rotation.npz")
    words = WordIndex(build(texts, Tokenizer()))
    catalogue = Catalogue(home / "catalogue.db")
    spans = pack_document(
        [(at * CHUNK_CHARS, (at + 1) * CHUNK_CHARS) for at in range(PER_DOCUMENT)], ()
    )
    for number, (first, last) in enumerate(parts):
        _say(f"segment {number}")
        count = last - first
        codes = np.concatenate(
            [
                rotation.encode(vectors[at : min(last, at + 50_000)].astype(np.float32))
                for at in range(first, last, 50_000)
            ]
        )
        repeats = -(-count // words.chunks)
        targets = np.arange(repeats * words.chunks).reshape(repeats, -1)
        joined = merge([words] * repeats, list(np.where(targets < count, targets, -1)))
        documents = count // PER_DOCUMENT
        name = f"{number}.segment"
        write_segment(
            home / "segments" / name,
            MODEL,
            rotation.name,
            codes,
            np.load(folder / f"edges-{number}.npy"),
            [(PER_DOCUMENT, spans)] * documents,
            joined,
        )
        catalogue.publish(name, MODEL, list(_documents(first, documents)))
    catalogue.close()


def _documents(first: int, count: int) -> Iterator[NewDocument]:
    texts = ("",) * PER_DOCUMENT
    size = PER_DOCUMENT * CHUNK_CHARS
    for at in range(count):
        name = (first + at).to_bytes(12, "big")
        yield NewDocument(name, texts, size, UNTITLED, False, b"", ())


def _say(what: str) -> None:
    print(f"making {what}", file=sys.stderr, flush=True)


# --- measuring --------------------------------------------------------------------------


def measure(home: Path, folder: Path, queries: Floats, asked: list[str]) -> dict[str, float]:
    """All figures of the index in a folder."""
    rotation = replace(load_rotation(home / "rotation.npz"), own=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    catalogue = Catalogue(home / "catalogue.db")
    texts = TextCache(home / "texts", 0)
    store = IndexStore(home / "segments", catalogue, rotation, MODEL, texts, lambda: 10**12)
    opened = time.perf_counter()
    nothing: Any = None
    searcher = Finder(store.view, catalogue, nothing, nothing, EmbeddingCache(0), texts)
    searcher.look_up(np.load(folder / "vectors.npy", mmap_mode="r"))
    searcher.candidates(Query(asked[0]), queries[0])
    first = time.perf_counter()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    gc.collect()
    works, processor_ms = [], []
    for text, vector in zip(asked, queries, strict=True):
        began = time.thread_time()
        works.append(searcher.candidates(Query(text), vector))
        processor_ms.append(1000 * (time.thread_time() - began))
    del works[:3], processor_ms[:3]
    chunks, sizes = store.view.chunks, store.sizes()
    parts = {
        f"{name}_ms": 1000 * statistics.median(work.spent_s[name] for work in works)
        for name in ("lexical", "codes", "rank")
    }
    total = sorted(1000 * work.spent_s["total"] for work in works)
    catalogue.close()
    return {
        "chunks": chunks,
        "open_s": opened - started,
        "first_query_s": first - opened,
        "memory_mb": grown / 1024,
        "query_ms": statistics.median(total),
        "query_processor_ms": statistics.median(processor_ms),
        "query_p95_ms": total[int(0.95 * len(total))],
        **parts,
        "recomputes": statistics.fmean(work.recomputed for work in works),
        "codes_bytes": sizes.codes / chunks,
        "graph_bytes": sizes.graph / chunks,
        "spans_bytes": sizes.spans / chunks,
        "words_bytes": sizes.words / chunks,
        "catalogue_bytes": (home / "catalogue.db").stat().st_size / chunks,
    }


def recalls(home: Path, folder: Path, queries: Floats) -> None:
    """Print what the parts of the search find, without words: all copies share the same."""
    vectors = np.load(folder / "vectors.npy").astype(np.float32)
    bounds = _bounds(len(vectors))
    edges = [np.load(folder / f"edges-{n}.npy") + bounds[n] for n in range(len(SHARES))]
    graph = open_graph(np.concatenate(edges), len(vectors))
    passages = Passages("made", vectors, queries, 1, [None] * len(queries), graph)
    codes = Codes(load_rotation(home / "rotation.npz"), vectors[:0])
    pieces = [Segment(home / "segments" / f"{n}.segment").codes for n in range(len(SHARES))]
    codes.codes = np.concatenate(pieces)
    codes.lengths = codes.rotation.lengths(codes.codes)
    print(f"recall@3/@10 after {', '.join(map(str, AT))}, and at the end")
    for name, parts in (
        ("codes alone", Parts(graph=False, learning=False)),
        ("+ graph", Parts(learning=False)),
        ("+ learning", Parts(graph=False)),
        ("+ graph, learning", Parts()),
    ):
        outcome = Outcome()
        for query in range(len(queries)):
            search(passages, query, codes, parts, outcome)
        print(f"  {name:<18} {outcome.row()}", flush=True)


def main() -> int:
    """Make what is missing, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=1_000_000)
    parser.add_argument("--bytes", type=int, default=16)
    parser.add_argument("--queries", type=int, default=150)
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "ablation")
    parser.add_argument("--recall", action="store_true")
    options = parser.parse_args()
    maker = Maker(options.cache, options.queries)
    folder = options.cache / f"scale-{options.chunks}"
    make(folder, maker, options.chunks, options.bytes)
    asked: list[str] = []
    vectors = []
    for name in ("scifact", "wiki_qa"):
        _, texts, _ = maker.judged(name)
        asked += texts
        vectors.append(maker.embed(f"{name}-queries-{len(texts)}", texts))
    queries = np.concatenate(vectors)
    home = folder / f"home-{options.bytes}"
    print(f"{options.chunks} chunks, {options.bytes} bytes of code each, on {machine()}")
    if options.recall:
        recalls(home, folder, queries[::8])
        return 0
    figures = measure(home, folder, queries, asked)
    missed = [name for name, most in GATES.items() if figures[name] > most]
    for name, value in figures.items():
        gate = f"   gate <= {GATES[name]:g}" if name in GATES else ""
        print(f"  {name:<18} {value:>12.4g}{gate}{'   MISSED' if name in missed else ''}")
    return 1 if missed else 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
