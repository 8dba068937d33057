import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.bits import (
    CodecError,
    pack_buckets,
    pack_varints,
    unpack_buckets,
    unpack_varints,
)

NUMBERS = st.lists(st.integers(0, 2**62) | st.integers(0, 300), max_size=60)
GAPS = st.lists(st.integers(0, 2**40) | st.integers(0, 20), max_size=60)


def ints(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.int64)


@given(NUMBERS)
def test_varints_come_back(values: list[int]) -> None:
    assert unpack_varints(pack_varints(ints(values))).tolist() == values


@pytest.mark.parametrize("value", [0, 1, 127, 128, 16383, 16384, 2**35, 2**62, 2**63 - 1])
def test_varints_at_the_borders_of_their_lengths(value: int) -> None:
    packed = pack_varints(ints([value]))
    assert len(packed) == max(1, -(-value.bit_length() // 7))
    assert unpack_varints(packed).tolist() == [value]


def test_varints_hold_no_negative_numbers() -> None:
    with pytest.raises(ValueError, match="negative"):
        pack_varints(ints([3, -1]))


@given(st.binary(max_size=40))
def test_any_bytes_are_varints_or_a_codec_error(data: bytes) -> None:
    with contextlib.suppress(CodecError):
        values = unpack_varints(data)
        assert (values >= 0).all()
        assert len(values) == sum(byte < 0x80 for byte in data)


@given(st.integers(128, 2**62))
def test_a_varint_that_is_cut_off_is_refused(value: int) -> None:
    with pytest.raises(CodecError):
        unpack_varints(pack_varints(ints([value]))[:-1])


@given(GAPS)
def test_buckets_come_back(values: list[int]) -> None:
    assert unpack_buckets(pack_buckets(ints(values))).tolist() == values


@given(GAPS.filter(bool), st.data())
def test_buckets_that_are_cut_off_are_refused(values: list[int], data: st.DataObject) -> None:
    packed = pack_buckets(ints(values))
    cut = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(CodecError):
        unpack_buckets(packed[:cut])


@settings(max_examples=300)
@given(GAPS, st.data())
def test_altered_buckets_give_numbers_or_a_codec_error(
    values: list[int], data: st.DataObject
) -> None:
    packed = bytearray(pack_buckets(ints(values)))
    for _ in range(data.draw(st.integers(1, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(CodecError):
        found = unpack_buckets(bytes(packed))
        assert found.dtype == np.int64
        assert (found >= 0).all()


@given(st.binary(max_size=60))
def test_any_bytes_are_buckets_or_a_codec_error(data: bytes) -> None:
    with contextlib.suppress(CodecError):
        unpack_buckets(data)
