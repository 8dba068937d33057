"""Fewer experts a token where memory is short: less is read from disk, and answers lose a little.

Automatically only where much of a mixture is not in memory, or it would not answer at all, and
where what it costs was measured and is small. What the person chose is taken always.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.budget.facts import FewerExperts, ModelNeeds, Wishes
from core.budget.ram import MemoryShare, share_memory

# Memory is short for a mixture when a smaller share than this of its experts is in it.
PRESSED_SHARE = 0.7
# Most that the perplexity may rise, unasked.
MOST_COST = 0.05


@dataclass(frozen=True, slots=True)
class ModelShare:
    """Memory shared out, and how many experts a token uses then; None for as many as usual."""

    memory: MemoryShare
    fewer: FewerExperts | None = None


def share_with_model(
    budget_bytes: int, chunks: int, wishes: Wishes, model: ModelNeeds | None
) -> ModelShare:
    """As `share_memory`, with fewer experts a token where that is chosen or memory is short.

    More memory never takes anything away by this: a model that answers without it keeps what
    it has, and one that answers only with it has the context of a question and no more.
    """
    chosen = None if model is None else _chosen(model, wishes)
    if model is None or chosen is not None:
        return ModelShare(share_memory(budget_bytes, chunks, wishes, _with(model, chosen)), chosen)
    memory = share_memory(budget_bytes, chunks, wishes, model)
    small = _cheapest(model)
    if small is None:
        return ModelShare(memory)
    if memory.context_tokens:
        missing = model.weight_bytes - memory.parts["model_weights"]
        pressed = missing > (1 - PRESSED_SHARE) * model.expert_bytes
        return ModelShare(memory, small if pressed else None)
    short = replace(wishes, context_tokens=wishes.task_tokens)
    fitted = share_memory(budget_bytes, chunks, short, _with(model, small))
    return ModelShare(fitted, small) if fitted.context_tokens else ModelShare(memory)


def _chosen(model: ModelNeeds, wishes: Wishes) -> FewerExperts | None:
    """What the person chose, where it is less than the model uses."""
    return next((one for one in model.fewer if one.active == wishes.active_experts), None)


def _cheapest(model: ModelNeeds) -> FewerExperts | None:
    """The fewest experts a token of those that were measured and cost little."""
    fit = [one for one in model.fewer if one.cost is not None and one.cost <= MOST_COST]
    return min(fit, key=lambda one: one.active, default=None)


def _with(model: ModelNeeds | None, fewer: FewerExperts | None) -> ModelNeeds | None:
    if model is None or fewer is None:
        return model
    return replace(model, least_weight_bytes=fewer.least_weight_bytes)
