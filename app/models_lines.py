"""How the table of models and the progress of a fetch are said in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.quantities import duration, size
from core.messages import ModelProgress


def models_lines(body: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of `satchel models list`."""
    for model in body:
        does = "searches" if model["kind"] == "embedding" else "answers"
        parts = [model["name"], does, size(model["size_bytes"]), _here(model)]
        if model["kind"] == "chat" and (fit := _fit(model)):
            parts.append(fit)
        yield "  ".join(parts)
        if model["good_for"]:
            yield f"    {model['good_for']} ({model['licence']})"
        for adapter in model.get("adapters", ()):
            yield f"    with the adapter {adapter['name']}, {size(adapter['size_bytes'])}"
        yield from (f"    {line}" for line in _quality(model))
        if model.get("memory_note"):
            yield f"    {model['memory_note']}"
        if model["installed"] and model.get("template") is False:
            yield "    Without a chat template: it is asked in plain text, as User and Assistant."
        if model["installed"] and model["kind"] == "chat" and model["fits"] is None:
            yield "    Its file is damaged or no model; fetch it again or remove it."


def gpu_line(gpus: Sequence[Mapping[str, Any]] | None) -> str:
    """The graphics processors that models can use."""
    if gpus is None:
        return "graphics processor for models: not looked for; run `satchel doctor`"
    told = [f"{gpu['name']} with {size(gpu['memory_bytes'])}" for gpu in gpus]
    return f"graphics processor for models: {', '.join(told) or 'none'}"


def progress_line(progress: ModelProgress) -> str:
    """One line on how far a fetch is."""
    if progress.phase == "checking":
        return f"{progress.name}: {size(progress.bytes_total)} are here and are checked"
    text = f"{progress.name}: {size(progress.bytes_done)} of {size(progress.bytes_total)}"
    if progress.phase == "measuring":
        share = progress.bytes_done / max(1, progress.bytes_total)
        text = f"{progress.name}: {share:.0%} of its quality is measured"
    elif progress.phase == "slimming":
        text += " written"
    if progress.bytes_per_s:
        text += f", {size(round(progress.bytes_per_s))} a second"
    if progress.eta_s is not None:
        text += f", about {duration(progress.eta_s)} left"
    return text


def _quality(model: Mapping[str, Any]) -> Iterator[str]:
    """What a model lost when it was slimmed, and what fewer experts a token would cost."""
    slimmed = model.get("slimmed")
    if slimmed:
        text = (
            f"{slimmed['experts']} of the {slimmed['experts_before']} experts of "
            f"{slimmed['source']}"
        )
        if slimmed["quality"] is None:
            yield f"{text}; not measured: run `satchel models measure {model['name']}`"
        else:
            yield f"{text}: {_cost(slimmed['quality'])}"
    for fewer in model.get("fewer", ()):
        count = f"{fewer['active']} expert{'s' if fewer['active'] > 1 else ''} a token"
        yield f"with {count} instead of {model['active_experts']}: {_cost(fewer['quality'])}"


def _cost(quality: Mapping[str, Any]) -> str:
    """A measured quality in words."""
    return (
        f"expects the same next word piece at {quality['agreement']:.0%} of the places, "
        f"perplexity {quality['perplexity']:.1f} instead of {quality['perplexity_before']:.1f} "
        f"({quality['tokens']} tokens of {quality['texts']})"
    )


def _here(model: Mapping[str, Any]) -> str:
    if model["installed"]:
        return "installed, in use" if model["chosen"] else "installed"
    came = model.get("fetched_bytes")
    return f"{size(came)} of it fetched" if came else "not installed"


def _fit(model: Mapping[str, Any]) -> str:
    """Whether a model fits, and how fast it is or is likely to be."""
    if model["fits"] is None:
        return ""
    if model["fits"] == "no":
        return f"does not fit: it takes {size(model['memory_bytes'])} of memory"
    text = "fits" if model["fits"] == "yes" else "fits with experts on disk"
    if model["tokens_per_s"] is None:
        return text
    rate = f"{model['tokens_per_s']:g} tokens a second"
    return f"{text}, {rate}" if model["measured"] else f"{text}, about {rate} expected"
