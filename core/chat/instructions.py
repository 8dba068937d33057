"""What a person wants of every answer, in their own words: how long, and how the model is told."""

from __future__ import annotations

from core.errors import UserError
from core.messages import ChatTurn

LONGEST_INSTRUCTIONS = 600  # characters: about 150 tokens of a context that may have 512


def check_instructions(text: str) -> str:
    """The text as it is. Raises UserError when it is too long to go with every question."""
    if len(text) > LONGEST_INSTRUCTIONS:
        raise UserError(
            "The instructions are too long.",
            f"Say it in at most {LONGEST_INSTRUCTIONS} characters; these are {len(text)}.",
        )
    return text


def instructions_as_turns(text: str) -> list[ChatTurn]:
    """The instructions as the model is told of them: said by the person before all else."""
    said = " ".join(text.split())
    if not said:
        return []
    return [
        ChatTurn("user", f"For every answer: {said}"),
        ChatTurn("assistant", "I will answer like that."),
    ]
