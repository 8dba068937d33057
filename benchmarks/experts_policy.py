"""How many experts are there when they are needed? Simulated: nothing is read, no model runs.

    python benchmarks/experts_policy.py [--tokens 400] [--routing FILE.npy --experts 32] [--json]

The policy of `core/llm/experts` beside two yardsticks, dropping what was used longest ago (LRU)
and knowing the future (Belady), on made-up routing or on recorded: an array of token, layer,
place -> expert. The first quarter goes through in batches, as a prompt does; what is counted
comes after, token by token. "ahead" counts what was read before it was asked for as there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/core/llm/experts"))

from routing_made import MANNERS, Routing, made_layout, made_routing
from yardsticks import best_hits, lru_hits

from core.llm.experts.layout import PAGE_BYTES
from core.llm.experts.policy import Policy

LAYERS, EXPERTS, ACTIVE = 24, 32, 4
BATCH_TOKENS = 64
PARTS = (0.75, 0.5, 0.35, 0.25)


@dataclass(frozen=True, slots=True)
class Row:
    """Shares of needed experts that were there, and units read for each token with reading ahead;
    `needed_us` and `ahead_us` are medians of what a decision took.
    """

    routing: str
    part: float
    lru: float
    ours: float
    best: float
    ahead: float
    read: float
    read_lru: float
    needed_us: float
    ahead_us: float


def main() -> int:
    """Print a table, a line for each routing and part of the experts that fits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--routing", type=Path, nargs="*", default=[])
    parser.add_argument("--experts", type=int, default=EXPERTS, help="in each layer, of --routing")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    rows = []
    if not wanted.json:
        print("routing      part    LRU   ours   best  ahead  reads (LRU)  needed, ahead: us")
    for name, routing, experts in sequences(wanted):
        for part in PARTS:
            row = measure(name, routing, experts, part)
            rows.append(row)
            if not wanted.json:
                print(
                    f"{row.routing:12.12} {row.part:4.0%}  {row.lru:.3f}  {row.ours:.3f}  "
                    f"{row.best:.3f}  {row.ahead:.3f}  {row.read:5.1f} ({row.read_lru:5.1f})  "
                    f"{row.needed_us:6.0f} {row.ahead_us:6.0f}",
                    flush=True,
                )
    if wanted.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    return 0


def sequences(wanted: argparse.Namespace) -> list[tuple[str, Routing, int]]:
    """(name, routing, experts in a layer), recorded ones or made up."""
    if wanted.routing:
        return [
            (file.stem, np.load(file).astype(np.intp)[: wanted.tokens], wanted.experts)
            for file in wanted.routing
        ]
    shape = {"layers": LAYERS, "experts": EXPERTS, "active": ACTIVE}
    return [
        (name, made_routing(manner, tokens=wanted.tokens, seed=wanted.seed, **shape), EXPERTS)
        for name, manner in MANNERS.items()
    ]


def measure(name: str, routing: Routing, experts: int, part: float) -> Row:
    """One line of the table."""
    tokens, layers, active = routing.shape
    room, first = int(part * layers * experts), tokens // 4
    lru = lru_hits(routing, room, first)
    plain, _, _ = play(routing, experts, room, first, ahead=False)
    ahead, read, took_us = play(routing, experts, room, first, ahead=True)
    return Row(
        routing=name,
        part=part,
        lru=lru,
        ours=plain,
        best=best_hits(routing, room, first),
        ahead=ahead,
        read=read,
        read_lru=(1 - lru) * layers * active,
        needed_us=took_us[0],
        ahead_us=took_us[1],
    )


def play(
    routing: Routing, experts: int, room: int, first: int, *, ahead: bool
) -> tuple[float, float, tuple[float, float]]:
    """Share of hits and units read for each token from `first` on, and what decisions took."""
    tokens, layers, active = routing.shape
    layout = made_layout(layers, experts, active)
    policy = Policy(layout, room * PAGE_BYTES)
    read = hits = misses = 0
    needed_us: list[float] = []
    ahead_us: list[float] = [0.0]

    def go(begin: int, end: int) -> None:
        nonlocal read
        for layer in range(layers):
            chosen = routing[begin:end, layer].ravel().tolist()
            started = time.perf_counter()
            read += len(policy.needed(layer, chosen).fetch)
            decided = time.perf_counter()
            if ahead:
                read += len(policy.ahead(layer, chosen).fetch)
                ahead_us.append(1e6 * (time.perf_counter() - decided))
            needed_us.append(1e6 * (decided - started))

    for begin in range(0, first, BATCH_TOKENS):
        go(begin, min(first, begin + BATCH_TOKENS))
    read, hits, misses = 0, policy.hits, policy.misses
    needed_us.clear()
    for token in range(first, tokens):
        go(token, token + 1)
    hits, misses = policy.hits - hits, policy.misses - misses
    took = statistics.median(needed_us), statistics.median(ahead_us)
    return hits / (hits + misses), read / (tokens - first), took


if __name__ == "__main__":
    sys.exit(main())
