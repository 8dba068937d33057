"""How a language model is loaded within the budgets in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.model_process import Shape
from app.planning import Choices, model_needs
from core.budget.fewer import share_with_model
from core.errors import UserError

if TYPE_CHECKING:
    from app.service import Service


def shape_for(service: Service, name: str) -> Shape:
    """The shape for an installed model. Raises UserError when memory has no room for it now."""
    choices = Choices(service.settings)
    needs = model_needs(service.home, name)
    chunks = service.engine.store.view.live_chunks
    shared = share_with_model(choices.limits.ram_bytes, chunks, choices.wishes, needs)
    share = shared.memory
    if needs is None or not share.context_tokens:
        raise UserError(
            "The memory budget has no room for the language model.",
            "Give Satchel more with `satchel budget --ram SIZE`; search works without.",
        )
    weights = share.parts["model_weights"]
    needed = weights + share.parts["kv"] + share.parts["model_overhead"]
    service.governor.check_memory(0 if service.model.pid is not None else needed)
    return Shape(
        context_tokens=share.context_tokens,
        cell_type=share.cell_type,
        held_bytes=weights if weights < needs.weight_bytes else None,
        active_experts=shared.fewer.active if shared.fewer else None,
    )
