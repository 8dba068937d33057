"""What the runs of benchmarks/experts.py come to, and what they have to: gates and aims. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MB = 1_000_000

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gate:
    """What a figure must keep, and what it aims at; `at_least`, or else at most."""

    figure: str
    gate: float
    aim: float
    at_least: bool = True

    def keeps(self, value: float | None) -> bool:
        if value is None:
            return False
        return value >= self.gate if self.at_least else value <= self.gate


PREFILL = Gate("prefill_ratio", 1.1, 0.6, at_least=False)
GATES: Mapping[float, tuple[Gate, ...]] = {
    1.0: (Gate("ratio", 0.95, 0.99), PREFILL),
    0.75: (PREFILL,),
    0.5: (Gate("ratio", 2.5, 4.0), Gate("mb_per_token_ratio", 0.5, 0.33, at_least=False), PREFILL),
    0.35: (Gate("ratio", 2.5, 3.5), PREFILL),
    0.25: (Gate("ratio", 3.0, 6.0), PREFILL),
}
DENSE_GATES = (Gate("ratio", 1.3, 2.0), PREFILL)


def tokens_per_s(run: Row) -> float | None:
    """The speed of decoding; None when not one token was done."""
    return run["decoded"] / run["decode_s"] if run["decoded"] and run["decode_s"] else None


def mb_per_token(run: Row) -> float | None:
    """What a token of the answer read from the disk."""
    return run["decode_bytes"] / run["decoded"] / MB if run["decoded"] else None


def middle(values: Sequence[float | None]) -> float | None:
    """The median; None when one is not known, for that one was worse than any number."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known and len(known) == len(values) else None


def over(one: float | None, other: float | None) -> float | None:
    """A ratio, None where it says nothing."""
    return one / other if one is not None and other else None


def same_answer(run: Row, reference: Row) -> bool:
    """Whether an answer is the reference word for word, as far as it came."""
    if run["cut"]:
        return bool(reference["text"].startswith(run["text"]))
    return (run["text"], run["answer_tokens"]) == (reference["text"], reference["answer_tokens"])


def row_of(router: str | None, fraction: float, stock: list[Row], managed: list[Row]) -> Row:
    """What the runs at one share of memory come to. Pure."""
    speeds = [middle([tokens_per_s(run) for run in runs]) for runs in (stock, managed)]
    reads = [middle([mb_per_token(run) for run in runs]) for runs in (stock, managed)]
    prefills = [middle([run["prefill_s"] for run in runs]) for runs in (stock, managed)]
    firsts = [middle([r["load_s"] + r["prefill_s"] for r in runs]) for runs in (stock, managed)]
    hits = sum(run["hits"] for run in managed)
    asked = hits + sum(run["misses"] for run in managed)
    return {
        "memory_fraction": fraction,
        "router": router,
        "stock_tokens_per_s": speeds[0],
        "managed_tokens_per_s": speeds[1],
        "ratio": over(speeds[1], speeds[0]),
        "stock_mb_per_token": reads[0],
        "managed_mb_per_token": reads[1],
        "mb_per_token_ratio": over(reads[1], reads[0]),
        "stock_prefill_s": prefills[0],
        "managed_prefill_s": prefills[1],
        "prefill_ratio": over(prefills[1], prefills[0]),
        "first_token_ratio": over(firsts[1], firsts[0]),
        "hit_rate": hits / asked if asked else None,
        "stock_peak_mb": max(run["peak_bytes"] for run in stock) / MB,
        "managed_peak_mb": max(run["peak_bytes"] for run in managed) / MB,
        "limit_mb": stock[0]["limit_bytes"] / MB,
        "step": managed[-1]["step"],
        "cut": sum(run["cut"] for run in (*stock, *managed)),
        "same_answers": all(run["same"] for run in (*stock, *managed)),
    }


def misses(row: Row) -> list[str]:
    """The gates that a row does not keep, in words."""
    name = f"{row['router'] or 'dense'} at {row['memory_fraction']:.0%}"
    gates = GATES.get(row["memory_fraction"], ()) if row["router"] else DENSE_GATES
    found = [
        f"{name}: {gate.figure} is {shown(row[gate.figure])}, "
        f"wanted {'at least' if gate.at_least else 'at most'} {gate.gate} (aim {gate.aim})"
        for gate in gates
        if not gate.keeps(row[gate.figure])
    ]
    if not row["same_answers"]:
        found.append(f"{name}: an answer is not the one without a limit")
    return found


def shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def table_line(row: Row) -> str:
    """A row for people."""
    return (
        f"{row['router'] or 'dense'} {row['memory_fraction']:.0%} of the file: "
        f"{shown(row['stock_tokens_per_s'])} -> {shown(row['managed_tokens_per_s'])} tokens/s "
        f"(x {shown(row['ratio'])}), {shown(row['stock_mb_per_token'])} -> "
        f"{shown(row['managed_mb_per_token'])} MB a token, hit rate {shown(row['hit_rate'])}, "
        f"prefill {shown(row['stock_prefill_s'])} -> {shown(row['managed_prefill_s'])} s, "
        f"peak {row['stock_peak_mb']:.0f} and {row['managed_peak_mb']:.0f} MB"
        f"{', ' + str(row['cut']) + ' runs were cut' if row['cut'] else ''}"
    )
