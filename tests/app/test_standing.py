"""A pause that ends by itself."""

from __future__ import annotations

from app.standing import Standing
from core.budget.govern import Decision
from core.messages import Message, State


def test_a_pause_for_a_while_ends_at_its_time() -> None:
    told: list[Message] = []
    now_s = [1_000_000.0]
    standing = Standing(told.append, lambda: now_s[0])
    standing.pause(True, for_s=3600)
    state = told[-1]
    assert isinstance(state, State)
    assert state.state == "paused"
    assert (state.reason or "").startswith("paused until ")
    now_s[0] += 3599
    standing.hold(Decision())
    assert standing.is_held(waited_for=False)
    assert len(told) == 1
    now_s[0] += 1
    standing.hold(Decision())
    assert not standing.is_held(waited_for=False)
    assert told[-1] == State(0, "idle")


def test_a_pause_without_an_end_lasts_and_takes_the_place_of_one_with() -> None:
    now_s = [1_000_000.0]
    standing = Standing(lambda _: None, lambda: now_s[0])
    standing.pause(True, for_s=60)
    standing.pause(True)
    now_s[0] += 86_400
    standing.hold(Decision())
    assert standing.now() == ("paused", "you paused it")
    standing.pause(False)
    assert standing.now() == ("idle", None)
