"""The search page: from the last key to the first results, and how a long list scrolls.

    python benchmarks/search_window.py [--documents 1500] [--queries 20] [--json]

Documents of SciFact are indexed; then queries are typed into the real window, key by key as a
person types, with the real service behind it. The list is filled with 100,000 results and scrolled.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import data_folder, machine, read_jsonl, satchel, write_corpus

ROOT = Path(__file__).resolve().parents[1]
KEY_MS = 120  # between two keys: fast typing
LONGEST_S = 20.0
LISTED, FRAMES, STEP_PX = 100_000, 1000, 40


class Typist:
    """Types queries into the window of this process and notes when results come."""

    def __init__(self, home: str, queries: list[str]) -> None:
        from PySide6.QtWidgets import QApplication

        from app.window import Desktop, service_command

        self.application = QApplication([])
        self.desktop = Desktop(self.application, service_command(home))
        self._queries = queries
        self.words_ms: list[float] = []
        self.whole_ms: list[float] = []
        self.scrolled: dict[str, float] = {}

    def run(self) -> dict[str, Any]:
        """The figures, once the window has quit."""
        from PySide6.QtCore import QTimer

        QTimer.singleShot(0, self._all)
        self.application.exec()
        return {"words_ms": self.words_ms, "whole_ms": self.whole_ms, **self.scrolled}

    def _all(self) -> None:
        self._wait(lambda: self.desktop.client.link.state == "ready")
        self._type("warm up the search")
        self._wait(self._done)
        for query in self._queries:
            self._measure(query)
        self.scrolled = self._scroll()
        self.desktop.quit()

    def _done(self) -> bool:
        page = self.desktop.window.search
        return not page._request and not page._soon.isActive()

    def _type(self, query: str) -> None:
        from PySide6.QtTest import QTest

        entry = self.desktop.window.search.entry
        entry.clear()
        for key in query:
            QTest.keyClicks(entry, key)
            QTest.qWait(KEY_MS)

    def _measure(self, query: str) -> None:
        from PySide6.QtTest import QTest

        page = self.desktop.window.search
        self._type(query[:-1])
        came: list[float] = []

        def note() -> None:
            if page._asked_for == query:
                came.append(time.perf_counter())

        page.model.modelReset.connect(note)
        began = time.perf_counter()
        QTest.keyClicks(page.entry, query[-1])
        self._wait(lambda: page._asked_for == query and self._done())
        page.model.modelReset.disconnect(note)
        if came:
            self.words_ms.append(1000 * (came[0] - began))
            self.whole_ms.append(1000 * (came[-1] - began))

    def _wait(self, until: Any) -> None:
        from PySide6.QtTest import QTest

        end = time.monotonic() + LONGEST_S
        while not until() and time.monotonic() < end:
            QTest.qWait(1)

    def _scroll(self) -> dict[str, float]:
        """Fill the list and scroll through it, a frame at a time."""
        sys.path.insert(0, str(ROOT / "tests" / "ui"))
        from samples import many

        page = self.desktop.window.search
        hits = many(LISTED)
        page.body.setCurrentWidget(page.view)
        began = time.perf_counter()
        page.model.show(hits)
        page.view.viewport().repaint()
        shown_ms = 1000 * (time.perf_counter() - began)
        bar, frames = page.view.verticalScrollBar(), []
        for _ in range(FRAMES):
            began = time.perf_counter()
            bar.setValue(bar.value() + STEP_PX)
            page.view.viewport().repaint()
            frames.append(1000 * (time.perf_counter() - began))
        began = time.perf_counter()
        bar.setValue(bar.maximum())
        page.view.viewport().repaint()
        frames.sort()
        return {
            "fill_ms": shown_ms,
            "frame_ms": frames[len(frames) // 2],
            "frame_p99_ms": frames[len(frames) * 99 // 100],
            "frame_longest_ms": frames[-1],
            "to_the_end_ms": 1000 * (time.perf_counter() - began),
        }


def measure(documents: int, queries: int) -> dict[str, Any]:
    """Index, and drive the window in a process of its own."""
    scifact = data_folder("retrieval", "scifact")
    with tempfile.TemporaryDirectory(prefix="satchel-benchmark-") as scratch:
        home, folder = Path(scratch) / "home", Path(scratch) / "files"
        write_corpus(scifact / "corpus.jsonl", folder)
        for path in sorted(folder.iterdir())[documents:]:
            path.unlink()
        satchel(home, "folders", "add", str(folder))
        satchel(home, "index")
        asked = [row["text"] for row in read_jsonl(scifact / "queries.jsonl")[:queries]]
        lines = Path(scratch) / "queries.json"
        lines.write_text(json.dumps([" ".join(_short(text)) for text in asked]))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
            environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        done = subprocess.run(
            [sys.executable, __file__, "--inside", str(home), str(lines)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _short(text: str) -> Iterator[str]:
    """The first few words of a query: nobody types a whole sentence of science."""
    yield from text.strip(" .").split()[:4]


def main() -> int:
    """Measure and print."""
    if "--inside" in sys.argv:
        home, lines = sys.argv[-2:]
        print(json.dumps(Typist(home, json.loads(Path(lines).read_text())).run()), flush=True)
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1500)
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.documents, options.queries)
    if options.json:
        print(json.dumps({"machine": machine(), **found}))
        return 0
    print(f"on {machine()}")
    for name, key in (("words", "words_ms"), ("words and meaning", "whole_ms")):
        ms = sorted(found[key])
        print(
            f"last key to results by {name:18} median {ms[len(ms) // 2]:6.0f} ms, "
            f"longest of {len(ms)} {ms[-1]:6.0f} ms"
        )
    print(
        f"{LISTED:,} results: filled in {found['fill_ms']:.0f} ms, a frame {found['frame_ms']:.1f} "
        f"ms, 99 % under {found['frame_p99_ms']:.1f}, longest {found['frame_longest_ms']:.1f}; "
        f"to the end {found['to_the_end_ms']:.1f} ms"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
