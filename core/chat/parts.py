"""A prompt cut into what stays in the model's memory and what does not. Pure.

The system prompt and each earlier turn are parts, which may leave and come back as a whole. The
present question with its passages is the end, which is part of nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.llm.chat_message import ChatMessage
from core.llm.kv.prompts import PromptPart, part_name, system_part
from core.messages import ChatTurn

TokenizeEach = Callable[[Sequence[ChatMessage]], list[list[int]]]

# What stays where not everything fits: the turn before, then what the question is about, then
# what was said last.
_RECALLED, _LAST = 1e12, 2e12


@dataclass(frozen=True, slots=True)
class Parted:
    """The parts of a prompt in order, its end, and which turns each part's name stands for."""

    parts: tuple[PromptPart, ...]
    end: tuple[int, ...]
    recalled: dict[str, int]


def parted(
    messages: Sequence[ChatMessage],
    history: Sequence[ChatTurn],
    tokenize_each: TokenizeEach,
    pinned_in: int = 0,
) -> Parted:
    """The prompt of `messages` (a system message or none, and the question) with the turns of its
    conversation between them.

    `history` has a question and its answer for each turn, oldest first. With `pinned_in` the system
    message holds a document that this conversation has pinned.
    """
    system = [message for message in messages if message.role == "system"]
    turns = [ChatMessage(turn.role, turn.text) for turn in history]
    each = tokenize_each([*system, *turns, *messages[len(system) :]])
    parts = [
        pinned_part(tokens, pinned_in) if pinned_in else system_part(tokens)
        for tokens in each[: len(system)]
    ]
    recalled: dict[str, int] = {}
    for at in range(0, len(history) - 1, 2):
        turn, place = history[at], len(system) + at
        tokens = (*each[place], *each[place + 1])
        order = turn.turn or at + 1
        name = part_name(f"turn-{turn.conversation}-{order}", tokens)
        last = at + 2 >= len(history)
        weight = order + _RECALLED * turn.recalled + _LAST * last
        kept = turn.conversation > 0  # what is of no conversation could not be deleted with it
        parts.append(PromptPart(name, order, tokens, turn.conversation, weight, kept))
        if turn.recalled:
            recalled[name] = turn.turn
    end = [token for part in each[len(system) + len(history) :] for token in part]
    return Parted(tuple(parts), tuple(end), recalled)


def pinned_part(tokens: Sequence[int], conversation: int) -> PromptPart:
    """The part of a conversation before its turns; saved and removed with the conversation."""
    name = part_name(f"document-{conversation}", tokens)
    return PromptPart(name, -1, tuple(tokens), conversation, weight=float("inf"))


def with_pinned(
    system: str,
    pinned: str,
    text: str,
    room_tokens: int,
    tokenize_each: TokenizeEach,
    tokenize_text: Callable[[str], list[int]],
) -> Parted:
    """The prompt of a text, with what is pinned before it as a part of its own where all of that
    has room; else as one end.
    """
    head = [ChatMessage("system", system)] if system else []
    each = tokenize_each([*head, ChatMessage("user", pinned or text)])
    parts = [system_part(tokens) for tokens in each[: len(head)]]
    rest = tokenize_text(f"\n\n{text.strip()}") if pinned else []
    total = sum(map(len, each)) + len(rest)
    before = each[len(head)]
    if pinned and total <= room_tokens:
        parts.append(PromptPart(part_name("pinned", before), 0, tuple(before), weight=1.0))
        before = []
    return Parted(tuple(parts), (*before, *rest, *each[-1]), {})


def in_turns(history: Sequence[ChatTurn]) -> bool:
    """Whether a history is questions, each with its answer."""
    roles = [turn.role for turn in history]
    return len(roles) % 2 == 0 and roles == ["user", "assistant"] * (len(roles) // 2)
