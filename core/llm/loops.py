"""Notices a generation that says the same thing over and over."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_CYCLE_TOKENS = 64


def repeats_wanted(cycle_tokens: int) -> int:
    """How many times in a row a cycle of this length must stand to be called a loop.

    One token may rightly stand a few times (digits, dashes), a whole sentence may not.
    """
    if cycle_tokens <= 2:
        return 8
    return 4 if cycle_tokens < 8 else 3


def is_looping(tokens: Sequence[int]) -> bool:
    """Whether the tokens end in one n-gram repeated, for any n up to LONGEST_CYCLE_TOKENS."""
    end = len(tokens)
    for cycle in range(1, min(LONGEST_CYCLE_TOKENS, end // 3) + 1):
        span = cycle * repeats_wanted(cycle)
        if span > end or tokens[end - 1] != tokens[end - 1 - cycle]:
            continue
        repeated = range(end - span + cycle, end)
        if all(tokens[at] == tokens[at - cycle] for at in repeated):
            return True
    return False
