"""Where a model's weights lie when there is a graphics processor.

A mixture of experts that does not fit into its memory has its experts stay with the processor,
and the rest of the layers, keys and values on the graphics processor. This could not be tried:
there was no graphics processor where it was written. What is tested is the decision, and that
llama.cpp takes the list of overrides (with all of them naming the processor, which changes
nothing). Without a graphics processor llama.cpp is told nothing of all this.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.llm.devices import processor_buffers
from core.llm.facts import ModelFacts
from core.llm.fit import kv_bytes
from core.messages import Gpu

# Beside weights, keys and values: buffers that a computation needs, and what drivers take.
MARGIN_BYTES = 800_000_000
ALL_LAYERS, NO_LAYERS = -1, 0
# The tensors of experts, by the names that llama.cpp gives them.
EXPERTS = r"\.ffn_(up|down|gate|gate_up)_(ch)?exps"

Where = Literal["all on the gpu", "experts with the processor", "all with the processor"]


@dataclass(frozen=True, slots=True)
class Offload:
    """Where the weights lie. `bytes_on_gpu` is what they take there with keys and values."""

    where: Where
    bytes_on_gpu: int = 0

    def set(self, params: Any) -> Any:
        """Say so in `llama_model_params`; what it gives has to live until the model is loaded."""
        params.n_gpu_layers = NO_LAYERS if self.where == "all with the processor" else ALL_LAYERS
        if self.where != "experts with the processor":
            return None
        overrides = buffer_overrides([EXPERTS])
        params.tensor_buft_overrides = ctypes.cast(overrides, ctypes.c_void_p)
        return overrides


class BufferOverride(ctypes.Structure):
    """`llama_model_tensor_buft_override`, which llama-cpp-python does not declare."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


def buffer_overrides(patterns: Sequence[str]) -> Any:
    """Tensors whose names fit one of these stay with the processor; for llama.cpp."""
    array = (BufferOverride * (len(patterns) + 1))()
    for place, pattern in zip(array, patterns, strict=False):
        place.pattern, place.buffer_type = pattern.encode(), processor_buffers()
    return array


def decide(
    gpus: Sequence[Gpu], facts: ModelFacts, context_tokens: int, cell_bytes_share: float
) -> Offload | None:
    """Where a model's weights lie best; None where there is no graphics processor. Pure."""
    free = sum(gpu.free_bytes for gpu in gpus)
    if not free:
        return None
    cells = kv_bytes(facts, context_tokens, cell_bytes_share)
    if facts.weight_bytes + cells + MARGIN_BYTES <= free:
        return Offload("all on the gpu", facts.weight_bytes + cells)
    if facts.expert_bytes and facts.dense_bytes + cells + MARGIN_BYTES <= free:
        return Offload("experts with the processor", facts.dense_bytes + cells)
    return Offload("all with the processor")
