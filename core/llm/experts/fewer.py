"""Fewer experts a token than a mixture was made with: less is read, and answers are worse."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import UserError
from core.llm.gguf import GgufHeader

USED = "expert_used_count"


def can_use_fewer(header: GgufHeader) -> bool:
    """Whether the number of experts a token uses may be changed when the model is loaded.

    llama.cpp takes one number for all layers only.
    """
    return header.number(USED) > 1


def fewer_experts(header: GgufHeader, active: int | None) -> Mapping[str, int]:
    """What to say of the model in place of its file so that a token uses `active` experts.

    None, or as many as the model says, changes nothing. Raises UserError when it cannot be.
    """
    used = header.number(USED)
    if active is None or active == used:
        return {}
    if not can_use_fewer(header):
        raise UserError(
            "This model cannot use another number of experts.",
            "Set assistant.active_experts to 0, which leaves it as it was made.",
        )
    if not 1 <= active < used:
        raise UserError(
            f"This model uses {used} experts a token; {active} cannot be chosen.",
            f"Set assistant.active_experts to a number from 1 to {used - 1}, or 0 for automatic.",
        )
    return {f"{header.architecture}.{USED}": active}
