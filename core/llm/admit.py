"""Which model files and adapters are let in, by what their headers say."""

from __future__ import annotations

from core.errors import UserError
from core.llm.gguf import GgufHeader

_TOKENS = "tokenizer.ggml.tokens"
_NOT_MODELS = {
    "mmproj": "the part of a model that sees pictures",
    "imatrix": "a table for quantizing models",
    "vocab": "a vocabulary without a model",
}


def admit_model(header: GgufHeader, name: str) -> None:
    """Raises UserError unless a header is that of a whole model that can answer.

    Whether the installed llama.cpp knows its architecture only that one can tell.
    """
    kind = str(header.values.get("general.type", "model"))
    if kind == "adapter":
        raise UserError(
            f"{name} is an adapter, not a model.",
            "Name the model it belongs to: `satchel models add FILE --for MODEL`.",
        )
    if kind in _NOT_MODELS:
        raise UserError(f"{name} is {_NOT_MODELS[kind]}.", "Choose the model's own GGUF file.")
    if header.own("attention.causal") is False or header.own("pooling_type") is not None:
        raise UserError(
            f"{name} is a model that compares texts; it cannot answer.",
            "Choose a model for chat.",
        )
    if not header.lengths.get(_TOKENS):
        raise UserError(
            f"{name} has no vocabulary, so it cannot read or write.",
            "Choose a GGUF file that was made with its tokenizer.",
        )


def admit_adapter(header: GgufHeader, name: str, base: GgufHeader, base_name: str) -> None:
    """Raises UserError unless a header is that of a LoRA for this kind of model."""
    if str(header.values.get("general.type", "model")) != "adapter":
        raise UserError(
            f"{name} is not an adapter.",
            "A model is added without --for: `satchel models add FILE`.",
        )
    kind = str(header.values.get("adapter.type", ""))
    if kind != "lora" or "adapter.alora.invocation_tokens" in header.lengths:
        raise UserError(
            f"{name} is an adapter of a kind that is not supported.",
            "Only plain LoRA adapters are.",
        )
    if header.architecture != base.architecture:
        raise UserError(
            f"{name} is an adapter for models of the kind {header.architecture}, and {base_name} "
            f"is of the kind {base.architecture}.",
            "Name the model that it was trained for.",
        )
