"""The pages of a pool: never given out twice, never more than the room."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.llm.experts.runs import Run, Runs

ROOM = 40


def pages_of(runs: tuple[Run, ...]) -> set[int]:
    return {page for run in runs for page in range(run.start, run.start + run.pages)}


class RunsMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runs = Runs(ROOM)
        self.room = ROOM
        self.given: list[tuple[Run, ...]] = []
        self.withdrawn: set[int] = set()

    @property
    def used(self) -> int:
        return sum(len(pages_of(runs)) for runs in self.given)

    @rule(count=st.integers(1, 12))
    def take(self, count: int) -> None:
        if count > self.runs.free_pages:
            with pytest.raises(ValueError, match="free"):
                self.runs.take(count)
            return
        taken = self.runs.take(count)
        pages = pages_of(taken)
        assert len(pages) == count == sum(run.pages for run in taken)
        assert not any(pages & pages_of(other) for other in self.given)
        assert not pages & self.withdrawn
        self.given.append(taken)

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.given) - 1))
        self.runs.give_back(self.given.pop(at))

    @rule(room=st.integers(0, 60))
    def resize(self, room: int) -> None:
        if room < self.used:
            with pytest.raises(ValueError, match="in use"):
                self.runs.resize(room)
            return
        before = self.runs.extent_pages
        gone = pages_of(self.runs.resize(room))
        assert not any(gone & pages_of(other) for other in self.given)
        assert len(gone) == max(0, self.room - room)
        back = max(0, room - self.room) - (self.runs.extent_pages - before)
        self.withdrawn = set(sorted(self.withdrawn)[back:]) | gone
        self.room = room

    @invariant()
    def adds_up(self) -> None:
        assert self.runs.room_pages == self.room
        assert self.runs.free_pages == self.room - self.used
        assert self.runs.extent_pages == self.room + len(self.withdrawn)


TestRuns = RunsMachine.TestCase
TestRuns.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_what_lies_together_is_given_out_together() -> None:
    runs = Runs(10)
    first, second, third = runs.take(3), runs.take(4), runs.take(3)
    assert [first, second, third] == [(Run(0, 3),), (Run(3, 4),), (Run(7, 3),)]
    runs.give_back(third)
    runs.give_back(first)
    assert runs.take(5) == (Run(0, 3), Run(7, 2))
    runs.give_back(second)
    assert runs.take(4) == (Run(3, 4),)
