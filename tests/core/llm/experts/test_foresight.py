"""What a router scores of another layer's input."""

from pathlib import Path

import numpy as np
import pytest
from tiny_models import MIXTURES, write_tiny

from core.llm.experts.foresight import Foresight, read_routers
from core.llm.experts.layout import read_layout
from core.llm.gguf import read_parts


def test_one_token_gives_the_best_in_their_order() -> None:
    router = np.eye(4, dtype=np.float32)
    told = Foresight({3: router}).likely(3, np.array([[1, 9, 5, 7]], np.float32), 2)
    assert told == [1, 3]


def test_a_batch_gives_all_that_any_token_may_choose_the_most_wanted_first() -> None:
    router = np.eye(4, dtype=np.float32)
    given = np.array([[1, 9, 0, 0], [0, 9, 1, 0], [0, 9, 1, 0]], np.float32)
    assert Foresight({0: router}).likely(0, given, 2) == [1, 2, 0]


def test_a_layer_without_a_router_tells_nothing() -> None:
    assert Foresight({}).likely(0, np.zeros((1, 4), np.float32), 2) == []


@pytest.mark.parametrize("name", ["llama", "lfm2moe"])
def test_the_routers_of_a_file(name: str, tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", MIXTURES[name])
    layout = read_layout(path)
    foresight = read_routers(layout, read_parts(path))
    layers = {unit.layer for unit in layout.units}
    assert foresight.width > 0
    for layer in range(layout.layers):
        told = foresight.likely(layer, np.ones((1, foresight.width), np.float32), layout.active)
        assert len(told) == (layout.active if layer in layers else 0)
