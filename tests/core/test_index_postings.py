import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.bits import CodecError
from core.index.postings import MOST_UNIVERSE, pack_lists, unpack_lists


def ints(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.int64)


@st.composite
def some_lists(draw: st.DrawFn) -> tuple[list[int], list[int], list[list[int]]]:
    """Groups, universes and values of some lists."""
    groups, universes, lists = [], [], []
    group = 0
    for _ in range(draw(st.integers(1, 12))):
        universe = draw(st.sampled_from([0, 1, 2, 3, 7, 100, 70_000, MOST_UNIVERSE]))
        values = draw(st.sets(st.integers(0, universe - 1), max_size=40)) if universe else set()
        groups.append(group)
        universes.append(universe)
        lists.append(sorted(values))
        group += draw(st.integers(0, 1))
    return groups, universes, lists


def packed(groups: list[int], universes: list[int], lists: list[list[int]]) -> tuple:
    counts = ints([len(values) for values in lists])
    flat = ints([value for values in lists for value in values])
    data, sizes = pack_lists(ints(groups), ints(universes), counts, flat)
    return data, (sizes, ints(groups), ints(universes), counts), flat.tolist()


@settings(max_examples=100, deadline=None)
@given(some_lists())
def test_lists_come_back(lists: tuple) -> None:
    data, shape, flat = packed(*lists)
    assert unpack_lists(data, *shape).tolist() == flat


@pytest.mark.parametrize("count", [1, 255, 256, 511, 512, 513, 5_000])
def test_long_lists_come_back_among_short_ones(count: int) -> None:
    values = np.sort(np.random.default_rng(count).choice(20_000, count, replace=False)).tolist()
    lists = [[5], values, [], [1, 2, 3], values[: count // 2], [19_999]]
    data, shape, flat = packed([0, 0, 0, 1, 2, 3], [20_000] * 6, lists)
    assert unpack_lists(data, *shape).tolist() == flat


def test_groups_can_be_read_alone() -> None:
    data, (sizes, *_), _ = packed([0, 1, 2], [100, 100, 100], [[3, 4], [50, 99], [7]])
    start = int(sizes[0])
    middle = data[start : start + int(sizes[1])]
    found = unpack_lists(middle, sizes[1:2], ints([0]), ints([100]), ints([2]))
    assert found.tolist() == [50, 99]


def test_many_numbers_are_packed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(2)
    lists = [np.sort(chance.choice(900, 300, replace=False)).tolist() for _ in range(30)]
    groups = sorted(chance.integers(0, 9, 30).tolist())
    groups = np.unique(groups, return_inverse=True)[1].tolist()
    whole = packed(groups, [900] * 30, lists)
    monkeypatch.setattr("core.index.postings._MOST_AT_ONCE", 1_000)
    data, shape, flat = packed(groups, [900] * 30, lists)
    assert (data, shape[0].tolist()) == (whole[0], whole[1][0].tolist())
    assert unpack_lists(data, *shape).tolist() == flat


def test_a_full_list_takes_no_bytes_and_a_cluster_few() -> None:
    assert packed([0], [5000], [list(range(5000))])[0] == b""
    cluster = list(range(9_000, 10_000))
    assert len(packed([0], [1_000_000], [cluster])[0]) < 120


def test_a_random_list_is_near_its_entropy() -> None:
    values = np.sort(np.random.default_rng(1).choice(100_000, 2_000, replace=False)).tolist()
    entropy_bits = 14_120  # log2 of the number of such lists
    assert entropy_bits <= 8 * len(packed([0], [100_000], [values])[0]) < 1.04 * entropy_bits


def test_numbers_must_fit_the_code() -> None:
    with pytest.raises(ValueError, match="too large"):
        pack_lists(ints([0]), ints([MOST_UNIVERSE + 1]), ints([1]), ints([0]))


def test_a_list_longer_than_its_universe_is_refused() -> None:
    with pytest.raises(CodecError):
        unpack_lists(b"", ints([0]), ints([0]), ints([3]), ints([4]))
    with pytest.raises(CodecError):
        unpack_lists(b"", ints([0]), ints([0]), ints([1 << 60]), ints([4]))


@settings(deadline=None)
@given(some_lists(), st.data())
def test_lists_that_are_cut_off_are_refused(lists: tuple, data: st.DataObject) -> None:
    body, (sizes, *shape), _ = packed(*lists)
    if not body:
        return
    at = int(np.flatnonzero(sizes)[data.draw(st.integers(0, int((sizes > 0).sum()) - 1))])
    sizes = sizes.copy()
    sizes[at] -= 1
    with pytest.raises(CodecError):
        unpack_lists(body, sizes, *shape)
    with pytest.raises(CodecError):
        unpack_lists(body[:-1], sizes, *shape)


@settings(max_examples=100, deadline=None)
@given(some_lists(), st.data())
def test_altered_lists_are_lists_or_a_codec_error(lists: tuple, data: st.DataObject) -> None:
    body, (sizes, groups, universes, counts), _ = packed(*lists)
    altered = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4)) if altered else 0):
        altered[data.draw(st.integers(0, len(altered) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(CodecError):
        found = unpack_lists(bytes(altered), sizes, groups, universes, counts)
        at = 0
        for universe, count in zip(universes.tolist(), counts.tolist(), strict=True):
            values = found[at : at + count].tolist()
            assert values == sorted(set(values))
            assert all(0 <= value < universe for value in values)
            at += count
