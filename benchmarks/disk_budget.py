"""A folder far larger than its disk budget: is the budget ever exceeded, and is what is in found?

    python benchmarks/disk_budget.py [--mb 600] [--budget-mb 20] [--level NAME] [--minutes 120]
        [--notes 0] [--taken-mb 0]

The folder is half Debian's documents, where `benchmarks/files.py` has fetched them, and half text
made of the words of those or of the sample folder. While the real command indexes it and is
searched, the bytes under the home are added up every 50 ms. When the budget is full, searches go
on, a file that is in is deleted and another one comes. Exit code 1 when the bytes were ever more
than the budget, when something that is in was not found, or something that is gone was.

Filling the budget with prose takes hours on a slow machine, for embedding is what takes the time.
`--notes` adds so many files of one sentence, which are read first and take far more of the budget
for each token embedded; the rest is filled with the documents. `--minutes` ends the indexing;
`--taken-mb` of the budget are taken from the start, so that a short run comes to the limit too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from common import ROOT, machine, satchel
from files import PACKAGES, connect, report, watching

sys.path.insert(0, str(ROOT))

from app.local import Remote
from core.messages import FoldersCheck, Report, Search, SearchResults, StatusRequest

MB = 1_000_000
EVERY_S = 0.05
FILE_BYTES = (500, 5_000, 40_000, 120_000)
PROBED = 60  # files that are looked for at the end
FULL_S = 60.0  # of searching when the budget is full
SHOWN_EVERY_S = 20.0
TEXT_ENDINGS = (".html", ".txt", ".md", ".rst", ".xml")


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=float, default=600)
    parser.add_argument("--budget-mb", type=float, default=20)
    parser.add_argument("--level", help="the level to begin with")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--notes", type=int, default=0)
    parser.add_argument("--taken-mb", type=float, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="satchel-benchmark-") as scratch:
        work = Path(scratch)
        size_bytes = gather(work / "files", int(options.mb * MB), options.notes)
        taken = work / "home" / "cache" / "taken"
        taken.parent.mkdir(parents=True)
        taken.write_bytes(bytes(int(options.taken_mb * MB)))
        figures = measure(work, int(options.budget_mb * MB), options.level, 60 * options.minutes)
    figures = {"folder_mb": size_bytes / MB, "budget_mb": options.budget_mb, **figures}
    bad = ("over_budget_samples", "not_found", "failed_searches", "found_though_gone")
    missed = [name for name in bad if figures[name]]
    missed += [name for name in ("files_in", "searches") if not figures[name]]
    if options.json:
        print(json.dumps({"machine": machine(), "figures": figures, "missed": missed}))
    else:
        print(f"disk budget on {machine()}")
        for name, value in figures.items():
            shown = f"{value:>12.6g}" if isinstance(value, (int, float)) else f"  {value}"
            print(f"  {name:<22} {shown}{'   MISSED' if name in missed else ''}")
    return 1 if missed else 0


# --- the folder ---------------------------------------------------------------------------------


def gather(folder: Path, most_bytes: int, notes: int) -> int:
    """Fill a folder with documents, made texts and so many short notes; the bytes in it."""
    total = 0
    for path in documents():
        if total > most_bytes // 2:
            break
        target = folder / "debian" / f"{total:012d}{path.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        total += target.stat().st_size
    words = vocabulary(sorted((folder / "debian").glob("*"))[:200])
    chance, number = random.Random(7), 0
    (folder / "made").mkdir(parents=True, exist_ok=True)
    while number < notes or total < most_bytes:
        size = 0 if number < notes else chance.choice(FILE_BYTES)
        text = made_text(words, chance, number, size)
        made(folder, number).write_text(text, "utf-8")
        total, number = total + len(text.encode()), number + 1
    return total


def documents() -> list[Path]:
    """Documents of Debian's packages that are there, in an order of chance."""
    cache = Path.home() / ".cache" / "satchel" / "benchmarks"
    found = [
        path
        for package in PACKAGES
        for path in sorted((cache / package).rglob("*"))
        if path.suffix in TEXT_ENDINGS and path.is_file() and not path.is_symlink()
    ]
    random.Random(3).shuffle(found)
    return found


def vocabulary(paths: list[Path]) -> list[str]:
    """Words of some files, those of the sample folder at least, the commonest first."""
    counts: dict[str, int] = {}
    for path in [*paths, *sorted((ROOT / "resources" / "sample-folder").rglob("*"))]:
        if path.is_file() and path.suffix in TEXT_ENDINGS:
            for word in re.findall(r"[a-z]{2,14}", path.read_text("utf-8", "replace").lower()):
                counts[word] = counts.get(word, 0) + 1
    return sorted(counts, key=lambda word: (-counts[word], word))


def made_text(words: list[str], chance: random.Random, number: int, least_bytes: int) -> str:
    """Text of words as common as in real ones, one sentence at least, with a word of its own."""
    lines = [f"This is note {marker(number)}."]
    size = 0
    while len(lines) == 1 or size < least_bytes:
        ranks = (int(len(words) ** chance.random()) - 1 for _ in range(chance.randint(6, 18)))
        line = " ".join(words[rank] for rank in ranks).capitalize() + "."
        lines.append(line)
        size += len(line) + 1
    return "\n".join(lines) + "\n"


def marker(number: int) -> str:
    """A word that is in one file only."""
    return "zq" + "".join(chr(ord("a") + int(digit)) for digit in f"{number:06d}")


# --- measuring ----------------------------------------------------------------------------------


class Watch:
    """Adds up the bytes under a folder, again and again."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self.peak_bytes = self.samples = self.over = 0
        self._shown_s = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            now_bytes = bytes_under(self._folder)
            self.samples += 1
            self.over += now_bytes > self._limit_bytes
            self.peak_bytes = max(self.peak_bytes, now_bytes)

    def show(self, files: int, text_mb: float) -> None:
        """Say now and then how far it is."""
        if time.monotonic() - self._shown_s < SHOWN_EVERY_S:
            return
        self._shown_s = time.monotonic()
        now_mb, peak_mb = bytes_under(self._folder) / MB, self.peak_bytes / MB
        print(
            f"{files} files, {text_mb:.1f} MB of text in; {now_mb:.2f} MB on disk, "
            f"at most {peak_mb:.2f} in {self.samples} looks, {self.over} over the budget",
            file=sys.stderr,
            flush=True,
        )

    def close(self) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join()


def bytes_under(folder: Path) -> int:
    """The bytes of all files in a folder and below."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_size  # noqa: PTH118
            except OSError:
                continue
    return total


def measure(work: Path, budget_bytes: int, level: str | None, longest_s: float) -> dict[str, Any]:
    """Index the folder within the budget and search meanwhile."""
    home, files = work / "home", work / "files"
    satchel(home, "folders", "add", str(files))
    satchel(home, "budget", "--disk", f"{budget_bytes / MB:g}MB")
    if level is not None:
        with (home / "config" / "settings.toml").open("a") as settings:
            settings.write(f'\n[index]\nlevel = "{level}"\n')
    watch = Watch(home, budget_bytes)
    started = time.perf_counter()
    with watching(home) as process:
        # Its lines are read, or it would wait for a reader.
        threading.Thread(target=lambda: list(process.stderr or ()), daemon=True).start()
        caller = connect(home)
        searches, failed, told = 0, 0, ""
        while time.perf_counter() - started < longest_s:
            one = found(caller, "how is a file opened and read", "hybrid")
            searches, failed = searches + (one is not None), failed + (one is None)
            index = report(caller, StatusRequest(caller.next_id()))["index"]
            told = str(index["reason"] or "")
            watch.show(index["files"]["indexed"], index["text_bytes"] / MB)
            if index["state"] == "attention" or (index["state"] == "idle" and index["chunks"]):
                break
            time.sleep(0.5)
        indexed_s = time.perf_counter() - started
        inside, missing = look_for(caller, files)
        full = use_while_full(caller, files) if inside else {}
        body = report(caller, StatusRequest(caller.next_id()))
        caller.close()
    watch.close()
    return {
        "peak_mb": watch.peak_bytes / MB,
        "samples": watch.samples,
        "over_budget_samples": watch.over,
        "indexed_s": indexed_s,
        "files_in": body["index"]["files"]["indexed"],
        "files_waiting": body["index"]["files"]["waiting"],
        "text_mb": body["index"]["text_bytes"] / MB,
        "level": body["index"]["level"],
        "searches": searches + full.pop("searches", 0),
        "failed_searches": failed + full.pop("failed", 0),
        "looked_for": len(inside),
        "not_found": missing,
        "found_though_gone": 0,
        **full,
        "told": told or "(nothing)",
    }


def use_while_full(caller: Remote, files: Path) -> dict[str, Any]:
    """Searches while content waits; meanwhile a file that is in is deleted and a new one comes."""
    searches = failed = 0
    gone = next(n for n in range(100_000) if is_in(caller, made(files, n)))
    made(files, gone).unlink()
    new = files / "made" / "new.txt"
    new.write_text("This is the note qzqzqz, which came when the budget was used up.\n", "utf-8")
    until, forgotten_s = time.perf_counter() + FULL_S, None
    started = time.perf_counter()
    while time.perf_counter() < until:
        one = found(caller, "how is a file opened and read", "hybrid")
        searches, failed = searches + (one is not None), failed + (one is None)
        hits = found(caller, marker(gone))
        if forgotten_s is None and hits is not None and made(files, gone).name not in hits:
            forgotten_s = time.perf_counter() - started
    return {
        "searches": searches,
        "failed": failed,
        "found_though_gone": int(forgotten_s is None),
        "forgotten_after_s": forgotten_s if forgotten_s is not None else "never",
        "new_note_is_in": str(is_in(caller, new)),
    }


def found(caller: Remote, query: str, mode: Any = "lexical") -> list[str] | None:
    """The names of the files that a search finds; None when it failed."""
    reply = list(caller.ask(Search(caller.next_id(), query, k=3, mode=mode)))[-1]
    if not isinstance(reply, SearchResults):
        return None
    return [Path(hit.path).name for hit in reply.hits]


def look_for(caller: Remote, files: Path) -> tuple[list[int], int]:
    """Some files that are in, looked for by their own word; how many were not found."""
    numbers = range(len(list((files / "made").iterdir())))
    chosen = random.Random(1).sample(numbers, min(8 * PROBED, len(numbers)))
    inside = [n for n in chosen if is_in(caller, made(files, n))][:PROBED]
    missing = [n for n in inside if made(files, n).name not in (found(caller, marker(n)) or ())]
    return inside, len(missing)


def made(files: Path, number: int) -> Path:
    """A made file."""
    return files / "made" / f"{number:06d}.txt"


def is_in(caller: Remote, path: Path) -> bool:
    """Whether a file is indexed."""
    reply = list(caller.ask(FoldersCheck(caller.next_id(), str(path))))[-1]
    return isinstance(reply, Report) and bool(reply.body["indexed"])


if __name__ == "__main__":
    sys.exit(main())
