"""Two yardsticks for a policy: what most caches do, and what nobody could do better."""

from __future__ import annotations

import heapq
from collections import OrderedDict

from routing_made import Routing


def lru_hits(routing: Routing, room_units: int, first_token: int = 0) -> float:
    """The share of needed experts that are there, when the one used longest ago is dropped."""
    held: OrderedDict[tuple[int, int], None] = OrderedDict()
    hits = asked = 0
    for token, layers in enumerate(routing.tolist()):
        for layer, experts in enumerate(layers):
            for expert in experts:
                unit = (layer, expert)
                if token >= first_token:
                    asked += 1
                    hits += unit in held
                held[unit] = None
                held.move_to_end(unit)
                if len(held) > room_units:
                    held.popitem(last=False)
    return hits / asked


def best_hits(routing: Routing, room_units: int, first_token: int = 0) -> float:
    """The same when the one that is used again last is dropped (Belady): it knows the future."""
    tokens, layers, _ = routing.shape
    never = tokens * layers
    following: dict[tuple[int, int], int] = {}
    next_use: list[list[list[int]]] = [[[] for _ in range(layers)] for _ in range(tokens)]
    plain = routing.tolist()
    for token in reversed(range(tokens)):
        for layer in reversed(range(layers)):
            experts = plain[token][layer]
            next_use[token][layer] = [following.get((layer, one), never) for one in experts]
            following |= {(layer, expert): token * layers + layer for expert in experts}
    held: dict[tuple[int, int], int] = {}
    latest: list[tuple[int, tuple[int, int]]] = []
    hits = asked = 0
    for token in range(tokens):
        for layer in range(layers):
            for expert, then in zip(plain[token][layer], next_use[token][layer], strict=True):
                unit = (layer, expert)
                if token >= first_token:
                    asked += 1
                    hits += unit in held
                held[unit] = then
                heapq.heappush(latest, (-then, unit))
                while len(held) > room_units:
                    when, other = heapq.heappop(latest)
                    if held.get(other) == -when:
                        del held[other]
    return hits / asked
