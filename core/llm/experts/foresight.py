"""What the next layer is likely to choose: how its router scores what this one was given.

A layer changes what passes through it only a little, so the next router mostly chooses from this
layer's input as it will from its own. That costs one small product of matrices; a wrong guess
costs a read.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.llm.experts.layout import Layout
from core.llm.gguf import Part, Tensor

_FLOAT_BYTES = 4
_MOST_BYTES = 64 << 20  # of all routers: more than any model has that is known here

Floats = npt.NDArray[np.float32]


class Foresight:
    """The routers of a model, by layer. Each is float32 [experts, width]."""

    def __init__(self, routers: dict[int, Floats]) -> None:
        self._routers = routers

    @property
    def width(self) -> int:
        """How many numbers a router is given of each token; 0 where there is none."""
        return next((router.shape[1] for router in self._routers.values()), 0)

    def likely(self, layer: int, given: Floats, active: int) -> list[int]:
        """The experts that a layer is likely to choose, the most likely first, of a router's input
        [tokens, width]: `active` for one token, for more all that any of them may choose.
        """
        router = self._routers.get(layer)
        if router is None:
            return []
        scores = given @ router.T
        if len(given) == 1:
            best = np.argsort(-scores[0], kind="stable")[:active]
            chosen: list[int] = best.tolist()
            return chosen
        each = np.argpartition(-scores, active - 1, axis=1)[:, :active]
        counts = np.bincount(each.ravel(), minlength=len(router))
        order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
        chosen = order.tolist()
        return chosen


def read_routers(layout: Layout, parts: Sequence[Part]) -> Foresight:
    """The routers that a model's files hold; those of another form than usual are left out.

    Raises OSError when a file cannot be read.
    """
    found: dict[int, Floats] = {}
    taken = 0
    for part in parts:
        with part.path.open("rb") as file:
            for layer in {unit.layer for unit in layout.units}:
                tensor = part.header.tensors.get(router_name(layer))
                if tensor is None or not _is_usual(tensor, layout.experts):
                    continue
                taken += tensor.size_bytes
                if taken > _MOST_BYTES:
                    return Foresight({})
                file.seek(tensor.offset_bytes)
                data = file.read(tensor.size_bytes)
                if len(data) == tensor.size_bytes:
                    router = np.frombuffer(data, np.dtype("<f4")).astype(np.float32)
                    found[layer] = router.reshape(tensor.shape[1], tensor.shape[0])
    return Foresight(found if len({router.shape for router in found.values()}) == 1 else {})


def router_name(layer: int) -> str:
    """The name of a layer's router in a model file."""
    return f"blk.{layer}.ffn_gate_inp.weight"


def _is_usual(tensor: Tensor, experts: int) -> bool:
    floats = tensor.size_bytes == _FLOAT_BYTES * tensor.elements
    return floats and len(tensor.shape) == 2 and tensor.shape[1] == experts
