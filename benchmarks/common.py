"""What the benchmarks share: the data, running the real command, ranking measures."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]


def data_folder(*parts: str) -> Path:
    """A folder of the benchmark data, or an exit that says how to name it."""
    root = Path(os.environ.get("SATCHEL_DATA", ROOT.parent / "shared" / "data"))
    folder = root.joinpath(*parts)
    if not folder.exists():
        sys.exit(f"benchmark: {folder} is not there; set SATCHEL_DATA to the data folder")
    return folder


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON lines file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Judgments by query: document -> relevance."""
    found: dict[str, dict[str, int]] = {}
    for line in path.read_text("utf-8").splitlines()[1:]:
        query, document, score = line.split("\t")
        found.setdefault(query, {})[document] = int(score)
    return found


def write_corpus(source: Path, folder: Path) -> int:
    """One text file a document, title first; the bytes of text."""
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    for document in read_jsonl(source):
        text = f"{document.get('title', '')}\n\n{document['text']}".strip() + "\n"
        (folder / f"{document['id']}.txt").write_text(text, "utf-8")
        total += len(text.encode())
    return total


@dataclass(frozen=True, slots=True)
class Run:
    """A finished command: its output, wall time, and the peak resident set of its main process."""

    stdout: str
    seconds: float
    peak_resident_bytes: int


def satchel(home: Path, *arguments: str) -> Run:
    """Run the real command in a process of its own; exits when it fails."""
    command = [sys.executable, "-m", "app.cli", "--home", str(home), *arguments]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    peak = [0]

    def watch() -> None:
        while process.poll() is None:
            try:
                peak[0] = max(peak[0], psutil.Process(process.pid).memory_info().rss)
            except psutil.Error:
                return
            time.sleep(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    stdout, _ = process.communicate()
    watcher.join()
    if process.returncode:
        sys.exit(f"benchmark: {' '.join(arguments)} ended with code {process.returncode}")
    return Run(stdout, time.perf_counter() - started, peak[0])


def recall_at(k: int, found: Sequence[Any], best: Sequence[Any]) -> float:
    """Share of the k best that are among the k found."""
    wanted = set(best[:k])
    return len(wanted & set(found[:k])) / len(wanted) if wanted else 1.0


def ndcg_at(k: int, ranked: Sequence[str], judged: Mapping[str, int]) -> float:
    """Normalized discounted cumulative gain at k (linear gain)."""
    gains = [judged.get(document, 0) for document in ranked[:k]]
    dcg = sum(gain / math.log2(rank + 2) for rank, gain in enumerate(gains))
    ideal = sorted(judged.values(), reverse=True)[:k]
    best = sum(gain / math.log2(rank + 2) for rank, gain in enumerate(ideal))
    return dcg / best if best else 0.0


def documents_in_order(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """Document ids of results, each once, by the first passage of each."""
    return list(dict.fromkeys(Path(result["path"]).stem for result in results))


def machine() -> str:
    """Processor and instruction sets that the figures depend on."""
    name, flags = platform.processor() or platform.machine(), ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        name = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), name)
        have = next((x for x in lines if x.startswith("flags")), "").split()
        flags = " ".join(f for f in ("avx2", "avx512_vnni", "avx512_bf16", "amx_int8") if f in have)
    return f"{name}, {len(psutil.Process().cpu_affinity())} processors, {flags}"
