"""Keys and values in a fixed budget, against the full memory of the same model.

    python benchmarks/kv.py [--json] [--part perplexity] [--texts FOLDER] [--count 1]

Perplexity: the last 1,024 of as many tokens as the model was trained for, all of them read
through a memory of a quarter or an eighth of the cells, of the same type. Recall: conversations
of 16 turns; facts of turns that had left memory are asked, and what comes back is chosen by the
embeddings of turns and question. The first token of a 1,500-token beginning, its file not in
the system's cache. A stream of 50,000 tokens. Decoding at 16,384 tokens against 2,048. Texts are
Wikipedia articles of the benchmark data, or files of --texts. `--part cells` compares the types of
cells and is not in a whole run. A gate that is missed is exit code 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from math import exp
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from common import machine  # noqa: E402
from kv_gates import Figures, misses, table  # noqa: E402
from kv_model import Model, starter_path  # noqa: E402
from kv_parts import (  # noqa: E402
    bounded_losses,
    cell_losses,
    first_token,
    long_conversation,
    page_and_back,
    ratio,
    stream,
)
from kv_recall import Reminder, recall  # noqa: E402
from kv_texts import dialogues, long_texts  # noqa: E402

TIMES = (4, 8)
STREAM_TOKENS = 50_000
CELLS_TOKENS = 4096
DIALOGUES, TOLD = 5, 8


@dataclass(frozen=True, slots=True)
class Bench:
    """What all parts measure on."""

    model: Model
    texts: list[tuple[str, str]]

    def perplexity(self) -> Figures:
        losses = []
        for name, text in self.texts:
            one = bounded_losses(self.model, name, text, TIMES)
            losses.append(one)
            seen = ", ".join(f"{times}x {ratio([one], times):.4f}" for times in TIMES)
            say(f"{name}: perplexity {exp(one.full):.2f}; {seen}")
        return Figures(perplexity_ratio={f"{times}x": ratio(losses, times) for times in TIMES})

    def recall(self) -> Figures:
        seen = recall(self.model, dialogues(DIALOGUES, TOLD), Reminder())
        say(
            f"of {seen.asked} facts that had left, found {seen.bounded}, with the full memory "
            f"{seen.full}; their turn brought back {seen.chosen} times"
        )
        return Figures(recall_ratio=seen.ratio)

    def argmax(self) -> Figures:
        seen = page_and_back(self.model, self.texts[0][1])
        equal = "equal to the last bit" if seen.bit_equal else "not bit-equal"
        say(f"scores after leaving and coming back: {equal}, at most {seen.largest_difference} off")
        return Figures(argmax_agreement=seen.argmax_agreement)

    def prefix(self) -> Figures:
        seen = first_token(self.model, self.texts[0][1])
        say(
            f"first token: {seen.cold_ms:.0f} ms computed, {seen.from_disk_ms:.0f} ms from a file "
            f"of {seen.file_bytes / 1e6:.1f} MB: 1/{1 / seen.ratio:.0f}"
        )
        return Figures(prefix_first_token_ratio=seen.ratio)

    def peak(self) -> Figures:
        seen = stream(self.model, [text for _, text in self.texts], STREAM_TOKENS)
        say(
            f"{seen.tokens} tokens: at most {seen.peak_bytes} bytes of keys and values, budget "
            f"{seen.budget_bytes}; the process grew by {seen.resident_growth_bytes / 1e6:.1f} MB"
        )
        return Figures(peak_over_budget=seen.over_bytes)

    def decode(self) -> Figures:
        seen = long_conversation(self.model, self.texts[0][1])
        say(
            f"decoding: full {seen.full_tokens_per_s:.1f} tokens/s, "
            f"bounded {seen.bounded_tokens_per_s:.1f}"
        )
        return Figures(decode_speedup_16k=seen.speedup)

    def cells(self) -> Figures:
        for name, text in self.texts:
            losses = cell_losses(self.model, text, CELLS_TOKENS)
            for kind, loss in losses.items():
                more = exp(loss - losses["f16"]) - 1
                size = self.model.cell_bytes(kind)
                say(f"{name}: {kind:5} {size:6} bytes a token, {exp(loss):.3f}, {more:+.2%}")
        return Figures()


PARTS: dict[str, Callable[[Bench], Figures]] = {
    "perplexity": Bench.perplexity,
    "recall": Bench.recall,
    "argmax": Bench.argmax,
    "prefix": Bench.prefix,
    "peak": Bench.peak,
    "decode": Bench.decode,
}
ALONE: dict[str, Callable[[Bench], Figures]] = {"cells": Bench.cells}


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=[*PARTS, *ALONE], help="only this part")
    parser.add_argument("--texts", type=Path, help="a folder of long .txt files")
    parser.add_argument("--count", type=int, default=1, help="how many texts")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    texts = long_texts(options.texts, options.count)
    if not texts:
        sys.exit("kv: no text is long enough")
    bench = Bench(Model(starter_path()), texts)
    say(f"kv on {machine()}; {', '.join(name for name, _ in texts)}")
    figures = Figures()
    for name, part in (PARTS | ALONE).items():
        if options.part == name or (options.part is None and name in PARTS):
            figures = figures.joined(part(bench))
    missed = misses(figures)
    if options.json:
        print(json.dumps(figures.as_json()))
    else:
        print("\n".join(table(figures)))
    for line in missed:
        say(f"MISSED {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
