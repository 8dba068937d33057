"""The manager of a model's memory: knows which tokens are there, at which positions, in what part.

A part is what leaves and comes back as one: the system prompt, a turn, a block of a document. It
has a name, and one or more runs of positions. Whatever happens, the manager and the cells say
the same.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from core.errors import Cancelled, UserError
from core.llm.kv.cells import Ability, Cells


@dataclass(frozen=True, slots=True)
class Run:
    """Tokens of the part `name` at the positions from `first` on, without a gap."""

    name: str
    first: int
    tokens: tuple[int, ...]

    @property
    def end(self) -> int:
        """The position after the last one."""
        return self.first + len(self.tokens)


@dataclass(frozen=True, slots=True)
class Saved:
    """A part outside of the cells, exactly as it was in them."""

    run: Run
    state: bytes


class KvMemory:
    """The tokens in one model's cells."""

    def __init__(
        self,
        cells: Cells,
        bytes_a_token: int,
        batch_tokens: int,
        before_batch: Callable[[], None] = lambda: None,
    ) -> None:
        """`before_batch` is called before each computation; what it raises ends an `append`."""
        self._cells = cells
        self._bytes_a_token = bytes_a_token
        self._batch_tokens = batch_tokens
        self._before_batch = before_batch
        self._runs: list[Run] = []  # by position
        self._scattered = False  # whether cells may be in another order than their positions
        # Whether keys wait to be turned to new positions, which happens with the next computation.
        # What is read until then would be wrong.
        self._turning = False

    # --- what is there ------------------------------------------------------------------

    @property
    def runs(self) -> tuple[Run, ...]:
        """All that is there, by position."""
        return tuple(self._runs)

    @property
    def tokens(self) -> int:
        """How many tokens are there."""
        return sum(len(run.tokens) for run in self._runs)

    @property
    def capacity(self) -> int:
        """How many tokens there is room for in all."""
        return self._cells.capacity

    @property
    def ability(self) -> Ability:
        """What this model's memory allows."""
        return self._cells.ability

    @property
    def room(self) -> int:
        """For how many more tokens there is room."""
        return self.capacity - self.tokens

    @property
    def bytes(self) -> int:
        """What the keys and values that are there take."""
        return self.tokens * self._bytes_a_token

    @property
    def end(self) -> int:
        """The position at which the next token is computed."""
        return self._runs[-1].end if self._runs else 0

    def holds(self, name: str) -> bool:
        """Whether anything of a part is there."""
        return any(run.name == name for run in self._runs)

    # --- appending and forgetting -------------------------------------------------------

    def append(self, name: str, tokens: Sequence[int]) -> None:
        """Compute tokens after the last one, as the end of a part.

        Raises Cancelled or UserError; what whole batches were computed before is kept then. To
        append more than there is room for is a mistake of the caller.
        """
        if len(tokens) > self.room:
            raise RuntimeError(f"{len(tokens)} tokens do not fit into {self.room} cells")
        for at in range(0, len(tokens), self._batch_tokens):
            batch = tuple(tokens[at : at + self._batch_tokens])
            self._before_batch()
            end = self.end
            try:
                self._cells.append(batch)
            except (Cancelled, UserError):
                # Broken off in between, some layers' keys may be turned and others not.
                self.rewind(0 if self._turning else end)
                raise
            self._turning = False
            self._extend(name, end, batch)

    def _extend(self, name: str, first: int, tokens: tuple[int, ...]) -> None:
        last = self._runs[-1] if self._runs else None
        if last is not None and last.name == name and last.end == first:
            self._runs[-1] = replace(last, tokens=last.tokens + tokens)
        else:
            self._runs.append(Run(name, first, tokens))

    def rewind(self, position: int) -> int:
        """Forget all from a position on; where it then ends, 0 when all had to go."""
        if not self._cells.remove(position, None):
            self._runs.clear()
            return 0
        self._runs = [part for run in self._runs for part in _without(run, position, run.end)]
        self._scattered &= bool(self._runs)
        self._turning &= bool(self._runs)
        return self.end

    def drop(self, first: int, end: int) -> None:
        """Forget a range of positions; what is around it stays where it is."""
        if not self._cells.remove(first, end):
            self._runs.clear()
            return
        self._runs = [part for run in self._runs for part in _without(run, first, end)]
        self._scattered |= first < self.end

    def keep(self, names: Collection[str]) -> None:
        """Forget all parts but these."""
        for run in self.runs:
            if run.name not in names:
                self.drop(run.first, run.end)

    def rename(self, first: int, end: int, name: str) -> None:
        """Let a range of tokens be of another part. It has to begin and end with tokens."""
        renamed: list[Run] = []
        for run in self._runs:
            inner = (max(first, run.first), min(end, run.end))
            if inner[0] >= inner[1]:
                renamed.append(run)
                continue
            pieces = (
                _cut(run, run.first, inner[0]),
                replace(_cut(run, *inner), name=name),
                _cut(run, inner[1], run.end),
            )
            renamed += [piece for piece in pieces if piece.tokens]
        self._runs = _joined(renamed)

    # --- leaving and coming back --------------------------------------------------------

    def save(self, name: str) -> list[Saved]:
        """The runs of a part as they are, to be kept outside. They stay here too.

        None after positions were changed and before anything was computed.
        """
        if self._turning:
            return []
        return [
            Saved(run, self._cells.read(run.first, run.end))
            for run in self._runs
            if run.name == name
        ]

    def page_out(self, name: str) -> list[Saved]:
        """As `save`; the part leaves the cells."""
        saved = self.save(name)
        for part in saved:
            self.drop(part.run.first, part.run.end)
        return saved

    def recall(self, saved: Saved, first: int | None = None) -> bool:
        """Bring back what left, to where it was or to other positions, which have to be free.

        At its old place it is what it was to the last bit. False when the state is not one of
        this model's memory, or there is no room: nothing has changed then.
        """
        run = saved.run if first is None else replace(saved.run, first=first)
        if len(run.tokens) > self.room or not self._is_free(run.first, run.end):
            return False
        by = run.first - saved.run.first
        if by and not self._cells.ability.shifts:
            return False
        if not self._cells.write(saved.state, saved.run.first, saved.run.end, by):
            return False
        bisect.insort(self._runs, run, key=lambda one: one.first)
        self._scattered |= run.end < self.end
        self._turning |= by != 0
        return True

    def move(self, name: str, by: int) -> None:
        """Give a part other positions, which have to be free but for those it has itself."""
        moved = [run for run in self._runs if run.name == name]
        for run in moved if by < 0 else reversed(moved):
            self._cells.shift(run.first, run.end, by)
            self._turning |= by != 0
        self._runs = sorted(
            (replace(run, first=run.first + by) if run.name == name else run for run in self._runs),
            key=lambda one: one.first,
        )

    def restore(self, parts: Sequence[Saved]) -> bool:
        """Have nothing but these parts, each at its place; False when that cannot be: then
        nothing is there.
        """
        self.rewind(0)
        if all(self.recall(part) for part in parts):
            return True
        self.rewind(0)
        return False

    def close_gaps(self, from_position: int = 0) -> None:
        """Renumber what is there from a position on, so that no position is left out.

        Only where the model's positions can be changed.
        """
        at = from_position
        for index, run in enumerate(self._runs):
            if run.first < from_position:
                at = max(at, run.end)
                continue
            if run.first != at:
                self._cells.shift(run.first, run.end, at - run.first)
                self._turning = True
                self._runs[index] = replace(run, first=at)
            at += len(run.tokens)
        self._runs = _joined(self._runs)

    def tidy(self) -> None:
        """Have the cells in the order of their positions, without holes, if they are not.

        Sums over cells in another order round otherwise: without this, what is computed after a
        part came back is not the same to the last bit, and one best token in thirty is another.
        Where positions were changed nothing is as it was, and nothing is done.
        """
        if self._scattered and not self._turning:
            self._cells.lay([(run.first, run.end) for run in self._runs])
            self._scattered = False

    def _is_free(self, first: int, end: int) -> bool:
        return not any(run.first < end and first < run.end for run in self._runs)


def _cut(run: Run, first: int, end: int) -> Run:
    """The part of a run between two positions inside it."""
    return Run(run.name, first, run.tokens[first - run.first : end - run.first])


def _without(run: Run, first: int, end: int) -> list[Run]:
    """What is left of a run without a range of positions."""
    if end <= run.first or run.end <= first:
        return [run]
    before = _cut(run, run.first, max(run.first, first))
    after = _cut(run, min(run.end, end), run.end)
    return [part for part in (before, after) if part.tokens]


def _joined(runs: Sequence[Run]) -> list[Run]:
    """Runs that follow each other in one part as one."""
    joined: list[Run] = []
    for run in runs:
        last = joined[-1] if joined else None
        if last is not None and last.name == run.name and last.end == run.first:
            joined[-1] = replace(last, tokens=last.tokens + run.tokens)
        else:
            joined.append(run)
    return joined
