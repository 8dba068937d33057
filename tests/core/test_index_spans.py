import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.index.bits import CodecError
from core.index.spans import pack_document, pack_spans, unpack_document, unpack_spans

Spans = list[tuple[int, int]]


@st.composite
def documents(draw: st.DrawFn) -> tuple[Spans, list[int]]:
    spans: Spans = []
    at = 0
    for gap, length in draw(
        st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), max_size=20)
    ):
        spans.append((at + gap, at + gap + length))
        at += gap + length
    return spans, draw(st.lists(st.integers(0, 10_000), max_size=10))


@given(documents())
def test_spans_and_pages_come_back(document: tuple[Spans, list[int]]) -> None:
    spans, pages = document
    found = unpack_document(pack_document(spans, pages), len(spans))
    assert found.spans == tuple(spans)
    assert found.page_chars == tuple(pages)


@given(documents(), st.data())
def test_spans_that_are_cut_off_are_refused(
    document: tuple[Spans, list[int]], data: st.DataObject
) -> None:
    spans, pages = document
    packed = pack_document(spans, pages)
    with pytest.raises(CodecError):
        unpack_document(packed[: data.draw(st.integers(0, len(packed) - 1))], len(spans))


@given(documents(), st.integers(0, 30))
def test_another_number_of_chunks_is_refused_or_fits_by_chance(
    document: tuple[Spans, list[int]], chunks: int
) -> None:
    spans, pages = document
    with contextlib.suppress(CodecError):
        found = unpack_document(pack_document(spans, pages), chunks)
        assert len(found.spans) == chunks


@pytest.mark.parametrize("spans", [[(5, 3)], [(0, 5), (4, 8)], [(6, 8), (0, 2)]])
def test_spans_out_of_order_are_refused(spans: Spans) -> None:
    with pytest.raises(ValueError, match="overlaps"):
        pack_document(spans, [])


@given(st.lists(documents(), max_size=12))
def test_spans_of_many_documents_come_back(several: list[tuple[Spans, list[int]]]) -> None:
    packed = [(len(spans), pack_document(spans, pages)) for spans, pages in several]
    chunks = np.array([count for count, _ in packed], dtype=np.int64)
    raw, ends = unpack_spans(pack_spans(packed), chunks)
    assert raw == b"".join(one for _, one in packed)
    assert ends.tolist() == np.cumsum([len(one) for _, one in packed], dtype=np.int64).tolist()


@given(st.lists(documents(), min_size=1, max_size=4), st.data())
def test_spans_of_many_that_are_cut_off_are_refused(
    several: list[tuple[Spans, list[int]]], data: st.DataObject
) -> None:
    packed = [(len(spans), pack_document(spans, pages)) for spans, pages in several]
    chunks = np.array([count for count, _ in packed], dtype=np.int64)
    together = pack_spans(packed)
    with pytest.raises(CodecError):
        unpack_spans(together[: data.draw(st.integers(0, len(together) - 1))], chunks)
    with pytest.raises(CodecError):
        unpack_spans(together, chunks + 1)


def test_together_spans_take_under_two_bytes_a_chunk() -> None:
    chance = np.random.default_rng(4)
    several = []
    for _ in range(300):
        lengths = [*chance.integers(900, 1200, 6), chance.integers(50, 900)]
        ends = np.cumsum(np.array(lengths) + 1).tolist()
        spans = [(end - length - 1, end - 1) for end, length in zip(ends, lengths, strict=True)]
        several.append((len(spans), pack_document([(int(a), int(b)) for a, b in spans], [])))
    assert len(pack_spans(several)) < 2 * 7 * 300
