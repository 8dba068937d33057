"""Keeps the weights of a model within the memory they were given, while it computes.

It ties together what is chosen (`routing`), what to do about that (`policy`), and who does it
(`pooled`, `advice`). Steps, from fast to slow: all fits, and nothing is managed; `pool`; `advice`;
`plain`, where pages are let go when there are too many. A wrong guess costs time and never a
token: what is not held is read through the file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

from core.errors import UserError
from core.llm.experts.advice import AdvisedUnits
from core.llm.experts.foresight import Floats, Foresight, read_routers
from core.llm.experts.layers import policy_for
from core.llm.experts.layout import Layout, layout_of, why_not
from core.llm.experts.mapping import find_mapped
from core.llm.experts.policy import Residency as Policy
from core.llm.experts.pooled import PooledUnits, lost
from core.llm.experts.report import ResidencyReport, Step
from core.llm.experts.routing import Late, Node, Routing, is_sound
from core.llm.experts.survey import base_of, is_at, late_slices, triggers
from core.llm.experts.traces import Traces
from core.llm.experts.unchanged import OpenFiles
from core.llm.gguf import read_parts
from core.llm.held import HeldPages

_LADDER: tuple[Step, ...] = ("pool", "advice", "plain")


class Units(Protocol):
    """What carries out a policy's decisions; drops come first."""

    fault: UserError | None
    read_bytes: int

    @property
    def resident_bytes(self) -> int: ...
    def fetch(self, units: Sequence[int], *, urgent: bool) -> None: ...
    def drop(self, units: Sequence[int]) -> None: ...
    def wait(self, units: Collection[int], *, whole: bool) -> Collection[int]: ...
    def look(self) -> None: ...
    def resize(self, room_bytes: int) -> None: ...
    def close(self) -> None: ...


class Residency:
    """The weights of one loaded model. One thread computes; `resize` and `report` are for any."""

    def __init__(
        self,
        path: Path,
        held_bytes: int | None,
        traces: Path | None = None,
        best: Step = "pool",
        active: int | None = None,
    ) -> None:
        """Of the weights `held_bytes` may be in memory, None for all. Counts of what is used are
        kept in the file `traces`. `best` is the first step of the ladder that is tried. A
        token uses `active` experts of a layer, None for as many as the model says. Raises
        UserError when the model's header is not sound or a file of it cannot be read.
        """
        self._held_bytes = held_bytes
        self._traces_path = traces
        self._best = best
        self._parts = read_parts(path)
        self._layout: Layout = layout_of(self._parts)
        if active is not None:
            self._layout = dataclasses.replace(self._layout, active=active)
        self._traces: Traces | None = None
        self._nodes: list[Node] = []
        self._policy: Policy | None = None
        self._units: Units | None = None
        self._pages: HeldPages | None = None
        self._foresight: Foresight | None = None
        self._late: Collection[bytes] = ()  # nodes before which the rest of a layer is needed
        self._behind: Collection[int] = ()  # units whose rest is still to come
        self._wish: tuple[int | None] | None = None
        self._computing = threading.Lock()
        self.on_resized: Callable[[], None] = lambda: None  # told when a wish has been granted
        self.is_lost = False  # a file was changed, or could not be read
        try:
            self._files = OpenFiles(self._layout.files)
        except OSError as error:
            raise lost(self._layout, error.strerror or "the system refused") from None
        self._step: Step = "fits"
        self._why = ""
        step, _ = first_step(self._layout, held_bytes)
        self.routing = Routing() if step != "fits" else None  # it costs time to be asked

    def start(self, compute: Callable[[], None]) -> None:
        """Choose a step. `compute` computes one token, which is given up at once."""
        if self.routing is not None:
            self._nodes = self.routing.survey(compute)
        self._choose()

    # --- while computing ----------------------------------------------------------------------

    def begin(self, tokens: int) -> None:
        """A computation of so many tokens begins. Raises UserError when the file has changed."""
        self._computing.acquire()
        try:
            changed = self._files.changed()
            if changed:
                self.is_lost = True
                raise lost(self._layout, changed)
            if self._units is not None:
                if self.routing is not None:
                    self.routing.begin(tokens)
                if not self._layout.experts:
                    self._serve(self._layout.units[0].layer, (), None)
        except BaseException:
            self.end()
            raise

    def end(self) -> UserError | None:
        """The computation has ended; what went wrong in it, if its results are of no use."""
        fault = None
        if self._units is not None:
            fault = self._units.fault
            self.is_lost = self.is_lost or fault is not None
        if self.routing is not None and self.routing.fault:
            self._step_down(self.routing.fault)
            self.routing.fault = ""
        self._computing.release()
        self._grant()
        return fault

    def between_steps(self) -> None:
        """Called often while computing."""
        if self._pages is not None:
            self._pages.look()

    def _serve(self, layer: int, experts: Sequence[int], given: Floats | None) -> bool:
        """Have what a layer needs; whether to go on."""
        if self._wish is not None:
            self._apply()
        policy, units = self._policy, self._units
        if policy is None or units is None:
            return True
        chosen = experts or (-1,)
        try:
            decision = policy.needed(layer, chosen)
            units.drop(decision.drop)
            units.fetch(decision.fetch, urgent=True)
            decision = policy.ahead(layer, chosen, self._foretold(layer, given))
            units.drop(decision.drop)
            units.fetch(decision.fetch, urgent=False)
            place = self._layout.unit_of
            wanted = {place(layer, expert) for expert in chosen}
            self._behind = units.wait(wanted, whole=False)
            units.look()
        except OSError as error:
            self._step_down(f"the system refused memory ({error.strerror})")
            return True
        return units.fault is None

    def _settle(self) -> bool:
        """Have the rest of what a layer needs; whether to go on."""
        units, behind = self._units, self._behind
        self._behind = ()
        if units is None:
            return True
        units.wait(behind, whole=True)
        return units.fault is None

    def _foretold(self, layer: int, given: Floats | None) -> Sequence[int]:
        if given is None or self._foresight is None:
            return ()
        return self._foresight.likely(layer + 1, given, self._layout.active)

    # --- the room -------------------------------------------------------------------------------

    def resize(self, held_bytes: int | None) -> None:
        """Let so much of the weights be in memory from now on. From any thread; also in the
        middle of a computation, where it happens before the next layer.
        """
        self._wish = (held_bytes,)
        self._grant()

    def _grant(self) -> None:
        """Do what was wished, unless a computation goes on: that will."""
        while self._wish is not None and self._computing.acquire(blocking=False):
            try:
                self._apply()
            finally:
                self._computing.release()

    def _apply(self) -> None:
        wish, self._wish = self._wish, None
        if wish is not None:
            self._change(wish[0])
            self.on_resized()

    def _change(self, held_bytes: int | None) -> None:
        if held_bytes == self._held_bytes:
            return
        self._held_bytes = held_bytes
        step, _ = first_step(self._layout, self._held_bytes)
        if self._units is None or self._policy is None or step == "plain":
            self._choose()
            return
        # Also where all of it would fit now: it is there to be had back.
        room = self._room_bytes()
        try:
            self._units.drop(self._policy.resize(room).drop)
            self._units.resize(room)
        except (OSError, ValueError) as error:
            self._step_down(f"the memory could not be changed ({error})")

    def _room_bytes(self) -> int:
        most = sum(unit.page_bytes for unit in self._layout.units)
        if self._held_bytes is None:
            return most
        return max(0, min(most, room_bytes(self._layout, self._held_bytes)))

    # --- the ladder -----------------------------------------------------------------------------

    def _choose(self) -> None:
        """Open the best step that is possible here."""
        self._close_units()
        self._pages, self._late, self._behind = None, (), ()
        self._step, self._why = first_step(self._layout, self._held_bytes)
        if self._step == "pool":
            self._open()
        if self._step == "plain" and self._held_bytes is not None:
            self._pages = HeldPages(self._layout.files, self._held_bytes)

    def _open(self) -> None:
        reasons = []
        for step in _LADDER[_LADDER.index(self._best) :]:
            self._step = step
            if step == "plain":
                break
            try:
                self._units = self._open_pool() if step == "pool" else self._open_advice()
                break
            except OSError as error:
                reasons.append(error.strerror or "the system refused")
        self._why = "; ".join(reasons) or _WHY[self._step]
        if self._units is None or self.routing is None:
            return
        self._traces = Traces(self._layout)
        if self._traces_path is not None:
            self._traces = Traces.load(self._traces_path, self._layout)
        self._policy = policy_for(self._layout, self._room_bytes(), self._traces)
        wanted = triggers(self._layout, self._nodes) or {}
        self._foresight = None
        with contextlib.suppress(OSError):  # without it counts tell what is likely
            self._foresight = read_routers(self._layout, self._parts)
        width = self._foresight.width if self._foresight else 0
        late = Late(self._late, lambda: bool(self._behind), self._settle)
        self.routing.watch(wanted, self._layout.active, width, self._serve, late)
        self._units.fetch(self._policy.start().fetch, urgent=False)

    def _check(self) -> None:
        """Raises OSError, with a reason, when the computation is not as it is known here."""
        if self.routing is None:
            raise OSError(0, "the model was loaded when all of it fitted")
        if not is_sound(self._nodes):
            raise OSError(0, "this build of llama.cpp is not known")
        if triggers(self._layout, self._nodes) is None:
            raise OSError(0, "this kind of model does not show which parts it needs")

    def _open_pool(self) -> Units:
        if sys.platform != "linux":
            raise OSError(0, "memory can be put in a file's place on Linux only")
        self._check()
        with contextlib.ExitStack() as opened:
            files = []
            for path in self._layout.files:
                files.append(find_mapped(path))
                opened.callback(files[-1].close)
            if not is_at(self._layout, self._nodes, [file.base for file in files]):
                raise OSError(0, "llama.cpp has copied the weights")
            late = late_slices(self._layout, self._nodes, [file.base for file in files])
            units = PooledUnits(self._layout, files, self._room_bytes(), dict(late.values()))
            self._late = frozenset(late)
            opened.pop_all()
        return units

    def _open_advice(self) -> Units:
        self._check()
        base = base_of(self._layout, self._nodes)
        if base is None:
            raise OSError(0, "where the weights are cannot be told")
        return AdvisedUnits(self._layout, [base])

    def _step_down(self, why: str) -> None:
        """To the last step, for as long as the model is loaded."""
        self._best = "plain"
        self._choose()
        if self._step == "plain":
            self._why = why

    def _close_units(self) -> None:
        if self.routing is not None:
            self.routing.ignore()
        units, self._units, self._policy = self._units, None, None
        if units is not None:
            self.remember()
            units.close()

    # --- told and kept --------------------------------------------------------------------------

    def report(self) -> ResidencyReport:
        """Which step, why, and how it goes."""
        policy, units = self._policy, self._units
        if policy is None or units is None:
            return ResidencyReport(self._step, self._why)
        return ResidencyReport(
            step=self._step,
            why=self._why,
            room_bytes=policy.room_bytes,
            resident_bytes=policy.resident_bytes,
            hits=policy.hits,
            misses=policy.misses,
            read_bytes=units.read_bytes,
        )

    def remember(self) -> None:
        """Keep what was learnt of what is used. A file that cannot be written is let be."""
        if self._traces is not None and self._traces_path is not None:
            with contextlib.suppress(OSError):
                self._traces.save(self._traces_path)

    def close(self) -> None:
        """Give all memory back, before the model is freed."""
        with self._computing:
            self._close_units()
            self._files.close()


_WHY = {
    "fits": "all of the model fits into its memory",
    "pool": "the model is larger than its memory",
    "advice": "the model is larger than its memory",
    "plain": "it was asked for",
}


def first_step(layout: Layout, held_bytes: int | None) -> tuple[Step, str]:
    """The step that a model of this layout begins with in so much memory, and why. Pure."""
    if held_bytes is None or layout.dense_bytes + layout.expert_bytes <= held_bytes:
        return "fits", _WHY["fits"]
    fault = why_not(layout)
    if fault:
        return "plain", fault
    if room_bytes(layout, held_bytes) < least_room_bytes(layout):
        return "plain", "its memory is smaller than what one token needs of a layer"
    return "pool", _WHY["pool"]


def room_bytes(layout: Layout, held_bytes: int) -> int:
    """What of so much memory for weights is left for units.

    Beside the dense part there are the system's tables of pages and the pages at borders.
    """
    return held_bytes - layout.dense_bytes - (layout.dense_bytes + layout.expert_bytes) // 256


def least_room_bytes(layout: Layout) -> int:
    """What the units take that one token needs of a layer."""
    largest = max((unit.page_bytes for unit in layout.units), default=0)
    return largest * max(layout.active, 1)
