"""Search in a folder of HTML, PDF and Word files that are read back cold: how long does it take?

    python benchmarks/mixed.py [--each 300] [--queries 100] [--json]

The HTML and PDF files are those of `benchmarks/files.py`, the Word files are made of the
texts of others of its HTML files. No text is cached, and before each query the system is
asked to forget the files' pages. Exit code 1 when a gate is missed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

from common import ROOT, machine, satchel
from files import connect, gather, passes, watching

sys.path.insert(0, str(ROOT))

from core.messages import Search, SearchResults
from core.text.formats import extract

GATES: dict[str, tuple[str, float]] = {"median_s": ("<=", 0.6), "p95_s": ("<=", 1.5)}
GATHERED = 8000  # documents that the folder is chosen from
SETTINGS = "[index]\ntext_cache_mb = 0\n"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
KINDS = "http://schemas.openxmlformats.org/package/2006/content-types"


def main() -> int:
    """Run everything and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=300, help="files of each kind, at most")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="satchel-benchmark-") as scratch:
        figures = measure(Path(scratch), options.each, options.queries)
    missed = [name for name, gate in GATES.items() if not passes(figures[name], gate)]
    if options.json:
        print(json.dumps({"machine": machine(), "figures": figures, "missed": missed}))
    else:
        print(f"mixed files on {machine()}")
        for name, value in figures.items():
            gate = f"   gate {' '.join(map(str, GATES[name]))}" if name in GATES else ""
            print(f"  {name:<24} {value:>12.4g}{gate}{'   MISSED' if name in missed else ''}")
    return 1 if missed else 0


def measure(work: Path, each: int, queries: int) -> dict[str, float]:
    """Gather, index, and ask for words out of the files' own middles."""
    home, folder = work / "home", work / "files"
    texts = fill(work / "gathered", folder, each)
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.toml").write_text(SETTINGS, "utf-8")
    satchel(home, "folders", "add", str(folder))
    index = json.loads(satchel(home, "index", "--json").stdout)
    chosen = random.Random(0).sample(texts, min(queries, len(texts)))
    files = [path for path in folder.iterdir() if path.is_file()]
    times: list[float] = []
    recomputed: list[int] = []
    with watching(home) as process:
        for line in process.stderr or ():
            if line.startswith("watching"):
                break
        caller = connect(home)
        for number, text in enumerate(["warm up", *chosen]):
            forget_pages(files)
            request = Search(caller.next_id(), query_of(text), k=10, mode="hybrid")
            started = time.perf_counter()
            found = list(caller.ask(request))[-1]
            if number and isinstance(found, SearchResults):
                times.append(time.perf_counter() - started)
                recomputed.append(found.recomputed)
        caller.close()
    times.sort()
    return {
        "files": len(files),
        "pdf_files": sum(path.suffix == ".pdf" for path in files),
        "docx_files": sum(path.suffix == ".docx" for path in files),
        "chunks": index["chunks"],
        "median_s": statistics.median(times),
        "p95_s": times[int(0.95 * len(times))],
        "recomputes_mean": statistics.fmean(recomputed),
    }


def fill(gathered: Path, folder: Path, each: int) -> list[str]:
    """Choose the files; texts of some of them."""
    gather(gathered, GATHERED)
    folder.mkdir()
    paths = [path for path in gathered.rglob("*") if path.is_file()]
    paths.sort(key=lambda path: hashlib.blake2b(str(path.relative_to(gathered)).encode()).digest())
    html = [path for path in paths if path.suffix == ".html"]
    pdf = [path for path in paths if path.suffix == ".pdf"][:each]
    texts = []
    for number, path in enumerate((*html[:each], *pdf)):
        path.rename(folder / f"{number}{path.suffix}")
    for number, path in enumerate(html[each : 2 * each]):
        text = extract(str(path)).text
        write_docx(folder / f"{number}.docx", text.splitlines())
        texts.append(text)
    texts += [extract(str(folder / f"{number}.html")).text for number in range(len(html[:each]))]
    return [text for text in texts if len(text.split()) > 60]


def write_docx(path: Path, paragraphs: list[str]) -> None:
    """A Word file of these paragraphs."""
    body = "".join(f"<w:p><w:r><w:t>{escape(p)}</w:t></w:r></w:p>" for p in paragraphs)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{KINDS}"/>')
        archive.writestr(
            "word/document.xml", f'<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>'
        )


def query_of(text: str) -> str:
    """Some words in a row out of the middle of a text."""
    words = [word for word in text.split() if word.isalpha()]
    return " ".join(words[len(words) // 2 :][:8])


def forget_pages(files: list[Path]) -> None:
    """Ask the system to read the files from the disk the next time."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in files:
        number = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(number)


if __name__ == "__main__":
    sys.exit(main())
