"""Which experts are in memory. A decision only: nothing is read or mapped here.

An expert's worth is the chance that the next token wants it: how often it was wanted lately and
over a longer time, and how often it came after those wanted now. The experts of least worth are
dropped. Each layer counts its own tokens, so in the middle of a token, or of a batch, layers
that have computed and layers that have not yet are compared fairly.

A batch wants nearly all experts of each layer in turn. It counts as its tokens would have one by
one, so what it leaves behind is what they would have left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from core.llm.experts.layout import Layout
from core.llm.experts.traces import Floats, Indices, Traces

_NEVER = np.float32(np.inf)
_ALL_TRUE = (1.0,)
_LEARNT_ALL: tuple[int, Indices] = (-1, np.empty(0, np.intp))
_LEARNT = 0.01  # how much one outcome counts in how often a rank comes true


@dataclass(frozen=True, slots=True)
class Decision:
    """Units to drop, and then units to load, by index; no unit is in both."""

    drop: tuple[int, ...] = ()
    fetch: tuple[int, ...] = ()


NOTHING = Decision()


class Residency(Protocol):
    """Decides what is in memory. Of the same calls it makes the same decisions.

    The caller does at once what it is told. `hits` and `misses` count units that were there, or
    not, when they were needed, and `wasted` those that were read ahead and dropped unused.
    """

    room_bytes: int
    resident_bytes: int
    hits: int
    misses: int
    wasted: int

    def is_resident(self, unit: int) -> bool:
        """Whether the unit is in memory once the decisions so far are carried out."""

    def start(self) -> Decision:
        """What is worth having before anything was asked."""

    def needed(self, layer: int, experts: Sequence[int]) -> Decision:
        """What to do before a layer computes with the experts it has chosen.

        `experts` are the choices of all tokens of the batch, one token after the other.
        Afterwards their units are resident or, where they do not fit together, as many as fit,
        the most wanted first. None of them is dropped for another before another layer's turn.
        """

    def ahead(self, layer: int, experts: Sequence[int], foretold: Sequence[int] = ()) -> Decision:
        """What to read for the layers after this one while it computes; after `needed`.

        `foretold` are experts that the next layer is likely to choose, the most likely first,
        from somebody who knows more of it; none: what was counted tells.
        """

    def resize(self, room_bytes: int) -> Decision:
        """Change the room; what has to go now if there is less."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """Numbers found by measuring, on the routing of real text by fitted routers.

    Half-lives are in tokens. `lately`, `usual` and `follows` weigh what makes up an expert's
    worth. Of the next layer's choices `ahead_most`, a share, are read ahead, if their chance is
    `ahead_chance` and more; of that chance, `onward` is told by this layer's choices. A batch is
    a pass of `batch_tokens` and more; for it are read ahead those that it wants with a chance of
    `batch_chance` and more. Of what is foretold those ranks are read ahead of which `told_chance`
    and more come true. Never is more read ahead than `ahead_share` of the room.
    """

    lately_tokens: float = 4.0
    usual_tokens: float = 100.0
    lately: float = 1.0
    usual: float = 2.0
    follows: float = 4.0
    onward: float = 0.6
    ahead_most: float = 0.25
    ahead_chance: float = 0.2
    batch_tokens: int = 4
    batch_chance: float = 0.5
    told_chance: float = 0.8
    ahead_share: float = 0.25


class Policy:
    """The `Residency` of experts."""

    def __init__(
        self,
        layout: Layout,
        room_bytes: int,
        traces: Traces | None = None,
        tuning: Tuning | None = None,
    ) -> None:
        """`traces` are learnt from and added to."""
        self.room_bytes = room_bytes
        self.resident_bytes = 0
        self.hits = self.misses = self.wasted = 0
        self.traces = traces or Traces(layout)
        self._tuning = tuning or Tuning()
        self._layers = sorted({unit.layer for unit in layout.units})
        self._row_of = {layer: row for row, layer in enumerate(self._layers)}
        self._experts = max(layout.experts, 1)
        self._active = max(layout.active, 1)
        # How many units the disk can read while one layer computes: for a single token.
        self.ahead_units = max(1, round(self._active * self._tuning.ahead_most))
        # A unit's index is its row's times the experts, and the expert.
        self._sizes = [unit.page_bytes for unit in layout.units]
        shape = len(self._layers), self._experts
        self._held = np.zeros(shape, np.bool_)
        self._lately: Floats = np.zeros(shape, np.float32)
        self._worth: Floats = self.traces.share * self._tuning.usual
        # What could be dropped has its worth here, all else infinity; and the least of each row.
        self._keys: Floats = np.full(shape, _NEVER, np.float32)
        self._least = [float(_NEVER)] * shape[0]
        self._before: list[Indices | None] = [None] * shape[0]
        self._unused: set[int] = set()  # read ahead, not needed yet
        self._busy: tuple[int, ...] = ()  # rows that hold units which must stay
        self._pinned: set[int] = set()
        self._coming: Sequence[int] = ()  # read ahead for the row that is next
        self._tokens = 1  # of the pass that goes on
        self._to_learn = _LEARNT_ALL
        self._told: tuple[int, Sequence[int]] = (-1, ())
        self._true = [0.7] * self._active  # of what is foretold, by rank, how often it comes true

    def is_resident(self, unit: int) -> bool:
        row, expert = divmod(unit, self._experts)
        return bool(self._held[row, expert])

    def start(self) -> Decision:
        if not self.traces.tokens:
            return NOTHING
        order = np.argsort(-self._worth, axis=None, kind="stable")
        fetch = self._fitting(order.tolist(), self.room_bytes - self.resident_bytes)
        self._let_in(fetch)
        self._rank(range(len(self._layers)))
        return Decision((), tuple(sorted(fetch)))

    def needed(self, layer: int, experts: Sequence[int]) -> Decision:
        row = self._row_of.get(layer, -1)
        if row < 0 or not len(experts):
            return NOTHING
        self._learn()
        chosen = np.asarray(experts, np.intp)
        self._tokens = max(1, len(chosen) // self._active)
        self._to_learn = row, chosen  # later, while what is asked for here is being read
        released, self._busy = self._busy, (row,)
        base = row * self._experts
        if len(experts) <= self._active:
            wanted = [base + expert for expert in dict.fromkeys(experts)]
        else:
            counts = np.bincount(chosen, minlength=self._experts)
            order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
            wanted = (base + order).tolist()
        held = self._held[row]
        here = [unit for unit in wanted if held[unit - base]]
        self.hits += len(here)
        self.misses += len(wanted) - len(here)
        self._unused.difference_update(here)
        wanted = self._fitting(wanted, self.room_bytes)
        fetch = [unit for unit in wanted if not held[unit - base]]
        self._pinned = set(wanted)
        # What was read ahead in vain may still be on its way: dropping it now would mean a wait.
        size = sum(map(self._sizes.__getitem__, {*wanted, *self._coming}))
        if size <= self.room_bytes:
            self._pinned.update(self._coming)
        self._coming = ()
        self._rank({row, *released})
        self._let_in(fetch)
        return Decision(self._make_room(), tuple(fetch))

    def ahead(self, layer: int, experts: Sequence[int], foretold: Sequence[int] = ()) -> Decision:
        row = self._row_of.get(layer, -1)
        if row < 0 or not len(experts):
            return NOTHING
        self._learn()
        self._check_told(row, experts)
        following = (row + 1) % len(self._layers)
        if foretold:
            units = self._foretold(following, foretold)
        elif self._tokens < self._tuning.batch_tokens:
            units = self._likely(row, following, experts)
        else:
            units = self._streamed(following)
        room_bytes = self.room_bytes - sum(map(self._sizes.__getitem__, self._pinned))
        fetch = self._fitting(
            units, min(room_bytes, int(self.room_bytes * self._tuning.ahead_share))
        )
        if not fetch:
            return NOTHING
        self._busy = (row, following)
        self._coming = fetch
        self._pinned.update(fetch)
        self._let_in(fetch)
        self._unused.update(fetch)
        drop = self._make_room()
        return Decision(drop, tuple(fetch))

    def resize(self, room_bytes: int) -> Decision:
        self.room_bytes = room_bytes
        if self.resident_bytes > room_bytes:
            drop = self._make_room()
            if self.resident_bytes > room_bytes:  # what is needed now goes last
                self._pinned.clear()
                self._rank(self._busy)
                drop += self._make_room()
            return Decision(drop)
        return NOTHING

    # --- what is worth how much -------------------------------------------------------------------

    def _learn(self) -> None:
        """Take in what a row has chosen, for one token or more, if that was not done yet."""
        row, chosen = self._to_learn
        if row < 0:
            return
        self._to_learn = _LEARNT_ALL
        tuning, traces, active, tokens = self._tuning, self.traces, self._active, self._tokens
        lately, share = self._lately[row], traces.share[row]
        fast, slow = 0.5 ** (1 / tuning.lately_tokens), 0.5 ** (1 / tuning.usual_tokens)
        if tokens == 1:
            lately *= fast
            lately[chosen] += 1 - fast
            share *= slow
            share[chosen] += 1 - slow
            last = chosen
        else:
            age = np.arange(tokens - 1, -1, -1).repeat(active)[: len(chosen)]
            lately *= fast**tokens
            lately += (1 - fast) * np.bincount(chosen, fast**age, self._experts)
            share *= slow**tokens
            share += (1 - slow) * np.bincount(chosen, slow**age, self._experts)
            last = chosen[-active:]
        traces.observe(row, chosen, self._before[row])
        self._before[row] = last
        worth = np.add.reduce(traces.after[row, last])
        worth *= tuning.follows / len(last)
        worth += tuning.lately * lately
        worth += tuning.usual * share
        self._worth[row] = worth

    def _likely(self, row: int, following: int, experts: Sequence[int]) -> list[int]:
        """The units to read ahead for a single token, the most likely first."""
        tuning = self._tuning
        chance = np.add.reduce(self.traces.onward[row, self._before[row]])
        chance *= tuning.onward / len(experts)
        tuned = tuning.lately + tuning.usual + tuning.follows
        chance += self._worth[following] * ((1 - tuning.onward) / tuned)
        chance[self._held[following]] = 0
        best = np.argsort(-chance, kind="stable")[: self.ahead_units]
        base = following * self._experts
        return [base + expert for expert in best.tolist() if chance[expert] >= tuning.ahead_chance]

    def _foretold(self, following: int, foretold: Sequence[int]) -> list[int]:
        """The units to read ahead of those that are foretold: from ranks that mostly come true."""
        self._told = following, foretold
        held, base = self._held[following], following * self._experts
        sure = self._true if self._tokens == 1 else _ALL_TRUE
        least = self._tuning.told_chance
        return [
            base + expert
            for rank, expert in enumerate(foretold)
            if not held[expert] and sure[min(rank, len(sure) - 1)] >= least
        ]

    def _check_told(self, row: int, experts: Sequence[int]) -> None:
        """See how much of what was foretold for a row came true, rank by rank."""
        told_row, told = self._told
        if told_row == row and self._tokens == 1:
            for rank, expert in enumerate(told[: len(self._true)]):
                self._true[rank] += _LEARNT * ((expert in experts) - self._true[rank])
        self._told = -1, ()

    def _streamed(self, following: int) -> list[int]:
        """The units to read ahead for a batch: it will want most of those that are not here."""
        share = np.where(self._held[following], 0, self.traces.share[following])
        least = 1 - (1 - self._tuning.batch_chance) ** (1 / self._tokens)
        best = np.argsort(-share, kind="stable")[: np.count_nonzero(share >= least)]
        units: list[int] = (following * self._experts + best).tolist()
        return units

    # --- who goes ---------------------------------------------------------------------------------

    def _rank(self, rows: Iterable[int]) -> None:
        """Work out anew what could be dropped of some rows."""
        pinned, experts = self._pinned, self._experts
        for row in rows:
            keys = self._keys[row]
            keys[:] = np.where(self._held[row], self._worth[row], _NEVER)
            if row in self._busy:
                for unit in pinned:
                    if unit // experts == row:
                        keys[unit % experts] = _NEVER
            self._least[row] = float(keys.min())

    def _fitting(self, units: Sequence[int], room_bytes: int) -> list[int]:
        """Of these units, in their order, those that fit together."""
        fitting = []
        for unit in units:
            if self._sizes[unit] <= room_bytes:
                room_bytes -= self._sizes[unit]
                fitting.append(unit)
        return fitting

    def _let_in(self, units: Iterable[int]) -> None:
        """Have units resident from now on; the pinned ones cannot be dropped."""
        for unit in units:
            row, expert = divmod(unit, self._experts)
            self._held[row, expert] = True
            self.resident_bytes += self._sizes[unit]

    def _make_room(self) -> tuple[int, ...]:
        """Drop what is worth least until the rest fits."""
        dropped = []
        while self.resident_bytes > self.room_bytes:
            least = min(self._least)
            if least == _NEVER:
                break
            row = self._least.index(least)
            keys = self._keys[row]
            expert = int(keys.argmin())
            keys[expert] = _NEVER
            self._least[row] = float(keys.min())
            self._held[row, expert] = False
            unit = row * self._experts + expert
            self.resident_bytes -= self._sizes[unit]
            if unit in self._unused:
                self._unused.discard(unit)
                self.wasted += 1
            dropped.append(unit)
        return tuple(dropped)
