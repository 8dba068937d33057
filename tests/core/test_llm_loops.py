"""Loops are cut off, rightful repetition is not."""

from hypothesis import given
from hypothesis import strategies as st

from core.llm.loops import LONGEST_CYCLE_TOKENS, is_looping, repeats_wanted


@given(
    st.lists(st.integers(0, 9), max_size=20),
    st.lists(st.integers(0, 9), min_size=1, max_size=LONGEST_CYCLE_TOKENS),
)
def test_a_cycle_repeated_often_enough_is_a_loop(start: list[int], cycle: list[int]) -> None:
    assert is_looping(start + cycle * repeats_wanted(len(cycle)))


@given(st.integers(0, 300))
def test_tokens_that_never_repeat_are_no_loop(count: int) -> None:
    assert not is_looping(list(range(count)))


def test_a_few_repeats_are_allowed() -> None:
    assert not is_looping([1, 2, 7, 7, 7, 7])
    assert not is_looping([*range(10), *range(10)])
