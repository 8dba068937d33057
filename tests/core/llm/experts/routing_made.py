"""Layouts without files, and routing made up so that it is like that of models.

A hidden state drifts from token to token and from layer to layer; fixed random routers look at
it. So experts recur, some are liked more than others, and one layer tells of the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from core.llm.experts.layout import PAGE_BYTES, Layout, Slice, Unit

Routing = npt.NDArray[np.intp]  # token, layer, place among the chosen -> expert


@dataclass(frozen=True, slots=True)
class Manner:
    """How tokens follow one another. `skew` is how unlike the experts are liked, `stay` the share
    of the state that stays from token to token; a topic lasts `topic_tokens`, 0 for ever.
    """

    skew: float
    stay: float
    topic: float
    topic_tokens: int = 0
    noise: float = 0.7


MANNERS: Mapping[str, Manner] = MappingProxyType(
    {
        "plain": Manner(skew=0.5, stay=0.8, topic=0.7),
        "skewed": Manner(skew=1.5, stay=0.7, topic=0.6),
        "topics": Manner(skew=0.4, stay=0.85, topic=1.5, topic_tokens=120, noise=0.6),
    }
)


def made_layout(layers: int, experts: int, active: int, slice_bytes: int = PAGE_BYTES) -> Layout:
    """Experts of one slice each, on borders of pages if `slice_bytes` is. 0 experts: dense."""
    each = range(experts) if experts else (-1,)
    units = tuple(
        Unit(layer, expert, (Slice(0, at * slice_bytes, slice_bytes),))
        for at, (layer, expert) in enumerate((row, one) for row in range(layers) for one in each)
    )
    return Layout(
        files=(Path("made.gguf"),),
        units=units,
        layers=layers,
        experts=experts,
        active=active,
        dense_bytes=0,
        expert_bytes=slice_bytes * len(units),
        _places={(unit.layer, unit.expert): at for at, unit in enumerate(units)},
    )


def made_routing(
    manner: Manner, *, tokens: int, layers: int, experts: int, active: int, seed: int
) -> Routing:
    """What `tokens` tokens choose in each layer. The routers do not depend on the seed."""
    size, drift = 24, 0.35
    fixed, random = np.random.default_rng(99), np.random.default_rng(seed)
    routers = fixed.normal(size=(layers, experts, size)) / np.sqrt(size)
    liking = fixed.normal(size=(layers, experts)) * manner.skew
    lasting, topic = random.normal(size=size), random.normal(size=size)
    chosen = np.zeros((tokens, layers, active), np.intp)
    for token in range(tokens):
        if manner.topic_tokens and token % manner.topic_tokens == 0:
            topic = random.normal(size=size)
        lasting = manner.stay * lasting + np.sqrt(1 - manner.stay**2) * random.normal(size=size)
        state = manner.topic * topic + lasting + manner.noise * random.normal(size=size)
        for layer in range(layers):
            step = random.normal(size=size) * np.linalg.norm(state) / np.sqrt(size)
            state = np.sqrt(1 - drift**2) * state + drift * step
            scores = routers[layer] @ state + liking[layer]
            chosen[token, layer] = np.argpartition(-scores, active)[:active]
    return chosen
