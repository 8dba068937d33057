"""LEANN's part of leann_peer.py, in an environment of its own: build, then ask one by one.

    python -P benchmarks/leann_side.py WORK MODEL MINUTES

WORK holds `passages.json` and `asked.json`, lists of texts; the figures are written to
`leann.json` there. Everything is left at LEANN's defaults: HNSW, compact, recomputed, complexity
64. Its own log tells how many passages it embeds for a query.
"""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

COMPUTED = re.compile(r"Computed embeddings for (\d+) texts")


def main() -> int:
    """Build the index, ask until all is asked or the time is over."""
    work, model, minutes = Path(sys.argv[1]).resolve(), sys.argv[2], float(sys.argv[3])
    log = work / "leann.log"
    log.write_text("")
    os.environ.update(
        LEANN_LOG_LEVEL="INFO", LEANN_HNSW_LOG_PATH=str(log), TOKENIZERS_PARALLELISM="false"
    )
    import leann.api  # type: ignore[import-not-found]
    import numpy as np
    import psutil
    from leann import LeannBuilder, LeannSearcher  # type: ignore[import-not-found]

    passages = json.loads((work / "passages.json").read_text("utf-8"))
    asked = json.loads((work / "asked.json").read_text("utf-8"))
    embed = leann.api.compute_embeddings
    made: list[Any] = []

    def keep(texts: list[str], *arguments: Any, **options: Any) -> Any:
        """The same embeddings; those of the passages are kept, for the exact order."""
        found = embed(texts, *arguments, **options)
        if len(texts) == len(passages):
            made.append(np.asarray(found, dtype=np.float32))
        return found

    leann.api.compute_embeddings = keep
    started = time.perf_counter()
    builder = LeannBuilder(backend_name="hnsw", embedding_model=model)
    for text in passages:
        builder.add_text(text)
    builder.build_index(str(work / "leann" / "index.leann"))
    built_s = time.perf_counter() - started
    leann.api.compute_embeddings = embed
    sizes = {path.name: path.stat().st_size for path in (work / "leann").iterdir()}
    best = exact_order(np, made[0], embed(asked, model, use_server=False))
    searcher = LeannSearcher(str(work / "leann" / "index.leann"))
    searcher.search(asked[0], top_k=10)
    answers: list[dict[str, Any]] = []
    deadline = time.perf_counter() + 60 * minutes
    for number, question in enumerate(asked):
        if time.perf_counter() > deadline:
            break
        before = computed(log)
        begun = time.perf_counter()
        hits = [int(hit.id) for hit in searcher.search(question, top_k=10)]
        seconds = time.perf_counter() - begun
        recomputed = computed(log) - before
        answers.append({"hits": hits, "best": best[number], "s": seconds, "computed": recomputed})
        print(f"LEANN: {number + 1} of {len(asked)}, {seconds:.1f} s, {recomputed}", flush=True)
    resident = resident_bytes(psutil, work)
    figures = {"built_s": built_s, "sizes": sizes, "answers": answers, "resident": resident}
    (work / "leann.json").write_text(json.dumps(figures))
    return 0


def computed(log: Path) -> int:
    """How many passages the server has embedded so far."""
    return sum(map(int, COMPUTED.findall(log.read_text("utf-8", "replace"))))


def exact_order(np: Any, vectors: Any, questions: Any) -> list[list[int]]:
    """The ten best passages of each question."""
    scores = np.asarray(questions, dtype=np.float32) @ vectors.T
    return [np.argsort(-row, kind="stable")[:10].tolist() for row in scores]


def resident_bytes(psutil: Any, work: Path) -> int:
    """What this process and the server of this index hold; the server is ended."""
    total = int(psutil.Process().memory_info().rss)
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if any("embedding_server" in word for word in line) and any(
            str(work) in word for word in line
        ):
            total += process.memory_info().rss
            process.terminate()
    return total


if __name__ == "__main__":
    sys.exit(main())
