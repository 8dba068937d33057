"""The budgets that are proposed for a device."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.budget.facts import MB, Limits
from core.budget.propose import USUAL, propose

SIZES = st.integers(0, 10**14)


@given(SIZES, st.none() | SIZES, st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_proposal_leaves_room_and_is_never_too_small(
    memory: int, free: int | None, least_disk: int, least_ram: int
) -> None:
    found = propose(memory, free, Limits(least_disk, least_ram))
    assert found.disk_bytes <= max(
        least_disk, USUAL.disk_bytes if free is None else min(USUAL.disk_bytes, free // 10)
    )
    assert found.ram_bytes <= max(least_ram, min(USUAL.ram_bytes, memory // 4))
    assert found.disk_bytes >= least_disk
    assert found.ram_bytes >= least_ram


def test_an_ordinary_laptop_gets_the_usual_budgets() -> None:
    assert propose(8_200 * MB, 121_000 * MB, Limits(4 * MB, 380 * MB)) == Limits(
        500 * MB, 2000 * MB
    )
    assert propose(4_000 * MB, 2_000 * MB, Limits(4 * MB, 380 * MB)) == Limits(200 * MB, 1000 * MB)
