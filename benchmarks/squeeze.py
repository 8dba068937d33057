"""Another program takes nearly all the memory: does Satchel live, and when is it as fast as before?

    python benchmarks/squeeze.py [--memory-mb 1500] [--leave-mb 300] [--grow-s 5] [--hold-s 20]

The real service runs in a control group (version 2, or 1 where that is what there is) with a
limit of memory, indexing and being searched, and marked to be ended first if memory runs out.
Another process in the group takes all but `--leave-mb` within `--grow-s`, so that all of Satchel
has to fit into the rest; it holds that, and ends. Needs root. Exit code 1 when the service was
ended, failed a search, or is not back within 30 s, 2 when no such group can be made here.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from common import ROOT, machine, satchel
from disk_budget import made_text, vocabulary
from files import connect, report
from groups import Group, limited

sys.path.insert(0, str(ROOT))

from app.local import Remote
from core.messages import Ask, Search, SearchResults, StatusRequest

MB = 1_000_000
MOST_BACK_S = 30.0
FIRST_TO_GO = 1000  # should the system have to end something, then Satchel
AS_FAST = 1.5  # times the latency of before, and
SLACK_S = 0.1  # so much more, for chance
HOG = """
import sys, time
size, grow_s, hold_s = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
held, step = [], 10_000_000
started = time.monotonic()
for number in range(size // step):
    held.append(bytearray(b"x") * step)
    time.sleep(max(0.0, started + grow_s * (number + 1) * step / size - time.monotonic()))
print("held", flush=True)
time.sleep(hold_s)
"""


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory-mb", type=int, default=1500)
    parser.add_argument("--leave-mb", type=int, default=300)
    parser.add_argument("--grow-s", type=float, default=5.0)
    parser.add_argument("--hold-s", type=float, default=20.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="satchel-benchmark-") as scratch,
        limited(options.memory_mb * MB, "squeeze") as group,
    ):
        figures = measure(Path(scratch), group, options)
    missed = [
        name
        for name, well in (
            ("lived", figures["lived"]),
            ("failed_searches", not figures["failed_searches"]),
            ("as_fast_again_s", (figures["as_fast_again_s"] or 1e9) <= MOST_BACK_S),
        )
        if not well
    ]
    if options.json:
        print(json.dumps({"machine": machine(), "figures": figures, "missed": missed}))
    else:
        print(f"squeeze on {machine()}")
        for name, value in figures.items():
            print(f"  {name:<22} {value}{'   MISSED' if name in missed else ''}")
    return 1 if missed else 0


def measure(work: Path, group: Group, options: argparse.Namespace) -> dict[str, Any]:
    """The service under a squeeze."""
    home, files = work / "home", work / "files"
    files.mkdir()
    words, chance = vocabulary([]), random.Random(5)
    for number in range(40):
        (files / f"{number:03d}.txt").write_text(made_text(words, chance, number)[:6_000])
    satchel(home, "folders", "add", str(files))
    satchel(home, "index")
    command = [sys.executable, "-m", "app.cli", "--home", str(home), "index", "--watch"]
    service = group.start(
        command, FIRST_TO_GO, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        caller = connect(home)
        return squeeze(caller, service, group, options, files, words)
    finally:
        service.terminate()
        with suppress(subprocess.TimeoutExpired):
            service.wait(60)
        service.kill()


class Searches:
    """Searches one after another, each with words of its own, and what came of them."""

    def __init__(self, caller: Remote, words: list[str]) -> None:
        self._caller = caller
        self._words = words
        self._chance = random.Random(11)
        self.failed = 0
        self.by_words = 0

    def one(self) -> tuple[float, bool]:
        """The seconds of a search, and whether it was one by meaning too."""
        query = " ".join(self._chance.choices(self._words[:3000], k=4))
        started = time.perf_counter()
        reply = list(self._caller.ask(Search(self._caller.next_id(), query, k=5)))[-1]
        spent_s = time.perf_counter() - started
        if not isinstance(reply, SearchResults):
            self.failed += 1
            return spent_s, False
        self.by_words += reply.note is not None
        return spent_s, reply.note is None


def squeeze(
    caller: Remote,
    service: subprocess.Popen[str],
    group: Group,
    options: argparse.Namespace,
    files: Path,
    words: list[str],
) -> dict[str, Any]:
    """Before, during and after."""
    searches = Searches(caller, words)
    list(caller.ask(Ask(caller.next_id(), "What is a note?")))  # so that a language model is there
    for _ in range(3):
        searches.one()
    before_s = statistics.median(searches.one()[0] for _ in range(9))
    used_mb = memory_mb(service.pid)
    chance = random.Random(6)
    for number in range(100, 400):  # something to index meanwhile
        (files / f"{number:03d}.txt").write_text(made_text(words, chance, number))
    time.sleep(3.0)
    hog_bytes = (options.memory_mb - options.leave_mb) * MB
    arguments = [str(hog_bytes), str(options.grow_s), str(options.hold_s)]
    stages: list[tuple[float, str]] = []
    least_mb, most_mb = 1e9, 0.0
    began = time.monotonic()
    hog = group.start([sys.executable, "-c", HOG, *arguments], 0, stdout=subprocess.PIPE)
    held: list[float] = []
    threading.Thread(target=lambda: noted(hog, held), daemon=True).start()

    def look() -> str:
        nonlocal least_mb, most_mb
        with suppress(OSError, EOFError):
            body = report(caller, StatusRequest(caller.next_id()))
            stage = str(body["index"]["stage"])
            if not stages or stages[-1][1] != stage:
                stages.append((round(time.monotonic() - began, 1), stage))
            least_mb = min(least_mb, body["device"]["memory_available_bytes"] / MB)
        most_mb = max(most_mb, memory_mb(service.pid))
        return stages[-1][1] if stages else ""

    while hog.poll() is None and service.poll() is None:
        searches.one()
        look()
        time.sleep(0.3)
    released = time.monotonic()
    squeezed_by_words = searches.by_words
    as_fast_s = all_s = None
    while service.poll() is None and time.monotonic() - released < 2 * MOST_BACK_S:
        if look() == "all" and all_s is None:
            all_s = time.monotonic() - released
        timed = [searches.one() for _ in range(3)]
        fast = statistics.median(s for s, _ in timed) <= AS_FAST * before_s + SLACK_S
        if fast and all(meant for _, meant in timed):
            as_fast_s = time.monotonic() - released
            if all_s is not None:
                break
        time.sleep(0.2)
    return {
        "control_groups": group.version,
        "lived": service.poll() is None,
        "ended_by_system": group.ended_by_system(),
        "hog_had_all_s": round(held[0] - began, 1) if held else None,
        "hog_code": hog.wait(),
        "satchel_before_mb": round(used_mb),
        "satchel_most_mb": round(most_mb),
        "least_available_mb": round(least_mb),
        "search_before_s": round(before_s, 3),
        "searches_by_words": squeezed_by_words,
        "failed_searches": searches.failed,
        "stages": " ".join(f"{at}:{stage}" for at, stage in stages),
        "all_again_s": None if all_s is None else round(all_s, 1),
        "as_fast_again_s": None if as_fast_s is None else round(as_fast_s, 1),
    }


def noted(process: subprocess.Popen[str], held: list[float]) -> None:
    """Note when the other process has all that it wants."""
    held.extend(time.monotonic() for _ in process.stdout or ())


def memory_mb(pid: int) -> float:
    """Resident memory of a process and its children."""
    total = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                total += one.memory_info().rss
    return total / MB


if __name__ == "__main__":
    sys.exit(main())
