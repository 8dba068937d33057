"""One answer by a model in a process of its own, for benchmarks/experts.py.

Takes one JSON object as its argument, prints one for each prompt and one at
the end, and ends when a line comes in.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from common import ROOT

sys.path.insert(0, str(ROOT))

from core.llm.chat_message import ChatMessage
from core.llm.native import StopFlag
from core.llm.runtime import Runtime


def read_bytes() -> int:
    """What this process had read from the disk so far, faults on mapped files included."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["read_bytes"])


def answer(runtime: Runtime, prompt: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Go on after one prompt; the decoding is cut after `most_s`."""
    tokens = runtime.tokenize_chat([ChatMessage("user", prompt)])
    stop = StopFlag()
    texts: list[str] = []
    marks: list[tuple[float, int]] = [(time.perf_counter(), read_bytes())]
    timer = threading.Timer(wanted["most_prefill_s"], stop.raise_)
    timer.daemon = True
    timer.start()
    bound: list[threading.Timer] = [timer]
    hits: list[tuple[int, int]] = []

    def on_text(text: str) -> None:
        if not texts:
            hits.append(hits_of(runtime))
            marks.append((time.perf_counter(), read_bytes()))
            bound[0].cancel()
            bound[0] = threading.Timer(wanted["most_s"], stop.raise_)
            bound[0].daemon = True
            bound[0].start()
        texts.append(text)

    outcome = runtime.generate(tokens, max_tokens=wanted["tokens"], on_text=on_text, stop=stop)
    marks.append((time.perf_counter(), read_bytes()))
    bound[0].cancel()
    cut = outcome.stopped == "cancelled"
    return {
        "text": "".join(texts),
        "answer_tokens": outcome.answer_tokens,
        "decoded": max(0, outcome.answer_tokens - cut),
        "prompt_tokens": outcome.prompt_tokens,
        "cut": cut,
        "prefill_s": outcome.prefill_ms / 1e3,
        "decode_s": marks[-1][0] - marks[1][0] if texts else None,
        "hits": hits_of(runtime)[0] - hits[0][0] if texts else 0,
        "misses": hits_of(runtime)[1] - hits[0][1] if texts else 0,
        "prefill_bytes": marks[1][1] - marks[0][1],
        "decode_bytes": marks[-1][1] - marks[1][1] if texts else None,
    }


def hits_of(runtime: Runtime) -> tuple[int, int]:
    """How often what a token needed was in memory, and how often not; 0 where nothing counts."""
    report = runtime.residency()
    return report.hits, report.misses


def main() -> None:
    """Load the model, answer every prompt, wait."""
    wanted = json.loads(sys.argv[1])
    started, before = time.perf_counter(), read_bytes()
    traces = None if wanted["traces"] is None else Path(wanted["traces"])
    runtime = Runtime(
        Path(wanted["model"]),
        context_tokens=1024,
        held_bytes=wanted["held_bytes"],
        traces_path=traces,
    )
    loaded = {"load_s": time.perf_counter() - started, "load_bytes": read_bytes() - before}
    for prompt in wanted["prompts"]:
        print(json.dumps(loaded | answer(runtime, prompt, wanted)), flush=True)
    print(json.dumps({"step": runtime.residency().step, "why": runtime.residency().why}))
    sys.stdout.flush()
    sys.stdin.readline()
    if traces is not None:
        runtime.remember()
    runtime.close()


if __name__ == "__main__":
    main()
