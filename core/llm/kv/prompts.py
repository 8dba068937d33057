"""Prompts made of parts: what of them is in memory stays, what was saved comes back, what leaves
is saved, and only the rest is computed.

A prompt is parts (system, turns) and an end that belongs to nothing: the present question with
its passages, later the answer. Parts keep their positions as long as these are within what the
model was trained for.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.errors import UserError
from core.llm.kv.memory import KvMemory
from core.llm.kv.policy import Part, arrange, fitting, middle_to_drop
from core.llm.kv.saved import PARKED, SYSTEM, SavedKv

END = ""  # the name of what is part of nothing
_NO_LIMIT = 1 << 30
_BLOCK_SHARE = 8  # of what there is room for, a block of a long text takes one part


@dataclass(frozen=True, slots=True)
class PromptPart:
    """A part of a prompt. `order` is its place among the parts of its conversation, the system
    prompt's before all; `weight` says what stays where not all fit, the greater first. What is
    not `kept` is never on disk.
    """

    name: str
    order: int
    tokens: tuple[int, ...]
    conversation: int = 0
    weight: float = 0.0
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Brought:
    """How a prompt came to be in memory: tokens that were there, came back, were computed.

    `held` are the names of its parts; `dropped_tokens` of a text longer than the memory had to go.
    """

    reused: int = 0
    recalled: int = 0
    computed: int = 0
    held: tuple[str, ...] = ()
    dropped_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Parked:
    """An end that was taken out: the names of its saved runs and where they began; `streamed` of
    its tokens had been taken in where its middle is gone.
    """

    names: tuple[tuple[str, int], ...] = ()
    streamed: int | None = None


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two sequences share at the beginning."""
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))


def part_name(what: str, tokens: Sequence[int]) -> str:
    """A name that only these tokens have."""
    digest = hashlib.blake2b(repr(tuple(tokens)).encode(), digest_size=16)
    return f"{what}-{digest.hexdigest()}"


def system_part(tokens: Sequence[int]) -> PromptPart:
    """The part before all others, which all conversations share."""
    return PromptPart(part_name(SYSTEM, tokens), -1, tuple(tokens), weight=float("inf"))


class PromptMemory:
    """Has one prompt after the other in a model's memory."""

    def __init__(
        self,
        memory: KvMemory,
        trained_tokens: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`trained_tokens` are the positions that the model knows, 0 for unknown."""
        self.memory = memory
        self._clock = clock
        self.saved: SavedKv | None = None
        self._trained_tokens = trained_tokens if trained_tokens > 0 else _NO_LIMIT
        self._parts: dict[str, PromptPart] = {}  # those in memory
        self._token_s = 0.0  # what computing a token took last
        # Of an end whose middle had to go: how many of its tokens were taken in. None for whole.
        self._streamed: int | None = None

    def bring(
        self,
        parts: Sequence[PromptPart],
        end: Sequence[int],
        answer_tokens: int,
        *,
        goes_on: bool = False,
    ) -> Brought:
        """Have these parts in memory, as far as there is room, and after them the end computed.

        There is room for the answer then. With `goes_on` the end in memory is the beginning of
        this one, also where its middle is gone. Raises Cancelled and UserError as computing does;
        what was done until then is not lost.
        """
        if self._streamed is not None and not goes_on:
            self._forget_end()
        if not self.memory.ability.pages:  # an answer may be shorter, but nothing can go for it
            if len(end) >= self.memory.capacity:
                raise too_long(self.memory.capacity, self.memory.ability.why)
            answer_tokens = min(answer_tokens, self.memory.capacity - len(end))
        if self._streamed is not None or len(end) + answer_tokens > self.memory.capacity:
            return self._stream(parts, end, answer_tokens)
        chosen = self.choose(parts, len(end), answer_tokens)
        limit = self._trained_tokens - len(end) - answer_tokens
        recalled, rest = self._arrange(chosen, limit)
        if not self._rewind_to(rest, end):
            recalled, rest = 0, chosen  # this kind of model could only forget everything
        computed = self._compute(rest, end)
        there = sum(len(part.tokens) for part in chosen) + len(end)
        return Brought(
            reused=max(0, there - recalled - computed),
            recalled=recalled,
            computed=computed,
            held=tuple(part.name for part in chosen),
        )

    def choose(
        self, parts: Sequence[PromptPart], end_tokens: int, answer_tokens: int
    ) -> list[PromptPart]:
        """What fits of the parts before such an end, and of their conversation what is in memory
        anyway.
        """
        room = max(0, self.memory.capacity - end_tokens - answer_tokens)
        by_name = {part.name: part for part in (*self._parts.values(), *parts)}
        talks = {part.conversation for part in parts if part.conversation}
        wanted = [_outline(part) for part in sorted(parts, key=lambda one: -one.weight)]
        extra = [
            _outline(one)
            for one in self._parts.values()
            # What stood before the turns may be another text by now, a pinned one or none.
            if one.conversation in talks and one.order >= 0
        ]
        taken, kept = fitting(wanted, extra, room)
        both = sorted((*taken, *kept), key=lambda part: part.order)
        return [by_name[part.name] for part in both]

    def settle(self) -> None:
        """Save what is in memory and not on disk yet, so that it is there whatever happens."""
        for name in list(self._parts):
            self._save(name)

    def clear(self) -> None:
        """Have nothing in memory."""
        self.memory.rewind(0)
        self._parts.clear()
        self._streamed = None

    def extend(self, token: int) -> bool:
        """Compute one more token of the end; False when there is no room for it."""
        if not self._make_room(1):
            return False
        self.memory.append(END, [token])
        if self._streamed is not None:
            self._streamed += 1
        return True

    def park(self) -> Parked:
        """Take the end out of memory, saved so that it can go on later."""
        whole, names = self._streamed, []
        for number, run in enumerate(self.memory.runs):
            if run.name != END:
                continue
            name = part_name(f"{PARKED}-{number}", run.tokens)
            self.memory.rename(run.first, run.end, name)
            if self.saved is not None and self.memory.ability.pages:
                for saved in self.memory.save(name):
                    self.saved.save(0, saved, self._token_s * len(run.tokens))
            self.memory.drop(run.first, run.end)
            names.append((name, run.first))
        self._streamed = None
        self._know_only_what_is_there()
        return Parked(tuple(names), whole)

    def unpark(self, parts: Sequence[PromptPart], parked: Parked) -> None:
        """Have the end back that was parked behind these parts.

        What was not saved or is altered is computed again by `bring`.
        """
        self._forget_end()
        _, missing = self._arrange(sorted(parts, key=lambda one: one.order), self._trained_tokens)
        saved, whole = self.saved, not missing
        for name, first in parked.names:
            found = saved.load(name) if saved is not None and whole else None
            whole = found is not None and self.memory.recall(found, first)
            if whole and found is not None:
                self.memory.rename(first, first + len(found.run.tokens), END)
            if saved is not None:
                saved.remove(name)
        if whole:
            self._streamed = parked.streamed
        else:
            self._forget_end()

    def _make_room(self, tokens: int) -> bool:
        """Let so many more tokens fit behind the end, of which the middle goes for it; whether
        they do.
        """
        if self.memory.room < tokens:
            if not self.memory.ability.pages:
                return False
            ends = [(run.first, run.end) for run in self.memory.runs if run.name == END]
            if self._streamed is None:
                self._streamed = sum(end - first for first, end in ends)
            for first, end in middle_to_drop(ends, tokens, self.memory.room):
                self.memory.drop(first, end)
        if self.memory.end + tokens > self._trained_tokens:
            if not self.memory.ability.shifts:
                return False
            self.memory.close_gaps()
        return self.memory.room >= tokens and self.memory.end + tokens <= self._trained_tokens

    # --- the parts ----------------------------------------------------------------------

    def _arrange(self, chosen: Sequence[PromptPart], limit: int) -> tuple[int, list[PromptPart]]:
        """Bring the chosen parts to their places; how many tokens came back, and which parts are
        still to be computed after the last one.
        """
        outlines = [_outline(part) for part in chosen]
        by_name = {part.name: part for part in chosen}
        recalled = 0
        while True:
            steps = arrange(
                outlines,
                {run.name: run.first for run in self.memory.runs if run.name != END},
                self._saved_places(chosen),
                shifts=self.memory.ability.shifts,
                end_limit=limit,
            )
            last = len(steps)
            while last and steps[last - 1].do == "compute":
                last -= 1
            if last and not self._forget_end():
                continue
            leaves = [step.name for step in steps if step.do == "leave"]
            for name in leaves:
                self._save(name)
                self._forget(name)
            if leaves:
                continue  # what could not be saved has to be computed
            for step in steps[:last]:
                part = by_name[step.name]
                if step.do == "compute":
                    self._append(part)
                elif step.do == "move":
                    run = next(one for one in self.memory.runs if one.name == step.name)
                    self.memory.move(step.name, step.first - run.first)
                elif self._recall(part, step.first):
                    recalled += len(part.tokens)
                else:
                    break  # altered or gone: then it is computed
            else:
                if recalled:
                    self.memory.tidy()
                return recalled, [by_name[step.name] for step in steps[last:]]

    def _saved_places(self, parts: Sequence[PromptPart]) -> dict[str, int]:
        if self.saved is None or not self.memory.ability.pages:
            return {}
        places = ((part.name, self.saved.first_of(part.name)) for part in parts)
        return {name: first for name, first in places if first is not None}

    def _recall(self, part: PromptPart, first: int) -> bool:
        assert self.saved is not None
        found = self.saved.load(part.name)
        if found is None or found.run.tokens != part.tokens or not self.memory.recall(found, first):
            self.saved.remove(part.name)
            return False
        self._parts[part.name] = part
        return True

    def _save(self, name: str) -> None:
        part = self._parts.get(name)
        if part is None or not part.kept or self.saved is None or not self.memory.ability.pages:
            return
        if self.saved.first_of(name) is None:
            for saved in self.memory.save(name):
                self.saved.save(part.conversation, saved, self._token_s * len(part.tokens))

    def _forget(self, name: str) -> None:
        self._parts.pop(name, None)
        for run in self.memory.runs:
            if run.name == name:
                self.memory.drop(run.first, run.end)
        self._know_only_what_is_there()

    def _forget_end(self) -> bool:
        """Whether the parts before it are still there."""
        ends = [run.first for run in self.memory.runs if run.name == END]
        if ends:
            self.memory.rewind(ends[0])
        self._streamed = None
        return self._know_only_what_is_there()

    def _know_only_what_is_there(self) -> bool:
        """Whether all that were known are there."""
        there = {run.name for run in self.memory.runs}
        known = len(self._parts)
        self._parts = {name: part for name, part in self._parts.items() if name in there}
        return len(self._parts) == known

    # --- computing ----------------------------------------------------------------------

    def _append(self, part: PromptPart) -> None:
        first = self.memory.end
        self._timed(part.tokens)
        self.memory.rename(first, first + len(part.tokens), part.name)
        self._parts[part.name] = part

    def _rewind_to(self, parts: Sequence[PromptPart], end: Sequence[int]) -> bool:
        """Forget of the last prompt's end what these parts and this end do not begin with.

        False when what is before it is gone too.
        """
        old = next((run for run in self.memory.runs if run.name == END), None)
        if old is None:
            return True
        tokens = _in_a_row(parts, end)
        # The last token is always computed, since its logits start the answer.
        self.memory.rewind(old.first + min(common_prefix(old.tokens, tokens), len(tokens) - 1))
        return self._know_only_what_is_there()

    def _compute(self, parts: Sequence[PromptPart], end: Sequence[int]) -> int:
        """Compute parts and end, of which the beginning may be there as an end; how many tokens."""
        tokens = _in_a_row(parts, end)
        reused = sum(len(run.tokens) for run in self.memory.runs if run.name == END)
        at = self.memory.end - reused
        self._timed(tokens[reused:])
        for part in parts:
            self.memory.rename(at, at + len(part.tokens), part.name)
            self._parts[part.name] = part
            at += len(part.tokens)
        return len(tokens) - reused

    def _stream(
        self, parts: Sequence[PromptPart], end: Sequence[int], answer_tokens: int
    ) -> Brought:
        """As `bring` for an end that is longer than the memory: block by block, its middle goes."""
        half = self.memory.capacity // 2
        system = [part for part in parts if part.order < 0 and len(part.tokens) <= half]
        recalled = 0
        if self._streamed is None:
            recalled, rest = self._arrange(system, half)
            self._forget_end()
            for part in rest:
                self._append(part)
            self._streamed = 0
        elif self._streamed >= len(end):
            # The last token is computed again, since its logits start what follows.
            self._streamed = len(end) - 1
            self.memory.rewind(self.memory.end - 1)
        begun = self._streamed
        block = max(1, self.memory.capacity // _BLOCK_SHARE)
        for at in range(begun, len(end), block):
            tokens = end[at : at + block]
            last = at + block >= len(end)
            if not self._make_room(len(tokens) + (answer_tokens if last else 0)):
                raise too_long(self.memory.capacity, self.memory.ability.why)
            before = self.memory.end
            try:
                self._timed(tokens)
            finally:
                self._streamed = at + self.memory.end - before
        held = sum(len(run.tokens) for run in self.memory.runs if run.name == END)
        return Brought(
            reused=begun,
            recalled=recalled,
            computed=len(end) - begun,
            held=tuple(part.name for part in system),
            dropped_tokens=len(end) - held,
        )

    def _timed(self, tokens: Sequence[int]) -> None:
        started = self._clock()
        self.memory.append(END, tokens)
        if tokens:
            self._token_s = (self._clock() - started) / len(tokens)


def too_long(room_tokens: int, why: str) -> UserError:
    """What to say of a prompt that cannot be taken in."""
    return UserError(
        f"The question is too long for the model's {room_tokens} tokens. {why}".strip(),
        "Ask a shorter question, or choose a model with a larger context.",
    )


def _in_a_row(parts: Sequence[PromptPart], end: Sequence[int]) -> list[int]:
    return [token for part in parts for token in part.tokens] + list(end)


def _outline(part: PromptPart) -> Part:
    return Part(part.name, part.order, len(part.tokens))
