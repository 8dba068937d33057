"""The figures of the benchmark of keys and values beside what they have to be. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured; None for what was not. `peak_over_budget` is in bytes."""

    perplexity_ratio: dict[str, float] | None = None
    recall_ratio: float | None = None
    argmax_agreement: float | None = None
    prefix_first_token_ratio: float | None = None
    peak_over_budget: int | None = None
    decode_speedup_16k: float | None = None

    def joined(self, other: Figures) -> Figures:
        """These and the other's, which win."""
        return Figures(
            **{
                field.name: mine if theirs is None else theirs
                for field in fields(self)
                for mine, theirs in [(getattr(self, field.name), getattr(other, field.name))]
            }
        )

    def as_json(self) -> dict[str, Any]:
        """The figures by name, rounded; null for what was not measured."""
        ratios = self.perplexity_ratio
        return {
            "perplexity_ratio": {times: round(one, 4) for times, one in ratios.items()}
            if ratios
            else None,
            **{
                field.name: _rounded(getattr(self, field.name))
                for field in fields(self)
                if field.name != "perplexity_ratio"
            },
        }


def _rounded(figure: float | None) -> float | None:
    return round(figure, 4) if isinstance(figure, float) else figure


@dataclass(frozen=True, slots=True)
class Gate:
    """What a figure has to be: at most or at least `gate`, and better `aim`."""

    title: str
    gate: float
    aim: float
    at_most: bool
    shown: str = "{:.4f}"

    def passed(self, figure: float, limit: float) -> bool:
        return figure <= limit if self.at_most else figure >= limit


PERPLEXITY = "perplexity over full, {} bounded"
GATES: dict[str, Gate] = {
    "4x": Gate(PERPLEXITY.format("4x"), 1.045, 1.02, at_most=True),
    "8x": Gate(PERPLEXITY.format("8x"), 1.07, 1.035, at_most=True),
    "recall_ratio": Gate("facts of turns that left, found over full", 0.9, 1.0, at_most=False),
    "argmax_agreement": Gate("best token the same after coming back", 1.0, 1.0, at_most=False),
    "prefix_first_token_ratio": Gate(
        "first token from disk over cold", 1 / 30, 1 / 60, at_most=True
    ),
    "peak_over_budget": Gate(
        "bytes over the budget, 50,000 tokens", 0, 0, at_most=True, shown="{}"
    ),
    "decode_speedup_16k": Gate("decoding at 16 k, bounded over full", 1.5, 3.0, at_most=False),
}


def _measured(figures: Figures) -> Iterator[tuple[Gate, float]]:
    named = figures.as_json()
    flat = (named.pop("perplexity_ratio") or {}) | named
    for name, gate in GATES.items():
        if flat.get(name) is not None:
            yield gate, flat[name]


def misses(figures: Figures) -> list[str]:
    """A line for each gate that a figure missed."""
    return [
        f"{gate.title}: {gate.shown.format(figure)}, gate {gate.shown.format(gate.gate)}"
        for gate, figure in _measured(figures)
        if not gate.passed(figure, gate.gate)
    ]


def table(figures: Figures) -> list[str]:
    """A line for each figure, with gate and aim."""
    lines = [f"{'':44}{'':>10}{'gate':>10}{'aim':>10}"]
    for gate, figure in _measured(figures):
        shown = [gate.shown.format(one) for one in (figure, gate.gate, gate.aim)]
        lines.append(f"{gate.title:44}" + "".join(f"{one:>10}" for one in shown))
    return lines
