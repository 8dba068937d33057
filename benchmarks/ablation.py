"""What each part of the search finds, at equal recomputes, against exact search.

    python benchmarks/ablation.py [--bytes 16 24] [--queries 200] [--texts FOLDER]
    python benchmarks/ablation.py --fit-stopping

Sets: SciFact, wiki_qa, and both together with the files of FOLDER. Embeddings
are made once, with the prepared model, and kept in --cache. `shipped` codes were
fitted on none of these texts; `own` are fitted on the set's passages, never on
its queries, as a home does. --fit-stopping prints what each caution
of `core.index.stopping` gives, on wiki_qa to choose by and on SciFact to judge.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
from common import ROOT, data_folder, machine, read_jsonl, recall_at
from numpy.typing import NDArray

sys.path.insert(0, str(ROOT))

from core.errors import FileError
from core.home import find_home
from core.index.codes import Rotation, scan
from core.index.embedder import BATCH, Embedder, find_model
from core.index.fit_codes import fit_rotation, own_width
from core.index.frontier import Corpus, Frontier, with_words
from core.index.graph import Graph, build_edges, open_graph, pack_edges
from core.index.models import STARTER, embedding_folder
from core.index.rotations import shipped_rotation
from core.index.search import EVIDENCE_DEPTH, POOL, STEP
from core.index.stopping import CAUTION, MOST_TOP, settled
from core.index.terms import Tokenizer
from core.index.word_build import build
from core.index.word_search import WordHits, WordSearch
from core.index.words import WordIndex
from core.text.chunk import Chunker
from core.text.formats import extract

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

AT = (16, 24, 28)  # recomputes at which the parts are compared
CAUTIONS = (0.0, 0.5, 0.75, 1.0, 1.25, 1.5)
SMALL = 5000
FIT_SAMPLE = 20_000


@dataclass
class Passages:
    """A set: its passages' and queries' embeddings, and what words say of each query."""

    name: str
    vectors: Floats
    queries: Floats
    text_bytes: int
    words: list[WordHits | None]
    graph: Graph | None = None
    graph_bytes: int = 0

    def link(self) -> None:
        """Build the graph."""
        edges = build_edges(self.vectors, threads=2)
        self.graph = open_graph(edges, len(self.vectors))
        self.graph_bytes = len(pack_edges(edges, len(self.vectors)))


@dataclass(frozen=True)
class Parts:
    """Which parts of the search take part."""

    graph: bool = True
    learning: bool = True
    words: bool = True
    caution: float | None = None  # None: never stops early
    most: int = 28


@dataclass
class Outcome:
    """Recall@3 and @10 after some numbers of recomputes, and at the end."""

    at: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    end: list[tuple[float, float]] = field(default_factory=list)
    used: list[int] = field(default_factory=list)

    def row(self) -> str:
        """One line of the table."""
        cells = [_pair(self.at[n]) if n in self.at else " " * 11 for n in AT]
        return "  ".join([*cells, f"{statistics.fmean(self.used):5.1f} {_pair(self.end)}"])


def _pair(found: Sequence[tuple[float, float]]) -> str:
    return (
        f"{statistics.fmean(a for a, _ in found):.3f}/{statistics.fmean(b for _, b in found):.3f}"
    )


class Unlearned(Frontier):
    """A frontier that learns nothing from exact scores."""

    def _corrected(self) -> Floats:
        return np.where(np.isnan(self.exact), self._guess, self.exact)


def search(passages: Passages, query: int, codes: Codes, parts: Parts, outcome: Outcome) -> None:
    """One query as `core.index.search` runs it, with exact scores looked up."""
    exact = passages.vectors @ passages.queries[query]
    gold = np.argsort(-exact, kind="stable")[:10].tolist()
    estimates = codes.estimates(passages.queries[query])
    hits = passages.words[query]
    if parts.words and hits is not None:
        estimates = with_words(estimates, hits.positions, hits.scores)
    start = np.argpartition(-estimates, POOL)[:POOL].astype(np.int64)
    graph = passages.graph if parts.graph else None
    corpus = Corpus(codes.decoded, graph.neighbours if graph else lambda _: start[:0])
    frontier = (Frontier if parts.learning else Unlearned)(corpus, estimates, start)
    done = 0
    while done < parts.most:
        known = ~np.isnan(frontier.exact)
        if done and parts.caution is not None:
            rest = frontier.current()[~known]
            scores, surprises = frontier.exact[known], frontier.surprises
            if settled(scores, rest, surprises, MOST_TOP, parts.caution):
                break
        batch = frontier.next_batch(min(STEP if done else BATCH, parts.most - done))
        frontier.add_exact(batch, exact[batch].astype(np.float32))
        done += len(batch)
        if done in AT and parts.caution is None:
            outcome.at.setdefault(done, []).append(_recall(frontier, gold))
    outcome.used.append(done)
    outcome.end.append(_recall(frontier, gold))


def _recall(frontier: Frontier, gold: list[int]) -> tuple[float, float]:
    known = np.flatnonzero(~np.isnan(frontier.exact))
    found = frontier.ids[known[np.argsort(-frontier.exact[known], kind="stable")]].tolist()
    return recall_at(3, found, gold), recall_at(10, found, gold)


class Codes:
    """The codes of a set."""

    def __init__(self, rotation: Rotation, vectors: Floats) -> None:
        self.rotation = rotation
        self.codes = rotation.encode(vectors)
        self.lengths = rotation.lengths(self.codes)

    def estimates(self, query: Floats) -> Floats:
        """Estimated cosines of all."""
        return scan(*self.rotation.tables(query), self.codes, self.lengths)

    def decoded(self, ids: Ints) -> Floats:
        """What some stand for."""
        return self.rotation.decode(self.codes[ids])


# --- the sets ---------------------------------------------------------------------------


class Maker:
    """Makes sets with the prepared model, each embedding once."""

    def __init__(self, cache: Path, queries: int) -> None:
        self._cache = cache
        self._queries = queries
        self._model = find_model(embedding_folder(find_home(None, os.environ).models, STARTER))
        self._chunker = Chunker(str(self._model.tokenizer), self._model.description.chunk_tokens)
        self._embedder: Embedder | None = None

    def judged(self, name: str) -> tuple[list[str], list[str], int]:
        """Chunks, queries and bytes of text of a judged collection."""
        texts = [text for _, text in _documents(name)]
        queries = [
            one["text"] for one in read_jsonl(data_folder("retrieval", name) / "queries.jsonl")
        ]
        step = max(1, len(queries) // self._queries)
        size = sum(len(text.encode()) for text in texts)
        return self._chunks(texts), queries[::step][: self._queries], size

    def owners(self, name: str) -> list[str]:
        """The document of each chunk of a judged collection."""
        return [number for number, text in _documents(name) for _ in self._chunker.spans(text)]

    def files(self, folder: Path) -> tuple[list[str], int]:
        """Chunks and bytes of text of the files in a folder."""
        texts = []
        for path in sorted(folder.rglob("*")):
            try:
                texts.append(extract(str(path)).text if path.is_file() else "")
            except FileError:
                continue
        return self._chunks(texts), sum(len(text.encode()) for text in texts)

    def _chunks(self, texts: Sequence[str]) -> list[str]:
        return [text[a:b] for text in texts for a, b in self._chunker.spans(text)]

    def embedder(self) -> Embedder:
        """The prepared model."""
        self._embedder = self._embedder or Embedder(self._model.folder, threads=2)
        return self._embedder

    def embed(self, name: str, texts: Sequence[str]) -> Floats:
        """Embeddings of texts, kept under a name."""
        path = self._cache / f"{name}.npy"
        if path.exists() and len(found := np.load(path)) == len(texts):
            return np.asarray(found, dtype=np.float32)
        embedder = self.embedder()
        parts = []
        for at in range(0, len(texts), 256):
            parts.append(embedder.embed(texts[at : at + 256]))
            print(f"\r{name}: {at} of {len(texts)} passages", end="", file=sys.stderr)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.concatenate(parts))
        return np.concatenate(parts)


def _documents(name: str) -> list[tuple[str, str]]:
    """The numbers and texts of a judged collection's documents."""
    return [
        (one["id"], f"{one.get('title', '')}\n\n{one['text']}".strip() + "\n")
        for one in read_jsonl(data_folder("retrieval", name) / "corpus.jsonl")
    ]


def with_evidence(
    name: str,
    vectors: Floats,
    texts: Sequence[str],
    queries: Floats,
    asked: Sequence[str],
    size: int,
) -> Passages:
    """A set whose words are indexed, too."""
    index = WordIndex(build(texts, Tokenizer()))
    words = WordSearch([index], np.ones(len(texts), dtype=np.bool_))
    hits = [words.rank(query, EVIDENCE_DEPTH) for query in asked]
    return Passages(name, vectors, queries, size, list(hits))


def real_sets(maker: Maker, folder: Path | None) -> list[Passages]:
    """SciFact, its first passages, wiki_qa, and both with the files of a folder."""
    made = []
    every: list[tuple[list[str], list[str], int, Floats, Floats]] = []
    for name in ("scifact", "wiki_qa"):
        chunks, asked, size = maker.judged(name)
        vectors = maker.embed(name, chunks)
        queries = maker.embed(f"{name}-queries-{len(asked)}", asked)
        every.append((chunks, asked, size, vectors, queries))
        made.append(with_evidence(name, vectors, chunks, queries, asked, size))
    chunks, asked, size, vectors, queries = every[0]
    part = size * SMALL // len(chunks)
    made.insert(
        0, with_evidence("scifact 5k", vectors[:SMALL], chunks[:SMALL], queries, asked, part)
    )
    more, more_bytes = maker.files(folder) if folder else ([], 0)
    both = [text for one in every for text in one[0]] + more
    vectors = np.concatenate(
        [*(one[3] for one in every), maker.embed("files", more)]
        if more
        else [one[3] for one in every]
    )
    asked = [text for one in every for text in one[1]]
    queries = np.concatenate([one[4] for one in every])
    size = sum(one[2] for one in every) + more_bytes
    made.append(with_evidence(f"mixed {len(both)}", vectors, both, queries, asked, size))
    return made


def modelled(real: Floats, count: int, seed: int = 0) -> Floats:
    """Vectors like real ones: topics are those of real passages, and what is left is as long
    and as unevenly spread as between a passage and its nearest in another part.
    """
    rng = np.random.default_rng(seed)
    sample = real[rng.permutation(len(real))[:8000]]
    half = len(sample) // 2
    nearest = np.argmax(sample[:half] @ sample[half:].T, axis=1)
    steps = sample[:half] - sample[half:][nearest]
    spread, axes = np.linalg.eigh(steps.T @ steps / half)
    made = np.empty((count, real.shape[1]), dtype=np.float32)
    for at in range(0, count, 50_000):
        size = min(50_000, count - at)
        noise = rng.standard_normal((size, len(spread))) * np.sqrt(np.maximum(spread, 0))
        rows = real[rng.integers(0, len(real), size)] + noise @ axes.T
        made[at : at + size] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return made


# --- tables -----------------------------------------------------------------------------

STEPS: tuple[tuple[str, Parts], ...] = (
    ("codes alone", Parts(graph=False, learning=False, words=False)),
    ("+ graph", Parts(learning=False, words=False)),
    ("+ learning", Parts(graph=False, words=False)),
    ("+ graph, learning", Parts(words=False)),
    ("+ words", Parts(graph=False, learning=False)),
    ("+ all", Parts()),
    ("+ all, stopping", Parts(caution=CAUTION)),
    ("+ all, stopping, 40", Parts(caution=CAUTION, most=40)),
)


def run(passages: Passages, codes: Codes, parts: Parts) -> Outcome:
    """All queries of a set."""
    outcome = Outcome()
    for query in range(len(passages.queries)):
        search(passages, query, codes, parts, outcome)
    return outcome


def table(passages: Passages, code_bytes: int, kinds: Sequence[str]) -> None:
    """Print what each part gives for one length of code."""
    for kind in kinds:
        rotation = _rotation(kind, code_bytes, passages.vectors)
        codes = Codes(rotation, passages.vectors)
        share = (len(passages.vectors) * code_bytes + passages.graph_bytes) / passages.text_bytes
        print(
            f"\n{passages.name}, {kind} {code_bytes} B: codes and graph are {share:.2%} of the text"
        )
        print(
            f"  {'recall@3/@10 after':<22}"
            + "  ".join(f"{n:^11}" for n in AT)
            + "   mean, at the end"
        )
        for name, parts in STEPS:
            if passages.graph is not None or not parts.graph:
                print(f"  {name:<22}{run(passages, codes, parts).row()}", flush=True)


def _rotation(kind: str, code_bytes: int, vectors: Floats) -> Rotation:
    if kind == "own":
        chosen = np.random.default_rng(0).permutation(len(vectors))[:FIT_SAMPLE]
        width = own_width(vectors.shape[1], code_bytes)
        return fit_rotation(vectors[np.sort(chosen)], code_bytes, width=width)
    shipped = shipped_rotation("all-minilm-l6-v2", code_bytes)
    assert shipped is not None
    return shipped


def cautions(sets: Sequence[Passages], code_bytes: Sequence[int]) -> None:
    """Print what each caution gives: recomputes, recall@3 and @10."""
    for passages in sets:
        for size, kind in product(code_bytes, ("shipped", "own")):
            codes = Codes(_rotation(kind, size, passages.vectors), passages.vectors)
            for caution in CAUTIONS:
                outcome = run(passages, codes, Parts(most=40, caution=caution))
                mean = statistics.fmean(outcome.used)
                label = f"{passages.name:<12} {kind} {size:>2} B, caution {caution:.2f}"
                print(f"{label}  {mean:5.1f}  {_pair(outcome.end)}", flush=True)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bytes", type=int, nargs="+", default=[16, 24])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--texts", type=Path, help="more files for the largest set")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "ablation")
    parser.add_argument("--fit-stopping", action="store_true")
    options = parser.parse_args()
    print(machine())
    sets = real_sets(Maker(options.cache, options.queries), options.texts)
    for passages in sets:
        passages.link()
    if options.fit_stopping:
        cautions([sets[2], sets[1]], options.bytes)
        return 0
    for passages in sets:
        for code_bytes in options.bytes:
            table(passages, code_bytes, ("shipped", "own"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
