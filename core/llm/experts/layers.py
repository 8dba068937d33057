"""Which layers of a model without experts are in memory.

Layers are needed in turn, over and over. Dropping the one that was used longest ago would then
always drop the one that is needed next but few, and keep nothing of use. So as many layers as
fit stay for good, and the others take turns in what is left, read while the ones before compute.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from core.llm.experts.layout import Layout
from core.llm.experts.policy import NOTHING, Decision, Policy, Residency
from core.llm.experts.traces import Traces

_PASSING = 3  # layers that there is room for beside those that stay: one computes, two are read


def policy_for(layout: Layout, room_bytes: int, traces: Traces | None = None) -> Residency:
    """The policy for a model with experts, or for one without."""
    if layout.experts:
        return Policy(layout, room_bytes, traces)
    return LayerPolicy(layout, room_bytes)


class LayerPolicy:
    """The `Residency` of whole layers."""

    def __init__(self, layout: Layout, room_bytes: int) -> None:
        self.resident_bytes = 0
        self.hits = self.misses = self.wasted = 0
        self._sizes = [unit.page_bytes for unit in layout.units]
        self._unit_of = {unit.layer: at for at, unit in enumerate(layout.units)}
        self._held: dict[int, None] = {}  # in the order in which they came
        self._unused: set[int] = set()  # read ahead, not needed yet
        self._stay: frozenset[int] = frozenset()
        self.room_bytes = room_bytes
        self._choose()

    def is_resident(self, unit: int) -> bool:
        return unit in self._held

    def start(self) -> Decision:
        fetch = [unit for unit in sorted(self._stay) if unit not in self._held]
        for unit in fetch:
            self._let_in(unit)
        return Decision((), tuple(fetch))

    def needed(self, layer: int, experts: Sequence[int]) -> Decision:
        del experts
        unit = self._unit_of.get(layer, -1)
        if unit < 0:
            return NOTHING
        self._unused.discard(unit)
        if unit in self._held:
            self.hits += 1
            return NOTHING
        self.misses += 1
        return self._bring((unit,), unit, frozenset())

    def ahead(self, layer: int, experts: Sequence[int], foretold: Sequence[int] = ()) -> Decision:
        del experts, foretold
        unit = self._unit_of.get(layer, -1)
        if unit < 0 or len(self._stay) == len(self._sizes):
            return NOTHING
        count = len(self._sizes)
        coming = [(unit + step) % count for step in range(1, count)]
        # Layers that stay but are not there yet come as they are needed, or with `start`.
        missing = [at for at in coming if at not in self._held][: _PASSING - 1]
        decision = self._bring(missing, unit, self._unused)
        self._unused.update(decision.fetch)
        return decision

    def resize(self, room_bytes: int) -> Decision:
        self.room_bytes = room_bytes
        self._choose()
        dropped = []
        for keep in (self._stay, frozenset[int]()):
            for unit in [unit for unit in self._held if unit not in keep]:
                if self.resident_bytes <= room_bytes:
                    break
                self._drop(unit)
                dropped.append(unit)
        return Decision(tuple(dropped))

    def _choose(self) -> None:
        """The layers that stay: all, or spread evenly, so that others are read between them."""
        count, largest = len(self._sizes), max(self._sizes)
        if sum(self._sizes) <= self.room_bytes:
            self._stay = frozenset(range(count))
            return
        room = self.room_bytes - _PASSING * largest
        most = max(0, min(count, room // largest))
        self._stay = frozenset(at * count // most for at in range(most)) if most else frozenset()

    def _bring(self, units: Sequence[int], computing: int, awaited: Set[int]) -> Decision:
        """Let units in for those that pass; only as many as fit beside what has to stay."""
        keep = self._stay | awaited | {computing}
        going = [unit for unit in self._held if unit not in keep]
        dropped: list[int] = []
        fetched: list[int] = []
        for unit in units:
            while going and self.resident_bytes + self._sizes[unit] > self.room_bytes:
                dropped.append(going.pop(0))
                self._drop(dropped[-1])
            if self.resident_bytes + self._sizes[unit] > self.room_bytes:
                break
            self._let_in(unit)
            fetched.append(unit)
        return Decision(tuple(dropped), tuple(fetched))

    def _let_in(self, unit: int) -> None:
        self._held[unit] = None
        self.resident_bytes += self._sizes[unit]

    def _drop(self, unit: int) -> None:
        del self._held[unit]
        self.resident_bytes -= self._sizes[unit]
        if unit in self._unused:
            self._unused.discard(unit)
            self.wasted += 1
