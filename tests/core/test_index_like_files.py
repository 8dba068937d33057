"""Files that are like others, and which passages are looked at to find them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.index.like_files import LEAST_COSINE, MOST_PROPOSED, Near, places_of, proposals


def test_what_is_near_to_more_passages_comes_first() -> None:
    near = [
        Near(0, "/one", 0.9),
        Near(0, "/both", 0.6),
        Near(1, "/both", 0.7),
        Near(1, "/both", 0.5),
        Near(1, "/far", LEAST_COSINE - 0.01),
        Near(1, "/tagged", 0.99),
    ]
    found = proposals(near, {"/tagged"})
    assert [(one.path, one.votes, one.cosine) for one in found] == [
        ("/both", 2, 0.7),
        ("/one", 1, 0.9),
    ]
    many = [Near(0, f"/{n}", 0.8) for n in range(50)]
    assert len(proposals(many, ())) == MOST_PROPOSED


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 12))
def test_places_are_spread_over_the_files(sizes: list[int], most: int) -> None:
    chunks = [[100 * file + at for at in range(size)] for file, size in enumerate(sizes)]
    found = places_of(chunks, most)
    assert len(found) <= most
    assert len(set(found)) == len(found)
    assert bool(found) == any(chunks)
    if sum(map(bool, chunks)) <= most:
        assert {at // 100 for at in found} == {n for n, own in enumerate(chunks) if own}
