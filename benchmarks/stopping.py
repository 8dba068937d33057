"""How soon an answer stops when it is told to, while the model reads and while it writes.

    python benchmarks/stopping.py [--times 20] [--json]

A service in this process answers about the sample folder with the starter model. Each
question is stopped at a random moment of its reading or writing. Told is the time from
the word to stop to the end of the answer, and for comparison how long the same answer
takes when nobody stops it. Exit code 1 when the median of either is over the gate.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from common import ROOT, machine

sys.path.insert(0, str(ROOT))

from app.local import InProcess
from core.home import HOME_VARIABLE, find_home
from core.messages import (
    AnswerDone,
    AnswerSources,
    AnswerText,
    Ask,
    Cancel,
    FoldersAdd,
    Index,
    Message,
    ends,
)

GATE_MS = 200.0
SAMPLE = ROOT / "resources" / "sample-folder"
QUESTION = "Tell me in many words everything about the rent, the repairs and the keys, number {}."
MOMENTS: dict[str, type[Message]] = {"reading": AnswerSources, "writing": AnswerText}


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="satchel-benchmark-") as scratch:
        figures = measure(Path(scratch), options.times)
    missed = [name for name in MOMENTS if figures[f"{name}_stop_median_ms"] > GATE_MS]
    if options.json:
        print(json.dumps({"machine": machine(), "figures": figures, "missed": missed}))
    else:
        print(machine())
        for name, figure in figures.items():
            print(f"{name:<28} {figure:8.1f}")
        print(f"over {GATE_MS:.0f} ms: {', '.join(missed) or 'nothing'}")
    return 1 if missed else 0


def measure(scratch: Path, times: int) -> dict[str, float]:
    """Milliseconds by name."""
    files = scratch / "files"
    shutil.copytree(SAMPLE, files)
    environment = {**os.environ, HOME_VARIABLE: str(scratch / "home")}
    caller = InProcess(find_home(None, environment), environment)
    try:
        for request in (
            FoldersAdd(caller.next_id(), (str(files),)),
            Index(caller.next_id()),
            Ask(caller.next_id(), QUESTION.format("one")),  # which loads the model
        ):
            ending = list(caller.ask(request))[-1]
        assert isinstance(ending, AnswerDone), ending
        figures: dict[str, float] = {}
        started = time.perf_counter()
        list(caller.ask(Ask(caller.next_id(), QUESTION.format("two"), fresh=True)))
        figures["whole_answer_ms"] = 1000 * (time.perf_counter() - started)
        chance = random.Random(7)
        for name, moment in MOMENTS.items():
            spent = [
                found
                for number in range(times)
                if (found := stopped(caller, f"{name} {number}", moment, chance)) is not None
            ]
            figures[f"{name}_stops"] = len(spent)
            figures[f"{name}_stop_median_ms"] = statistics.median(spent)
            figures[f"{name}_stop_most_ms"] = max(spent)
        return figures
    finally:
        caller.close()


def stopped(
    caller: InProcess, name: str, moment: type[Message], chance: random.Random
) -> float | None:
    """Milliseconds that an answer still took; None where it had ended before."""
    number = caller.next_id()
    replies: queue.Queue[Message] = queue.Queue()
    reached = threading.Event()

    def run() -> None:
        for reply in caller.ask(Ask(number, QUESTION.format(name), fresh=True)):
            replies.put(reply)
            if isinstance(reply, moment) or ends(reply):
                reached.set()

    thread = threading.Thread(target=run)
    thread.start()
    reached.wait()
    time.sleep(chance.uniform(0.0, 0.3))
    told = time.perf_counter()
    caller._service.submit(caller._session, Cancel(number))
    thread.join()
    spent_ms = 1000 * (time.perf_counter() - told)
    ending = list(replies.queue)[-1]
    return spent_ms if getattr(ending, "stopped", "") == "cancelled" else None


if __name__ == "__main__":
    sys.exit(main())
