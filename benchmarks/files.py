"""A large folder of mixed documents, watched: is it useful soon, complete, small and quick to see?

    python benchmarks/files.py [--folder DIR] [--files 8000] [--idle-minutes 5] [--json]

Without --folder the documents come from Debian's documentation packages, fetched with
`apt-get download` into a cache and unpacked there; nothing is installed. Everything runs
against the real command in processes of its own. Exit code 1 when a gate is missed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from common import ROOT, machine, satchel

sys.path.insert(0, str(ROOT))

from app.children import python_child
from app.extractors import ExtractorPool
from app.local import Remote
from core.home import find_home
from core.index.embedder import find_model
from core.index.models import STARTER, embedding_folder
from core.messages import Extracted, FilesList, Report, Search, SearchResults, StatusRequest
from core.store.rows import FileRef

# How many files of each package at most, so that no kind of document outweighs the rest.
PACKAGES = {
    "fp-docs-3.2.2": 5100, "postgresql-doc-15": 900, "linux-doc-6.1": 700, "git-doc": 500,
    "python3.11-doc": 250, "texlive-latex-base-doc": 250, "debian-handbook": 120,
    "debian-reference-en": 40, "debian-reference-de": 40, "developers-reference": 40,
    "maint-guide": 40, "r-doc-pdf": 20,
}  # fmt: skip
GATES: dict[str, tuple[str, float]] = {
    "first_useful_search_s": ("<=", 60),
    "unaccounted_files": ("<=", 0),
    "html_mb_per_s": (">=", 10),
    "pdf_pages_per_s": (">=", 25),
    "resident_mb": ("<=", 500),
    "idle_resident_mb": ("<=", 150),
    "second_scan_s": ("<=", 3),
    "change_to_found_s": ("<=", 5),
}


def main() -> int:
    """Run everything and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="measure these documents instead")
    parser.add_argument("--files", type=int, default=8000)
    parser.add_argument("--idle-minutes", type=float, default=5.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="satchel-benchmark-") as scratch:
        work = Path(scratch)
        folder = work / "files"
        if options.folder:
            shutil.copytree(options.folder, folder, symlinks=True)
        else:
            gather(folder, options.files)
        figures = measure(folder, work, options.idle_minutes)
    missed = [name for name, gate in GATES.items() if not passes(figures[name], gate)]
    if options.json:
        print(json.dumps({"machine": machine(), "figures": figures, "missed": missed}))
    else:
        print(f"mixed documents on {machine()}")
        for name, value in figures.items():
            gate = f"   gate {' '.join(map(str, GATES[name]))}" if name in GATES else ""
            print(f"  {name:<24} {value:>12.6g}{gate}{'   MISSED' if name in missed else ''}")
    return 1 if missed else 0


def passes(value: float, gate: tuple[str, float]) -> bool:
    """Whether a figure keeps its gate."""
    return value >= gate[1] if gate[0] == ">=" else value <= gate[1]


def gather(folder: Path, most: int) -> None:
    """Copy documents out of Debian's packages; always the same ones, in the order of a hash."""
    cache = Path.home() / ".cache" / "satchel" / "benchmarks"
    cache.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        if not (cache / package).is_dir():
            done = subprocess.run(["apt-get", "download", package], cwd=cache, check=False)
            found = sorted(cache.glob(f"{package}_*.deb"))
            if done.returncode or not found:
                sys.exit(f"benchmark: {package} cannot be had; name documents with --folder")
            subprocess.run(["dpkg", "-x", found[-1], cache / f"{package}.new"], check=True)
            (cache / f"{package}.new").rename(cache / package)
    left, whole = most, sum(PACKAGES.values())
    for package, all_of_it in PACKAGES.items():
        share = -(-all_of_it * most // whole)
        root = cache / package
        files = [p for p in sorted(root.rglob("*")) if p.is_file() and not p.is_symlink()]
        files = [p for p in files if p.suffix not in (".png", ".xpm", ".svg", ".gif", ".css")]
        files.sort(key=lambda p: hashlib.blake2b(str(p.relative_to(root)).encode()).digest())
        for path in files[: min(share, left)]:
            target = folder / package / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            left -= 1


class Memory:
    """The largest resident set of a process, sampled."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.peak_bytes = 0
        threading.Thread(target=self._run, daemon=True).start()

    def now_bytes(self) -> int:
        """The resident set of this moment."""
        return int(self._process.memory_info().rss)

    def _run(self) -> None:
        try:
            while self._process.is_running():
                self.peak_bytes = max(self.peak_bytes, self.now_bytes())
                time.sleep(0.1)
        except psutil.Error:
            return


@contextmanager
def watching(home: Path) -> Iterator[subprocess.Popen[str]]:
    """The service of a home, indexing and then watching."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "--home", str(home), "index", "--watch"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=120)


def measure(folder: Path, work: Path, idle_minutes: float) -> dict[str, float]:
    """All figures of one folder."""
    home = work / "home"
    (home / "config").mkdir(parents=True)
    satchel(home, "folders", "add", str(folder))
    files = [p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()]
    kinds = Counter(path.suffix.lower() or "(none)" for path in files)
    print(f"{len(files)} files: {dict(kinds.most_common(8))}", file=sys.stderr)
    rates = extraction(files)
    newest = max(
        (p for p in files if p.suffix in (".html", ".txt")), key=lambda p: p.stat().st_mtime
    )
    with watching(home) as process:
        memory = Memory(process.pid)
        started = time.perf_counter()
        caller = connect(home)
        first_s = until(lambda: bool(search(caller, words_of(newest))), started)
        for line in process.stderr or ():
            if line.startswith("watching"):
                break
        index_s = time.perf_counter() - started
        search(caller, "how is a transaction rolled back", mode="hybrid")
        status = report(caller, StatusRequest(caller.next_id()))
        late = folder / "late-note.txt"
        late.write_text("The quokka ate the last stroopwafel on Rottnest.\n")
        changed_s = until(lambda: bool(search(caller, "quokka stroopwafel")), time.perf_counter())
        moved_s = renamed(folder, caller)
        status_after = report(caller, StatusRequest(caller.next_id()))
        caller.close()
        time.sleep(60 * idle_minutes)
        idle_bytes = memory.now_bytes()
    again = satchel(home, "index", "--json")
    body = json.loads(again.stdout)
    counted = sum(body["files"].values())
    on_disk = sum(1 for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    store, text = body["store_bytes"], body["text_bytes"]
    rest = store["total"] - store["lexical"] - store["text_cache"]
    return {
        "files": len(files),
        **{f"files_{name}": count for name, count in body["files"].items()},
        "text_mb": text / 1e6,
        "chunks": body["chunks"],
        **rates,
        "first_useful_search_s": first_s,
        "index_s": index_s,
        "chunks_per_s": status["index"]["chunks"] / index_s,
        "unaccounted_files": abs(counted - on_disk),
        "resident_mb": memory.peak_bytes / 1e6,
        "idle_resident_mb": idle_bytes / 1e6,
        "second_scan_s": body["seconds"],
        "second_run_s": again.seconds,
        "change_to_found_s": changed_s,
        "folder_rename_to_found_s": moved_s,
        "chunks_after_rename": status_after["index"]["chunks"] - status["index"]["chunks"],
        "store_share_of_text": rest / text,
        "lexical_share_of_text": store["lexical"] / text,
        "text_cache_share_of_text": store["text_cache"] / text,
        "catalogue_bytes_a_file": store["catalogue"] / len(files),
    }


def renamed(folder: Path, caller: Remote) -> float:
    """Seconds until the files of a renamed folder are known under their new name."""
    top = max((p for p in folder.iterdir() if p.is_dir()), key=lambda p: len(list(p.rglob("*"))))
    new = top.with_name("renamed-" + top.name)
    started = time.perf_counter()
    top.rename(new)

    def known() -> bool:
        hits = search(caller, "procedure function unit", folder=str(new))
        return bool(hits)

    return until(known, started)


def connect(home: Path) -> Remote:
    """A connection to the service, once it listens."""
    place = find_home(str(home), os.environ)
    while True:
        try:
            return Remote(place, os.environ)
        except (OSError, EOFError):
            time.sleep(0.1)


def report(caller: Remote, request: StatusRequest | FilesList) -> Any:
    """The body of a report."""
    found = list(caller.ask(request))[-1]
    assert isinstance(found, Report), found
    return found.body


def search(
    caller: Remote, query: str, mode: Any = "lexical", folder: str | None = None
) -> tuple[Any, ...]:
    """The hits of a search."""
    request = Search(caller.next_id(), query, k=3, mode=mode, folder=folder)
    found = list(caller.ask(request))[-1]
    return found.hits if isinstance(found, SearchResults) else ()


def words_of(path: Path) -> str:
    """Some words of a file to search for."""
    words = [w for w in path.read_text("utf-8", "replace").split() if w.isalpha() and len(w) > 4]
    return " ".join(words[len(words) // 2 :][:6])


def until(true: Callable[[], bool], started: float, timeout_s: float = 300) -> float:
    """Seconds from `started` until something holds; exits when it never does."""
    while not true():
        if time.perf_counter() - started > timeout_s:
            sys.exit("benchmark: waited in vain")
        time.sleep(0.1)
    return time.perf_counter() - started


def extraction(files: list[Path]) -> dict[str, float]:
    """Megabytes of HTML and pages of PDF that two readers extract in a second."""
    model = find_model(embedding_folder(find_home(None, os.environ).models, STARTER))
    pool = ExtractorPool(python_child("app.extractor"), 2, str(model.tokenizer), 60, lambda _: None)
    html = [p for p in files if p.suffix == ".html"][:1500]
    pdf = [p for p in files if p.suffix == ".pdf"][:60]
    try:
        _read_all(pool, html[:4] + pdf[:4])
        html_s, _ = _read_all(pool, html)
        pdf_s, pages = _read_all(pool, pdf)
    finally:
        pool.close()
    size = sum(p.stat().st_size for p in html)
    return {"html_mb_per_s": size / 1e6 / html_s, "pdf_pages_per_s": pages / pdf_s}


def _read_all(pool: ExtractorPool, files: list[Path]) -> tuple[float, int]:
    from concurrent.futures import ThreadPoolExecutor

    from core.errors import FileError

    def read(path: Path) -> int:
        status = path.stat()
        try:
            parts = list(
                pool.extract(FileRef(str(path), status.st_size, status.st_mtime_ns, False))
            )
        except FileError:
            return 0
        last = parts[-1]
        return len(last.page_chars) if isinstance(last, Extracted) else 0

    started = time.perf_counter()
    with ThreadPoolExecutor(2) as threads:
        pages = sum(threads.map(read, files))
    return time.perf_counter() - started, pages


if __name__ == "__main__":
    sys.exit(main())
