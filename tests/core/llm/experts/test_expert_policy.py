"""The policy of experts: what always holds of its decisions, and how good they are."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing_made import MANNERS, Routing, made_layout, made_routing
from yardsticks import best_hits, lru_hits

from core.llm.experts.layers import policy_for
from core.llm.experts.layout import PAGE_BYTES, Layout
from core.llm.experts.policy import Decision, Policy, Residency
from core.llm.experts.traces import Traces


class Carried:
    """Carries decisions out, as numbers, and checks each of them."""

    def __init__(self, layout: Layout, policy: Residency) -> None:
        self.layout, self.policy = layout, policy
        self.there: set[int] = set()

    def do(self, decision: Decision) -> Decision:
        assert not set(decision.drop) & set(decision.fetch)
        assert len(set(decision.drop)) == len(decision.drop)
        assert len(set(decision.fetch)) == len(decision.fetch)
        for unit in decision.drop:
            self.there.remove(unit)
        for unit in decision.fetch:
            assert unit not in self.there
            self.there.add(unit)
            assert self.bytes <= self.policy.room_bytes
        assert self.policy.resident_bytes == self.bytes <= self.policy.room_bytes
        return decision

    @property
    def bytes(self) -> int:
        return sum(self.layout.units[unit].page_bytes for unit in self.there)

    def needs(self, layer: int, experts: Sequence[int]) -> Decision:
        decision = self.do(self.policy.needed(layer, experts))
        wanted = {self.layout.unit_of(layer, expert) for expert in experts} - {-1}
        size = sum(self.layout.units[unit].page_bytes for unit in wanted)
        if size <= self.policy.room_bytes:
            assert wanted <= self.there
        else:
            left = self.policy.room_bytes - sum(
                self.layout.units[unit].page_bytes for unit in wanted & self.there
            )
            assert all(self.layout.units[unit].page_bytes > left for unit in wanted - self.there)
        return decision


ROOMS = st.integers(0, 30)  # in pages; all experts of the layouts below take 24 to 72


@settings(max_examples=80, deadline=None)
@given(
    room=ROOMS,
    experts=st.sampled_from([0, 4, 6]),
    slice_bytes=st.sampled_from([PAGE_BYTES, PAGE_BYTES + 100, 2 * PAGE_BYTES]),
    warm=st.booleans(),
    data=st.data(),
)
def test_what_always_holds(
    room: int, experts: int, slice_bytes: int, warm: bool, data: st.DataObject
) -> None:
    layers, active = 4, 2
    layout = made_layout(layers, experts, active if experts else 0, slice_bytes)
    traces = Traces(layout)
    traces.tokens = 100 if warm else 0
    carried = Carried(layout, policy_for(layout, room * PAGE_BYTES, traces))
    again = policy_for(layout, room * PAGE_BYTES, Traces(layout) if not warm else None)
    if warm:
        carried.do(carried.policy.start())
    passes = st.lists(
        st.tuples(
            st.integers(1, 7),  # tokens
            st.integers(0, 2**32 - 1),
            st.none() | ROOMS,
        ),
        min_size=1,
        max_size=8,
    )
    for tokens, seed, new_room in data.draw(passes):
        random = np.random.default_rng(seed)
        for layer in range(layers):
            chosen = (
                [
                    int(expert)
                    for _ in range(tokens)
                    for expert in random.choice(experts, active, replace=False)
                ]
                if experts
                else [-1]
            )
            needed = carried.needs(layer, chosen)
            told = random.permutation(experts)[: seed % 4].tolist()
            ahead = carried.policy.ahead(layer, chosen, told)
            wanted = {layout.unit_of(layer, expert) for expert in chosen}
            assert not wanted & set(ahead.drop)
            carried.do(ahead)
            if new_room is not None and layer == seed % layers:
                carried.do(carried.policy.resize(new_room * PAGE_BYTES))
                assert carried.bytes <= new_room * PAGE_BYTES
            for unit in range(len(layout.units)):
                assert carried.policy.is_resident(unit) == (unit in carried.there)
            if not warm:
                assert again.needed(layer, chosen) == needed
                assert again.ahead(layer, chosen, told) == ahead
                if new_room is not None and layer == seed % layers:
                    again.resize(new_room * PAGE_BYTES)


def play(policy: Residency, layout: Layout, routing: Routing, batch: int = 1) -> None:
    carried = Carried(layout, policy)
    carried.there = {unit for unit in range(len(layout.units)) if policy.is_resident(unit)}
    for token in range(0, len(routing), batch):
        for layer in range(layout.layers):
            chosen = routing[token : token + batch, layer].ravel().tolist()
            carried.needs(layer, chosen)
            carried.do(policy.ahead(layer, chosen))


def share(policy: Policy, layout: Layout, routing: Routing, first: int) -> float:
    """The share of hits from a token on."""
    play(policy, layout, routing[:first])
    hits, misses = policy.hits, policy.misses
    play(policy, layout, routing[first:])
    return (policy.hits - hits) / (policy.hits - hits + policy.misses - misses)


@pytest.mark.parametrize("part", [0.5, 0.25])
def test_it_is_better_than_dropping_what_was_used_longest_ago(part: float) -> None:
    layout = made_layout(6, 16, 2)
    room = round(len(layout.units) * part)
    gains = []
    for manner in MANNERS.values():
        routing = made_routing(manner, tokens=250, layers=6, experts=16, active=2, seed=3)
        lru, best = (hits(routing, room, 50) for hits in (lru_hits, best_hits))
        policy = Policy(layout, room * PAGE_BYTES)
        policy.ahead_units = 0  # what is read ahead is a hit too: without it the two compare
        ours = share(policy, layout, routing, 50)
        assert lru < ours < best
        gains.append((ours - lru) / (best - lru))
    assert sum(gains) / len(gains) > 0.2  # of what there is to gain


def test_an_expert_named_twice_is_one_unit() -> None:
    """As two tokens do that use fewer experts than the header says."""
    layout = made_layout(2, 8, 4)
    carried = Carried(layout, Policy(layout, 6 * PAGE_BYTES))
    assert carried.needs(0, [3, 1, 3]).fetch == (3, 1)
    assert (carried.policy.hits, carried.policy.misses) == (0, 2)


def test_a_prompt_leaves_behind_what_its_tokens_one_by_one_would() -> None:
    """Batches want nearly all experts of a layer; what decoding needs is there all the same."""
    layout = made_layout(6, 16, 2)
    routing = made_routing(MANNERS["plain"], tokens=260, layers=6, experts=16, active=2, seed=5)
    shares = []
    for batch in (1, 50):
        policy = Policy(layout, 48 * PAGE_BYTES)
        play(policy, layout, routing[:200], batch)
        hits, misses = policy.hits, policy.misses
        play(policy, layout, routing[200:])
        hits, misses = policy.hits - hits, policy.misses - misses
        shares.append(hits / (hits + misses))
    assert shares[1] > shares[0] - 0.02


def test_of_what_is_foretold_only_ranks_that_come_true_are_read_ahead() -> None:
    layout = made_layout(4, 16, 2)
    routing = made_routing(MANNERS["plain"], tokens=300, layers=4, experts=16, active=2, seed=5)
    policy = Policy(layout, 24 * PAGE_BYTES * 3)
    carried = Carried(layout, policy)
    for token in range(len(routing)):
        for layer in range(4):
            chosen = routing[token, layer].tolist()
            carried.needs(layer, chosen)
            # The first that is told is always right, the second never.
            right = routing[token, (layer + 1) % 4].tolist()
            wrong = next(expert for expert in range(16) if expert not in right)
            ahead = carried.do(policy.ahead(layer, chosen, [right[0], wrong]))
            if token > 100:
                assert layout.unit_of((layer + 1) % 4, wrong) not in ahead.fetch
                assert policy.is_resident(layout.unit_of((layer + 1) % 4, right[0]))
