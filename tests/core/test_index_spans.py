import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.index.bits import CodecError
from core.index.spans import pack_document, unpack_document

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
