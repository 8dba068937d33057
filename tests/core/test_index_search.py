import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import Lab

from core.errors import Cancelled
from core.index.embedding_cache import EmbeddingCache
from core.index.ranking import fuse, top
from core.index.search import Query, Searcher
from core.index.text_cache import TextCache


@pytest.fixture
def filled(lab: Lab) -> Lab:
    for number in range(30):
        kind = "md" if number % 3 else "txt"
        lab.write(
            f"dir{number % 2}/n{number}.{kind}",
            f"shared words number{number}\nsecond line of number{number} about topic{number % 5}",
        )
    lab.index()
    return lab


def test_filters_hold_in_every_mode(filled: Lab) -> None:
    below = str(filled.files / "dir1")
    for mode in ("hybrid", "semantic", "lexical"):
        for exact in (False, True):
            hits = filled.search(
                "shared words number4", k=60, exact=exact, mode=mode, below=below, suffixes=("txt",)
            ).hits
            assert hits
            assert {Path(hit.path).parent.name for hit in hits} == {"dir1"}
            assert {Path(hit.path).suffix for hit in hits} == {".txt"}


def test_a_suffix_may_have_its_dot_and_any_case(filled: Lab) -> None:
    for suffix in ("md", ".md", "MD"):
        assert {Path(p).suffix for p in filled.names("shared", k=50, suffixes=(suffix,))} == {".md"}
    assert filled.names("shared", suffixes=("pdf",)) == []


def test_the_limit_on_recomputes_is_kept(filled: Lab) -> None:
    results = filled.search("topic3 second line", limit=9, mode="semantic", k=50)
    assert results.recomputed == 9
    # The rest of what was asked for comes after them, by the codes' estimate.
    assert len(results.hits) == 50
    scores = [hit.score for hit in results.hits]
    assert scores == sorted(scores, reverse=True)


def test_exact_scores_everything(filled: Lab) -> None:
    results = filled.search("topic3", mode="semantic", exact=True, k=100)
    assert results.recomputed == len(results.hits) == 60
    scores = [hit.score for hit in results.hits]
    assert scores == sorted(scores, reverse=True)
    assert [hit.rank for hit in results.hits] == list(range(1, 61))


def test_best_first_agrees_with_exact(filled: Lab) -> None:
    for number in range(0, 30, 4):
        query = f"second line of number{number}"
        exact = filled.search(query, mode="semantic", exact=True, k=1).hits[0]
        quick = filled.search(query, mode="semantic", k=1).hits[0]
        assert (quick.path, quick.start) == (exact.path, exact.start)
        assert quick.score == pytest.approx(exact.score, abs=1e-5)


@pytest.mark.parametrize("query", ["", "   ", "?!", "\n"])
def test_a_query_without_words(filled: Lab, query: str) -> None:
    for mode in ("hybrid", "semantic", "lexical"):
        results = filled.search(query, mode=mode)
        if not query.strip() or mode == "lexical":
            assert results.hits == ()


def test_an_empty_index_gives_nothing(lab: Lab) -> None:
    for exact in (False, True):
        results = lab.search("anything", exact=exact)
        assert (results.hits, results.recomputed) == ((), 0)


def test_a_search_that_is_given_up_ends(filled: Lab) -> None:
    searcher = Searcher(
        filled.store.view,
        filled.catalogue,
        lambda: filled.embedder,  # type: ignore[arg-type,return-value]
        filled.reader,
        EmbeddingCache(10),
        filled.texts,
    )
    for exact in (False, True):
        with pytest.raises(Cancelled):
            searcher.search(Query("shared"), 32, 60.0, lambda: True, exact=exact)


def test_what_is_kept_is_not_embedded_again(filled: Lab) -> None:
    searcher = Searcher(
        filled.store.view,
        filled.catalogue,
        lambda: filled.embedder,  # type: ignore[arg-type,return-value]
        filled.reader,
        EmbeddingCache(1000),
        filled.texts,
    )
    first = searcher.search(Query("topic2", mode="semantic"), 16, 60.0)
    second = searcher.search(Query("topic2", mode="semantic"), 16, 60.0)
    assert (first.recomputed, first.from_cache) == (16, 0)
    assert (second.recomputed, second.from_cache) == (16, 16)
    assert [hit.path for hit in first.hits] == [hit.path for hit in second.hits]


def test_the_cache_forgets_what_was_used_longest_ago() -> None:
    cache = EmbeddingCache(2)
    for number in (1, 2):
        cache.put(number, number)  # type: ignore[arg-type]
    cache.get(1)
    cache.put(3, 3)  # type: ignore[arg-type]
    assert (cache.get(1), cache.get(2), cache.get(3), len(cache)) == (1, None, 3, 2)


def test_no_room_in_the_cache() -> None:
    cache = EmbeddingCache(0)
    cache.put(1, 1)  # type: ignore[arg-type]
    assert len(cache) == 0


def test_related_passages_leave_out_the_asked_one(filled: Lab) -> None:
    searcher = Searcher(
        filled.store.view,
        filled.catalogue,
        lambda: filled.embedder,  # type: ignore[arg-type,return-value]
        filled.reader,
        EmbeddingCache(100),
        filled.texts,
    )
    position = 7
    place = filled.store.view.place(position)
    start, _ = filled.store.view.spans(place).spans[place.index]
    path = filled.catalogue.files_of([place.document])[place.document][0].path
    results = searcher.related(position, 10, 32, 60.0)
    assert results.hits
    assert (path, start) not in [(hit.path, hit.start) for hit in results.hits]


def test_fusion_rewards_both_sides() -> None:
    order = fuse(np.array([5, 6, 7]), {6: 0.5, 9: 0.9}, {})
    assert order[0][0] == 6
    assert {position for position, _ in order} == {5, 6, 7, 9}


@pytest.mark.parametrize("count", [0, 1, 5, 400, 60_000, 70_000])
def test_the_best_of_many_scores(count: int) -> None:
    rng = np.random.default_rng(count)
    for scores in (
        rng.standard_normal(60_000).astype(np.float32),
        np.sort(rng.random(60_000)).astype(np.float32),
        np.repeat(np.float32(-np.inf), 60_000),
        np.where(np.arange(60_000) % 59, np.float32(0.5), rng.random(60_000)).astype(np.float32),
        np.where(np.arange(60_000) % 3, -np.inf, rng.random(60_000)).astype(np.float32),
    ):
        found = top(scores, count)
        assert len(set(found.tolist())) == len(found)
        if count < len(scores):
            np.testing.assert_array_equal(
                np.sort(scores[found]), np.sort(scores)[len(scores) - count :]
            )
        else:
            assert len(found) == np.isfinite(scores).sum()


def test_the_text_cache_serves_scores_but_not_snippets(lab: Lab) -> None:
    lab.reader.slow = True
    path = lab.write("slow.txt", "ferries leave at noon")
    lab.index()
    assert lab.texts.get(lab.catalogue.documents().id[0]) == ["ferries leave at noon"]
    path.unlink()
    path.write_text("trains leave at dawn!")
    [hit] = lab.search("ferries", mode="semantic").hits
    assert (hit.state, hit.snippet) == ("changed", "")


def test_the_text_cache_keeps_its_bound_and_survives_damage(tmp_path: Path) -> None:
    cache = TextCache(tmp_path / "texts", 4000)
    for number in range(40):
        cache.put(number, [f"{number} " + " ".join(str(n * number) for n in range(60))])
    total = sum(path.stat().st_size for path in (tmp_path / "texts").iterdir())
    assert 0 < total <= 4000
    assert cache.get(39) is not None
    assert cache.get(0) is None
    (tmp_path / "texts" / "39.texts").write_bytes(b"damaged")
    assert cache.get(39) is None
    cache.keep_only({38})
    assert [path.name for path in (tmp_path / "texts").iterdir()] == ["38.texts"]
    off = TextCache(tmp_path / "off", 0)
    off.put(1, ["x"])
    assert not (tmp_path / "off").exists()


def test_what_was_read_of_the_index_is_given_back_and_read_again(filled: Lab) -> None:
    def found() -> list[list[str]]:
        return [
            [hit.path for hit in filled.search("topic3 second line", mode=mode, k=9).hits]
            for mode in ("hybrid", "semantic", "lexical")
        ]

    before = found()
    view = filled.store.view
    assert any(segment.words._blocks for _, segment in view.segments)
    if sys.platform == "linux":
        assert mapped_kb(filled.segments) > 0
    view.let_go()
    assert not any(segment.words._blocks for _, segment in view.segments)
    if sys.platform == "linux":
        assert mapped_kb(filled.segments) == 0
    assert found() == before


def mapped_kb(folder: Path) -> int:
    """Memory that mapped files of a folder take in this process, in kB."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text("utf-8").splitlines():
        if str(folder) in line:
            inside = True
        elif inside and line.startswith("Rss:"):
            total, inside = total + int(line.split()[1]), False
    return total
