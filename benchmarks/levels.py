"""What each level of the index costs and finds, against embedding everything anew.

    python benchmarks/levels.py [--set scifact|wiki_qa] [--queries 300] [--levels NAME...]
                                [--embeddings FILE]

The real store, words, moves from level to level and search; files are read in this
process. Each text is embedded once, with the prepared model, and looked up after
that; with --embeddings they are kept in FILE (npz) from run to run. The index
begins at codes-16 and is brought to one level after another.

`B/chunk` is all but words and catalogue: codes, graph, spans, embeddings; `kB` what
a home keeps once, the rotation of its codes. Recall is by passages, `ms` the median
time of a search without embedding and reading, `moved` how many passages had to be embedded
anew to get to the level.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from common import ROOT, data_folder, machine, read_jsonl, recall_at, write_corpus
from numpy.typing import NDArray

sys.path.insert(0, str(ROOT))

from core.errors import FileError
from core.files.rules import Rules
from core.home import find_home
from core.index.code_choice import choose_codes
from core.index.embedder import Embedder, EmbeddingModel, Question, find_model
from core.index.embedding_cache import EmbeddingCache
from core.index.indexer import Indexer
from core.index.levelling import Leveller, Memory
from core.index.levels import DEFAULT_LEVEL, LEVEL_NAMES, LEVELS, Level, level_named
from core.index.models import STARTER, embedding_folder
from core.index.reader import Wanted
from core.index.rotations import drop_unused, kept_bytes
from core.index.search import Query, Results, Searcher
from core.index.text_cache import TextCache
from core.index.upkeep import IndexStore
from core.messages import UNTITLED, Chunks, ChunkText, Extracted, Locator, PassageText
from core.store.catalogue import Catalogue
from core.store.rows import FileRef
from core.text.chunk import Chunker

Floats = NDArray[np.float32]

PARTS = ("codes", "lexical", "rank")  # of a search: what is neither embedding nor reading


class LookedUp:
    """The prepared model, but each text is embedded once; counts what was asked for."""

    def __init__(self, model: EmbeddingModel, file: Path | None) -> None:
        self._model = model
        self._file = file
        self._rows: dict[str, Floats] = {}
        self._embedder: Embedder | None = None
        self.asked = 0
        if file is not None and file.exists():
            with np.load(file, allow_pickle=False) as data:
                self._rows = dict(zip(data["texts"].tolist(), data["rows"], strict=True))

    def prepare(self, texts: Sequence[str]) -> None:
        """Embed what is not there yet, and keep it."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._rows]
        for at in range(0, len(missing), 256):
            part = missing[at : at + 256]
            self._embedder = self._embedder or Embedder(self._model.folder, threads=2)
            self._rows.update(zip(part, self._embedder.embed(part), strict=True))
            print(f"\rembedded {at + len(part)} of {len(missing)}", end="", file=sys.stderr)
        if missing and self._file is not None:
            np.savez(
                self._file, texts=np.array([*self._rows]), rows=np.stack([*self._rows.values()])
            )

    def embed(self, texts: Sequence[str]) -> Floats:
        """As the model does."""
        self.asked += len(texts)
        self.prepare(texts)
        dimensions = self._model.description.dimensions
        rows = [self._rows[text] for text in texts]
        return np.stack(rows) if rows else np.empty((0, dimensions), dtype=np.float32)

    def question(self, text: str) -> Question:
        """As the model does, but for the tokens; the starter's questions have no prefix."""
        return Question(self.embed([text])[0], np.empty((0, 0), dtype=np.float32))


class HereReader:
    """Reads plain text files in this process."""

    def __init__(self, model: EmbeddingModel) -> None:
        self._chunker = Chunker(str(model.tokenizer), model.description.chunk_tokens)

    def extract(self, file: FileRef) -> Iterator[Chunks | Extracted]:
        """The chunks of a file."""
        text = Path(file.path).read_text("utf-8")
        chunks = tuple(ChunkText(a, b, text[a:b]) for a, b in self._chunker.spans(text))
        yield Chunks(1, chunks)
        yield Extracted(1, len(text), len(text.encode()), (), "text", UNTITLED, False, "")

    def read(self, wanted: Sequence[Wanted]) -> list[tuple[PassageText, ...] | FileError]:
        """Passages by their spans."""
        texts = [Path(item.file.path).read_text("utf-8") for item in wanted]
        return [
            tuple(PassageText(a, b, text[a:b], Locator()) for a, b in item.spans)
            for item, text in zip(wanted, texts, strict=True)
        ]


class Desk:
    """A home with one folder, opened."""

    def __init__(self, work: Path, files: Path, model: EmbeddingModel, embedder: LookedUp) -> None:
        self.embedder = embedder
        self._model = model
        self._rotations = work / "rotations"
        self._files = files
        segments = work / "segments"
        segments.mkdir(parents=True)
        self._reader = HereReader(model)
        self.catalogue = Catalogue(work / "catalogue.db")
        self._texts = TextCache(work / "texts", 0)
        level = level_named(DEFAULT_LEVEL)
        codes = choose_codes(level, STARTER, model, self._rotations)
        self.store = IndexStore(
            segments, self.catalogue, codes, "model", self._texts, lambda: 10**12, level
        )

    def turn_to(self, level: Level) -> None:
        """Bring the index to a level."""
        if level != self.store.dial.level:
            codes = choose_codes(level, STARTER, self._model, self._rotations)
            self.store.set_level(level, codes)
        self.index()
        drop_unused(self._rotations, self._model, self.store.rotations_in_use())

    def index(self) -> None:
        """Bring the index up to date."""
        self.catalogue.files.sync_folders([str(self._files)])
        outcome = Indexer(
            self.catalogue,
            self.store,
            self._reader,
            lambda: self.embedder,  # type: ignore[arg-type,return-value]
            lambda path: Rules(path, (), own_home=[], max_file_bytes=10**7),
            lambda _: None,
            lambda: None,
            Leveller(
                self.catalogue,
                self.store,
                self._reader,
                self._texts,
                lambda: self.embedder,  # type: ignore[arg-type,return-value]
                lambda _: None,
                lambda: None,
                Memory(),
            ),
        ).run(on_current=lambda _outcome: True)
        if outcome.stopped:
            sys.exit(f"benchmark: {outcome.stopped}")

    def searcher(self) -> Searcher:
        """A searcher without a memory of embeddings."""
        return Searcher(
            self.store.view,
            self.catalogue,
            lambda: self.embedder,  # type: ignore[arg-type,return-value]
            self._reader,
            EmbeddingCache(0),
            self._texts,
        )

    def bytes_a_chunk(self) -> float:
        """All but words, catalogue, headers and what the home keeps once."""
        sizes = self.store.sizes()
        return (sizes.parts - sizes.words) / max(1, self.store.view.live_chunks)

    def fixed_bytes(self) -> int:
        """What the home keeps once: the rotation of its codes."""
        return kept_bytes(self._rotations)


def search(searcher: Searcher, text: str, limit: int, exact: bool = False) -> Results:
    """The results for a query, however long it takes."""
    return searcher.search(Query(text, 10, "semantic", fold=False), limit, 1e9, exact=exact)


def passages(results: Results) -> list[object]:
    """What was found, best first."""
    return [(hit.path, hit.start) for hit in results.hits]


def measure(desk: Desk, queries: Sequence[str], gold: Sequence[list[object]], limit: int) -> str:
    """One line of the table."""
    at_3, at_10, used, spent = [], [], [], []
    searcher = desk.searcher()
    search(searcher, queries[0], limit)  # opens words and graph
    for text, best in zip(queries, gold, strict=True):
        results = search(searcher, text, limit)
        mine = passages(results)
        at_3.append(recall_at(3, mine, best))
        at_10.append(recall_at(10, mine, best))
        used.append(results.recomputed)
        ms = results.timings_ms
        spent.append(sum(ms.get(name, 0.0) for name in PARTS))
    mean = statistics.fmean
    return (
        f"{desk.bytes_a_chunk():8.1f} {desk.fixed_bytes() / 1000:7.1f} "
        f"{mean(at_3):9.3f} {mean(at_10):9.3f} {mean(used):10.1f} {max(used):5d} "
        f"{statistics.median(spent):6.1f}"
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", default="scifact", choices=("scifact", "wiki_qa"))
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--levels", nargs="+", choices=LEVEL_NAMES, default=list(LEVEL_NAMES))
    parser.add_argument("--limit", type=int, default=28, help="most recomputes of a search")
    parser.add_argument("--embeddings", type=Path, metavar="FILE")
    options = parser.parse_args()
    source = data_folder("retrieval", options.set)
    asked = [one["text"] for one in read_jsonl(source / "queries.jsonl")]
    queries = asked[:: max(1, len(asked) // options.queries)][: options.queries]
    model = find_model(embedding_folder(find_home(None, os.environ).models, STARTER))
    embedder = LookedUp(model, options.embeddings)
    with tempfile.TemporaryDirectory(prefix="satchel-levels-") as scratch:
        files = Path(scratch) / "files"
        write_corpus(source / "corpus.jsonl", files)
        chunker = Chunker(str(model.tokenizer), model.description.chunk_tokens)
        texts = [path.read_text("utf-8") for path in sorted(files.iterdir())]
        embedder.prepare([text[a:b] for text in texts for a, b in chunker.spans(text)])
        embedder.prepare(queries)
        desk = Desk(Path(scratch) / "home", files, model, embedder)
        desk.index()
        view = desk.store.view
        exact = desk.searcher()
        gold = [passages(search(exact, text, 0, exact=True)) for text in queries]
        print(f"{options.set}, {view.live_chunks} passages, {len(queries)} queries, {machine()}")
        print(
            "level       B/chunk      kB  recall@3 recall@10 recomputes  most     ms   moved"
            "  to it, s"
        )
        for level in LEVELS:
            if level.name not in options.levels:
                continue
            before, started = embedder.asked, time.perf_counter()
            desk.turn_to(level)
            spent, moved = time.perf_counter() - started, embedder.asked - before
            row = measure(desk, queries, gold, options.limit)
            print(f"{level.name:<10}{row} {moved:7d} {spent:9.1f}", flush=True)
        desk.catalogue.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
