from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.budget.order import Change, in_order

sizes = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 1000))


def test_what_shrinks_goes_first() -> None:
    before = {"cache": 10, "texts": 50, "model": 100, "same": 7}
    after = {"cache": 40, "texts": 20, "same": 7, "new": 5}
    assert in_order(before, after) == [
        Change("model", 100, 0), Change("texts", 50, 20),
        Change("new", 0, 5), Change("cache", 10, 40),
    ]  # fmt: skip


@given(sizes, sizes)
def test_the_sum_is_never_more_than_before_and_after(
    before: dict[str, int], after: dict[str, int]
) -> None:
    now = dict(before)
    most = max(sum(before.values()), sum(after.values()))
    for change in in_order(before, after):
        assert now.get(change.part, 0) == change.before
        now[change.part] = change.after
        assert sum(now.values()) <= most
    assert {k: v for k, v in now.items() if v} == {k: v for k, v in after.items() if v}
