"""Batches of changes: nothing is lost, nothing is late, moves are followed back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.files.changes import (
    EVERYTHING,
    LONGEST_DELAY_S,
    MOST_PATHS,
    QUIET_S,
    Changes,
    Coalescer,
)
from core.files.paths import is_under

PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(lambda p: "/r/" + "/".join(p))


@dataclass(frozen=True)
class Fed:
    """An event at a time after the one before it."""

    after_s: float
    path: str
    to: str | None = None
    lost: bool = False


EVENTS = st.lists(
    st.builds(
        Fed,
        st.floats(0, 4),
        PATHS,
        st.one_of(st.none(), PATHS),
        st.integers(0, 20).map(lambda n: n == 0),
    ),
    max_size=25,
)


def feed(coalescer: Coalescer, event: Fed, now_s: float) -> None:
    if event.lost:
        coalescer.lose(now_s)
    elif event.to is not None:
        coalescer.move(event.path, event.to, now_s)
    else:
        coalescer.touch(event.path, now_s)


def covers(changes: Changes, path: str) -> bool:
    return changes.everything or any(is_under(path, top) for top in changes.touched())


@given(EVENTS, st.integers(1, 30))
def test_nothing_is_lost_and_nothing_is_late(events: list[Fed], most: int) -> None:
    coalescer = Coalescer(most)
    now_s, waiting_since_s = 0.0, None
    batches: list[Changes] = []
    waiting: list[Fed] = []

    def take_if_due(until_s: float) -> None:
        nonlocal waiting_since_s
        due_s = coalescer.due_in_s(now_s)
        if waiting_since_s is None:
            assert due_s is None
            return
        assert due_s is not None
        assert due_s <= QUIET_S + 1e-9
        assert now_s + due_s <= waiting_since_s + LONGEST_DELAY_S + 1e-9
        if now_s + due_s > until_s:
            return
        batches.append(coalescer.take())
        for event in waiting:
            assert event.lost <= batches[-1].everything
            assert covers(batches[-1], event.path)
            assert event.to is None or covers(batches[-1], event.to)
        waiting.clear()
        waiting_since_s = None

    for event in events:
        take_if_due(now_s + event.after_s)
        now_s += event.after_s
        feed(coalescer, event, now_s)
        waiting.append(event)
        waiting_since_s = now_s if waiting_since_s is None else waiting_since_s
    take_if_due(float("inf"))
    assert not waiting
    assert not coalescer.take()
    assert all(len(batch.paths) + len(batch.moves) <= most for batch in batches)


@given(EVENTS, EVENTS)
def test_what_is_given_back_comes_again_first(before: list[Fed], after: list[Fed]) -> None:
    coalescer = Coalescer()
    for event in before:
        feed(coalescer, event, 0.0)
    taken = coalescer.take()
    for event in after:
        feed(coalescer, event, 1.0)
    coalescer.give_back(taken, 2.0)
    again = coalescer.take()
    assert again.everything == any(event.lost for event in before + after)
    if not again.everything:
        assert again.moves == tuple(
            (event.path, event.to) for event in before + after if event.to is not None
        )
    for event in before + after:
        assert covers(again, event.path)


def test_what_is_given_back_is_due_at_once() -> None:
    coalescer = Coalescer()
    coalescer.give_back(Changes(), 5.0)
    assert coalescer.due_in_s(5.0) is None
    coalescer.give_back(EVERYTHING, 5.0)
    assert coalescer.due_in_s(5.0) == 0.0
    coalescer.touch("/r/a", 5.0)
    assert coalescer.take() == EVERYTHING
    coalescer.touch("/r/a", 6.0)
    assert coalescer.due_in_s(6.0) == pytest.approx(QUIET_S)


@given(st.lists(st.tuples(PATHS, PATHS), max_size=8))
def test_moves_are_followed_back_to_where_a_file_was(moves: list[tuple[str, str]]) -> None:
    """Against a toy disk: a file's content is the path where it was at first."""
    disk = {f"/r/{a}/{b}": f"/r/{a}/{b}" for a in "abc" for b in "abc"}
    told: list[tuple[str, str]] = []
    for old, new in moves:
        moving = {path: first for path, first in disk.items() if is_under(path, old)}
        if not moving or is_under(new, old) or is_under(old, new):
            continue
        kept = {
            path: first
            for path, first in disk.items()
            if not is_under(path, old) and not is_under(path, new)
        }
        disk = kept | {new + path[len(old) :]: first for path, first in moving.items()}
        told.append((old, new))
    changes = Changes(moves=tuple(told))
    for path, first in disk.items():
        assert changes.origin(path) == first


def test_a_tree_is_touched_once() -> None:
    paths = frozenset(("/r/a b", "/r/a", "/r/a/x/y", "/r/ab", "/r/b/c"))
    changes = Changes(paths, (("/r/a/z", "/r/b"),))
    assert changes.touched() == ["/r/a", "/r/a b", "/r/ab", "/r/b"]


def test_a_whole_tree_of_events_stays_small() -> None:
    coalescer = Coalescer()
    coalescer.touch("/r/new", 0.0)
    for number in range(10 * MOST_PATHS):
        coalescer.touch(f"/r/new/{number}", 0.1)
    assert coalescer.take() == Changes(frozenset(("/r/new",)))
    for number in range(MOST_PATHS + 1):
        coalescer.touch(f"/r/{number}", 1.0)
    assert coalescer.take() == EVERYTHING
