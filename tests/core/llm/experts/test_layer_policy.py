"""Layers of a dense model: a part stays, the rest passes through in time."""

import itertools
from collections.abc import Sequence

import pytest
from routing_made import made_layout

from core.llm.experts.layers import LayerPolicy
from core.llm.experts.layout import PAGE_BYTES

LAYERS = 24


def loads_a_token(policy: LayerPolicy, tokens: int) -> tuple[float, int]:
    """Layers read for each token once it has settled, and layers that were waited for."""
    fetched = misses = 0
    for token in range(tokens):
        if token == 1:
            fetched, misses = 0, policy.misses
        for layer in range(LAYERS):
            fetched += len(policy.needed(layer, (-1,)).fetch)
            fetched += len(policy.ahead(layer, (-1,)).fetch)
    return fetched / (tokens - 1), policy.misses - misses


@pytest.mark.parametrize("room", [4, 8, 12, 18, 23])
def test_it_reads_little_more_than_what_does_not_fit(room: int) -> None:
    policy = LayerPolicy(made_layout(LAYERS, 0, 0), room * PAGE_BYTES)
    policy.start()
    loads, waited = loads_a_token(policy, 10)
    # Each of those that do not fit has to be read once a token: nothing can do with less. The
    # three places that they pass through keep nothing for good.
    assert LAYERS - room <= loads <= LAYERS - room + 3
    assert waited == 0


@pytest.mark.parametrize("room", [0, 1, 2, 3])
def test_little_room_is_no_harm(room: int) -> None:
    policy = LayerPolicy(made_layout(LAYERS, 0, 0), room * PAGE_BYTES)
    policy.start()
    loads, _ = loads_a_token(policy, 5)
    assert loads == (LAYERS if room else 0)
    assert policy.resident_bytes <= room * PAGE_BYTES


def test_all_that_fits_stays() -> None:
    policy = LayerPolicy(made_layout(LAYERS, 0, 0), LAYERS * PAGE_BYTES)
    assert sorted(policy.start().fetch) == list(range(LAYERS))
    assert loads_a_token(policy, 3) == (0, 0)
    assert (policy.hits, policy.misses, policy.wasted) == (3 * LAYERS, 0, 0)


def test_layers_that_stay_lie_apart() -> None:
    policy = LayerPolicy(made_layout(LAYERS, 0, 0), 15 * PAGE_BYTES)
    assert gaps(policy.start().fetch) == {2}


def gaps(layers: Sequence[int]) -> set[int]:
    return {second - first for first, second in itertools.pairwise(layers)}


def test_less_and_more_room() -> None:
    policy = LayerPolicy(made_layout(LAYERS, 0, 0), 20 * PAGE_BYTES)
    policy.start()
    loads_a_token(policy, 3)
    dropped = policy.resize(10 * PAGE_BYTES).drop
    assert policy.resident_bytes <= 10 * PAGE_BYTES
    assert len(dropped) >= 10
    assert not any(policy.is_resident(unit) for unit in dropped)
    assert LAYERS - 10 <= loads_a_token(policy, 6)[0] <= LAYERS - 7
    assert policy.resize(20 * PAGE_BYTES).drop == ()
    loads_a_token(policy, 6)
    assert LAYERS - 20 <= loads_a_token(policy, 6)[0] <= LAYERS - 17
