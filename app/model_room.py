"""The memory that the budget leaves a language model, and what fits into it."""

from __future__ import annotations

from dataclasses import dataclass

from app.planning import Choices
from core.budget.ram import room_for_model
from core.llm.facts import ModelFacts
from core.llm.fit import Fit, fits, memory_needed
from core.llm.kv.cells import CELL_SHARES
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Room:
    """Memory for the model's worker, and the context that is wished for."""

    memory_bytes: int
    context_tokens: int
    cell_bytes_share: float

    def fit(self, facts: ModelFacts) -> Fit:
        """Whether a model fits."""
        return fits(facts, self.memory_bytes, self.context_tokens, self.cell_bytes_share)

    def needed_bytes(self, facts: ModelFacts) -> int:
        """Memory that a model takes with all its weights in it."""
        return memory_needed(facts, self.context_tokens, self.cell_bytes_share)


def model_room(settings: Settings, chunks: int) -> Room:
    """The room within the budget in force beside an index of so many passages."""
    choices = Choices(settings)
    wishes = choices.wishes
    return Room(
        room_for_model(choices.limits.ram_bytes, chunks),
        wishes.context_tokens,
        CELL_SHARES[wishes.cell_type],
    )
