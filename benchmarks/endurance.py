"""A week of use compressed: does memory stay flat, does nothing leak, does search stay as fast?

    python benchmarks/endurance.py [--minutes 60] [--days 7] [--seed 0] [--json]

Each day has the same phases: files change while the service watches, searches and questions come
in bursts, the budgets are set down and up again, the computer sleeps (all processes stopped, then
continued), models are unloaded when idle. What is asked and written differs from day to day, how
much of it does not. At the same two phases of each day, at work and at rest, proportional memory,
descriptors and threads of every process are added up. A fixed search is timed beside a fixed
computation, for the machine may have other things to do. Days after the first are compared,
early ones with late ones.

Times between requests are heavy-tailed: Gamma with shape 0.25, so that their standard deviation is
twice their mean, as the generator of BurstGPT has it, which models requests to language models
in Azure (Wang et al., arXiv 2401.17644; github.com/HPMLL/BurstGPT, example/profile_server).

Exit code 1 when something grew by more than it may: memory 5 %, the search 10 %, descriptors and
threads nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
from common import ROOT, machine, satchel
from endurance_gates import Figure, Sample, compare, enough
from files import connect, watching

sys.path.insert(0, str(ROOT))

from app.local import Remote
from core.home import find_home
from core.messages import (
    Ask,
    BudgetRequest,
    Failed,
    Message,
    Report,
    Search,
    StatusRequest,
)
from core.settings import Settings

BURST_SHAPE = 0.25
FILES = 60
WORDS = (
    "ferry lighthouse market council letter garden bicycle winter orchard glacier saddle thimble "
    "recipe lease piano walrus harbour bridge ministry apple rhubarb tenant invoice violin kettle"
).split()
REFERENCE_SEARCHES = 9
SETTLED_S = 90.0  # that indexing may take after files changed
MB = 10**6


def text(chance: random.Random) -> str:
    """A small file's text, unlike any other."""
    lines = [" ".join(chance.choices(WORDS, k=60)) + f" {chance.randrange(10**9)}."
             for _ in range(6)]  # fmt: skip
    return "\n\n".join(lines) + "\n"


def pauses(chance: random.Random, count: int, total_s: float) -> list[float]:
    """So many heavy-tailed pauses, which together take the time given."""
    drawn = [chance.gammavariate(BURST_SHAPE, 1.0) for _ in range(count)]
    return [total_s * one / (sum(drawn) or 1.0) for one in drawn]


class Week:
    """A home in use, and what was measured of it."""

    def __init__(self, files: Path, top: psutil.Process, caller: Remote, day_s: float,
                 seed: int) -> None:  # fmt: skip
        self.files, self.top, self.caller, self.day_s = files, top, caller, day_s
        self.chance = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.samples: list[Sample] = []
        self.matrix = np.random.default_rng(0).random((300, 300)).astype(np.float32)

    def ask(self, message: Message) -> Message:
        """The reply that ends a request; the week ends when that is an error."""
        reply = list(self.caller.ask(message))[-1]
        if isinstance(reply, Failed):
            sys.exit(f"benchmark: {type(message).__name__}: {reply.title} {reply.advice}")
        return reply

    def live(self, day: int) -> None:
        """One day."""
        began = time.monotonic()
        self.change_files()
        self.settle()
        self.work()
        self.change_budgets()
        self.measure(day, "work", reference=True)
        self.sleep()
        self.ask(Search(self.caller.next_id(), "awake again", k=3))
        self.rest(began)
        self.measure(day, "rest")

    def change_files(self) -> None:
        """Some files are written anew, some go and as many come."""
        for _ in range(max(3, round(self.day_s / 12))):
            names = sorted(self.files.iterdir())
            self.chance.choice(names).write_text(text(self.chance))
            self.chance.choice(names).unlink()
            fresh = self.files / f"{self.chance.randrange(10**9)}.txt"
            while len(list(self.files.iterdir())) < FILES:
                fresh.write_text(text(self.chance))
                fresh = self.files / f"{self.chance.randrange(10**9)}.txt"
            self.done["files changed"] += 3

    def settle(self) -> None:
        """Wait until what changed is in the index."""
        deadline = time.monotonic() + SETTLED_S
        while time.monotonic() < deadline:
            report = self.ask(StatusRequest(self.caller.next_id()))
            assert isinstance(report, Report)
            body: Any = report.body
            if body["index"]["files"]["indexed"] == FILES and not body["index"]["files"]["waiting"]:
                return
            time.sleep(0.3)
        sys.exit("benchmark: the index did not come up to date")

    def work(self) -> None:
        """Searches in bursts, every fifth request a question."""
        requests = max(5, round(self.day_s / 5))
        for number, pause_s in enumerate(pauses(self.chance, requests, 0.35 * self.day_s)):
            time.sleep(pause_s)
            words = " ".join(self.chance.choices(WORDS, k=4))
            if number % 5 == 4:
                self.ask(Ask(self.caller.next_id(), f"What is said of {words}?", fresh=True))
                self.done["questions"] += 1
            else:
                self.ask(Search(self.caller.next_id(), words, k=10))
                self.done["searches"] += 1

    def change_budgets(self) -> None:
        """Down and up again."""
        for ram_bytes in (900 * MB, 2000 * MB):
            self.ask(BudgetRequest(self.caller.next_id(), 500 * MB, ram_bytes))
            self.done["budget changes"] += 1

    def sleep(self) -> None:
        """All processes stop, parents first, and go on."""
        family = self.family()
        for process in family:
            process.send_signal(signal.SIGSTOP)
        time.sleep(min(10.0, 0.05 * self.day_s))
        for process in reversed(family):
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)
        self.done["sleeps"] += 1

    def rest(self, began: float) -> None:
        """Until the day is over; the models are unloaded meanwhile."""
        idle_s = idle_after_s(self.day_s)
        time.sleep(max(1.6 * idle_s + 2, self.day_s - (time.monotonic() - began)))

    # --- measuring ------------------------------------------------------------------------

    def family(self) -> list[psutil.Process]:
        """All its processes, parents first."""
        return [self.top, *self.top.children(recursive=True)]

    def measure(self, day: int, phase: str, reference: bool = False) -> None:
        """Take a sample now."""
        ratio = self.reference() if reference else 0.0
        pss: Counter[str] = Counter()
        descriptors: Counter[str] = Counter()
        threads: Counter[str] = Counter()
        for process in self.family():
            with contextlib.suppress(psutil.Error):  # one that has just ended
                role = next((part for part in process.cmdline() if part.startswith("app.")), "?")
                pss[role] += process.memory_full_info().pss
                descriptors[role] += process.num_fds()
                threads[role] += process.num_threads()
        self.samples.append(Sample(day, phase, pss, descriptors, threads, ratio))
        shown = ", ".join(f"{role.removeprefix('app.')} {size / MB:.1f}"
                          for role, size in sorted(pss.items()))  # fmt: skip
        print(f"day {day + 1} {phase}: {shown} MB, {sum(descriptors.values())} descriptors, "
              f"{sum(threads.values())} threads, search {ratio:.2f}", file=sys.stderr)  # fmt: skip

    def reference(self) -> float:
        """Time of a fixed search over that of a fixed computation beside it, the median."""
        found = []
        for _ in range(REFERENCE_SEARCHES):
            before = self.computation_s()
            started = time.perf_counter()
            self.ask(Search(self.caller.next_id(), "the ferry and the lighthouse", k=10))
            spent_s = time.perf_counter() - started
            found.append(2 * spent_s / (before + self.computation_s()))
        return median(found)

    def computation_s(self) -> float:
        """The time of some tens of milliseconds of arithmetic and of Python."""
        started = time.perf_counter()
        for _ in range(6):
            self.matrix @ self.matrix
            sorted(range(20_000), key=lambda n: -n * 7919 % 20_011)
        return time.perf_counter() - started


def idle_after_s(day_s: float) -> float:
    """After how long models are to be unloaded on a day of this length."""
    return max(6.0, 0.12 * day_s)


def run(minutes: float, days: int, seed: int) -> Week:
    """Live a week in a new home."""
    day_s = 60 * minutes / days
    with tempfile.TemporaryDirectory(prefix="satchel-endurance-") as scratch:
        files, home = Path(scratch) / "files", Path(scratch) / "home"
        files.mkdir()
        chance = random.Random(-1 - seed)
        for number in range(FILES):
            (files / f"{number}.txt").write_text(text(chance))
        satchel(home, "folders", "add", str(files))
        idle_minutes = idle_after_s(day_s) / 60
        Settings(find_home(str(home), os.environ).settings).set(
            {"search.idle_minutes": idle_minutes, "assistant.idle_minutes": idle_minutes}
        )
        with watching(home) as process:
            week = Week(files, psutil.Process(process.pid), connect(home), day_s, seed)
            for day in range(days):
                week.live(day)
    return week


def row(figure: Figure) -> dict[str, Any]:
    """A figure as it is printed."""
    return {"phase": figure.phase, "what": figure.what, "early": figure.early,
            "late": figure.late, "ratio": round(figure.ratio, 4),
            "limit": figure.most_ratio, "passes": figure.passes}  # fmt: skip


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    started = time.monotonic()
    week = run(options.minutes, options.days, options.seed)
    figures = compare(week.samples)
    lasted = (time.monotonic() - started) / 60
    if options.json:
        print(json.dumps({"machine": machine(), "minutes": round(lasted, 1), "days": options.days,
                          "done": week.done, "figures": [row(f) for f in figures]}))  # fmt: skip
    else:
        print(f"endurance on {machine()}: {options.days} days in {lasted:.1f} minutes; "
              + ", ".join(f"{count} {what}" for what, count in week.done.items()))  # fmt: skip
        for figure in figures:
            print(f"  {figure.phase:<6} {figure.what:<12} {figure.early:>14.6g} "
                  f"{figure.late:>14.6g} {figure.ratio:>8.3f}{'' if figure.passes else '  MISSED'}"
                  )  # fmt: skip
    return 0 if enough(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
