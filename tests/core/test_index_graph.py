import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.bits import CodecError
from core.index.graph import (
    SMALL,
    build_edges,
    open_graph,
    pack_edges,
    tidy,
    unpack_edges,
)

Pairs = list[tuple[int, int]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, Pairs]:
    count = draw(st.integers(1, 40))
    ends = st.integers(0, count - 1)
    return count, draw(st.lists(st.tuples(ends, ends), max_size=80))


def tidied(pairs: Pairs) -> np.ndarray:
    return tidy(np.array(pairs, dtype=np.int64).reshape(-1, 2))


def expected(pairs: Pairs) -> Pairs:
    return sorted({(min(a, b), max(a, b)) for a, b in pairs if a != b})


@given(graphs())
def test_tidy_keeps_each_undirected_edge_once(graph: tuple[int, Pairs]) -> None:
    _, pairs = graph
    assert [tuple(edge) for edge in tidied(pairs).tolist()] == expected(pairs)


@given(graphs())
def test_any_graph_comes_back(graph: tuple[int, Pairs]) -> None:
    count, pairs = graph
    edges = tidied(pairs)
    found = unpack_edges(pack_edges(edges, count), count)
    assert found.tolist() == edges.tolist()


@given(graphs())
def test_neighbours_are_those_on_both_ends(graph: tuple[int, Pairs]) -> None:
    count, pairs = graph
    opened = open_graph(tidied(pairs), count)
    for chunk in range(count):
        wanted = {b for a, b in expected(pairs) if a == chunk}
        wanted |= {a for a, b in expected(pairs) if b == chunk}
        assert opened.neighbours(chunk).tolist() == sorted(wanted)


@given(graphs().filter(lambda graph: bool(expected(graph[1]))), st.data())
def test_a_graph_that_is_cut_off_is_refused(graph: tuple[int, Pairs], data: st.DataObject) -> None:
    count, pairs = graph
    packed = pack_edges(tidied(pairs), count)
    with pytest.raises(CodecError):
        unpack_edges(packed[: data.draw(st.integers(0, len(packed) - 1))], count)


@settings(max_examples=300)
@given(graphs(), st.data())
def test_an_altered_graph_names_no_chunk_that_is_not_there(
    graph: tuple[int, Pairs], data: st.DataObject
) -> None:
    count, pairs = graph
    packed = bytearray(pack_edges(tidied(pairs), count))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(CodecError):
        edges = unpack_edges(bytes(packed), count)
        assert edges.size == 0 or (int(edges.min()) >= 0 and int(edges.max()) < count)


def test_a_graph_of_another_size_is_refused() -> None:
    packed = pack_edges(tidied([(0, 1), (1, 2)]), 3)
    with pytest.raises(CodecError):
        unpack_edges(packed, 4)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50, SMALL + 90])
def test_built_graphs_are_tidy_and_small(count: int) -> None:
    rng = np.random.default_rng(count)
    vectors = rng.standard_normal((count, 24)).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    edges = build_edges(vectors)
    assert edges.tolist() == tidy(edges).tolist()
    assert len(edges) <= 3 * count
    if count > 1:
        # Everybody's nearest other is kept, so nobody is alone.
        assert set(edges.ravel().tolist()) == set(range(count))
        assert len(pack_edges(edges, count)) < 9 * count + 60


def test_neighbours_are_near() -> None:
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((12, 32))
    vectors = np.repeat(centres, 60, axis=0) + 0.2 * rng.standard_normal((720, 32))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    edges = build_edges(vectors)
    same = (edges[:, 0] // 60) == (edges[:, 1] // 60)
    assert same.mean() > 0.9


def test_equal_vectors_make_a_graph() -> None:
    vectors = np.tile(np.eye(8, dtype=np.float32)[:1], (20, 1))
    edges = build_edges(vectors)
    assert edges.tolist() == tidy(edges).tolist()
