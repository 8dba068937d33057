"""Which units are in memory. A decision only: nothing is read or mapped here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.llm.experts.layout import Layout

if TYPE_CHECKING:
    from core.llm.experts.traces import Traces


@dataclass(frozen=True, slots=True)
class Decision:
    """Units to drop, and then units to load, by index; no unit is in both."""

    drop: tuple[int, ...] = ()
    fetch: tuple[int, ...] = ()


NOTHING = Decision()


class Policy:
    """Decides for the experts of one model. Of the same calls it makes the same decisions.

    The caller does at once what it is told: after each call `is_resident` says what will be in
    memory when it has.
    """

    def __init__(self, layout: Layout, room_bytes: int, traces: Traces | None = None) -> None:
        self._layout = layout
        self.room_bytes = room_bytes
        self._sizes = tuple(unit.page_bytes for unit in layout.units)
        self._held: OrderedDict[int, None] = OrderedDict()
        self.resident_bytes = 0
        self.hits = 0  # units that were there when they were needed
        self.misses = 0
        self.wasted = 0  # units that were read ahead, and dropped unused

    def is_resident(self, unit: int) -> bool:
        return unit in self._held

    def start(self) -> Decision:
        """What is worth having before anything was asked."""
        return NOTHING

    def needed(self, layer: int, experts: Sequence[int]) -> Decision:
        """What to do before the experts that a layer has chosen compute.

        `experts` are the choices of all tokens of the batch, one after the other, so an expert
        may come several times. Afterwards all of them are resident or, where their units do not
        fit together, as many as fit, the most wanted first.
        """
        wanted: dict[int, int] = {}
        for expert in experts:
            unit = self._layout.unit_of(layer, expert)
            if unit >= 0:
                wanted[unit] = wanted.get(unit, 0) + 1
        room = self.room_bytes
        keep = []
        for unit in sorted(wanted, key=lambda unit: (-wanted[unit], unit)):
            if self._sizes[unit] <= room:
                room -= self._sizes[unit]
                keep.append(unit)
        fetch = [unit for unit in keep if unit not in self._held]
        self.hits += sum(unit in self._held for unit in wanted)
        self.misses += sum(unit not in self._held for unit in wanted)
        for unit in keep:
            self._held[unit] = None
            self._held.move_to_end(unit)
        self.resident_bytes += sum(self._sizes[unit] for unit in fetch)
        return Decision(self._make_room(), tuple(fetch))

    def ahead(self, layer: int, experts: Sequence[int]) -> Decision:
        """What to read meanwhile for the layers after this one."""
        return NOTHING

    def resize(self, room_bytes: int) -> Decision:
        """Change the room; what has to go now if there is less."""
        self.room_bytes = room_bytes
        return Decision(self._make_room())

    def _make_room(self) -> tuple[int, ...]:
        dropped = []
        while self.resident_bytes > self.room_bytes:
            unit, _ = self._held.popitem(last=False)
            self.resident_bytes -= self._sizes[unit]
            dropped.append(unit)
        return tuple(dropped)
