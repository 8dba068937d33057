import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.bits import CodecError
from core.index.terms import COMMON_TERMS, Tokenizer, query_terms
from core.index.word_build import build, merge
from core.index.word_search import K1, WordHits, WordSearch
from core.index.word_search import B as LENGTH_WEIGHT
from core.index.words import WordIndex, length_of_levels, level_of

WORDS = "harbour lighthouse the evening 図書館 café a1 kelp kelps zone zones quay".split()
TEXT = st.lists(st.sampled_from(WORDS), max_size=15).map(" ".join)
PARTS = st.lists(st.lists(TEXT, max_size=8), min_size=1, max_size=3)
QUERY = st.lists(st.sampled_from([*WORDS, "absent", "who"]), max_size=5).map(" ".join)


def searching(parts: list[list[str]], live: list[bool] | None = None) -> WordSearch:
    flags = np.ones(sum(map(len, parts)), dtype=np.bool_) if live is None else np.array(live, bool)
    return WordSearch([WordIndex(build(texts)) for texts in parts], flags)


def ranked(hits: WordHits) -> list[tuple[int, float]]:
    return list(zip(hits.positions.tolist(), hits.scores.tolist(), strict=True))


def plain_bm25(texts: list[str], live: list[bool], query: str) -> dict[int, float]:
    """The score of every live chunk that holds a word, straight from the formula."""
    stands_for = [0.0, 1.0, 2.0, 3.4, 3.4, 6.5]
    terms = [Tokenizer().terms(text) for text in texts]
    lengths = [float(length_of_levels()[level_of(np.array([len(one)]))[0]]) for one in terms]
    alive = [at for at, flag in enumerate(live) if flag]
    mean = sum(lengths[at] for at in alive) / max(1, len(alive))
    scores: dict[int, float] = {}
    for wanted in query_terms(query):
        holders = [at for at in alive if wanted.term in terms[at]]
        weight = math.log(1 + (len(alive) - len(holders) + 0.5) / (len(holders) + 0.5))
        for at in holders:
            count = 1 if wanted.term in COMMON_TERMS else Counter(terms[at])[wanted.term]
            value = stands_for[min(count, 5)]
            norm = K1 * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * lengths[at] / mean)
            scores[at] = scores.get(at, 0) + weight * value * (K1 + 1) / (value + norm)
    return scores


@st.composite
def searched(draw: st.DrawFn) -> tuple[list[list[str]], list[bool], str]:
    parts = draw(PARTS)
    chunks = sum(map(len, parts))
    return parts, draw(st.lists(st.booleans(), min_size=chunks, max_size=chunks)), draw(QUERY)


@settings(max_examples=80, deadline=None)
@given(searched())
def test_the_ranking_is_bm25_over_the_live_chunks(case: tuple) -> None:
    parts, live, query = case
    texts = [text for part in parts for text in part]
    wanted = plain_bm25(texts, live, query)
    hits = ranked(searching(parts, live).rank(query, 100))
    assert dict(hits) == pytest.approx(wanted, rel=1e-4)
    assert hits == sorted(hits, key=lambda hit: (-hit[1], hit[0]))


@settings(max_examples=60, deadline=None)
@given(searched(), st.data())
def test_a_filter_while_ranking_is_a_filter_afterwards(case: tuple, data: st.DataObject) -> None:
    parts, live, query = case
    search = searching(parts, live)
    allowed = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(live), max_size=len(live))), dtype=np.bool_
    )
    every = ranked(search.rank(query, 100))
    k = data.draw(st.integers(0, 6))
    assert ranked(search.rank(query, k, allowed)) == [hit for hit in every if allowed[hit[0]]][:k]
    matching = search.matching(query)
    assert search.matching(query, allowed).tolist() == matching[allowed[matching]].tolist()


@settings(max_examples=60, deadline=None)
@given(searched())
def test_merging_changes_no_ranking(case: tuple) -> None:
    parts, live, query = case
    indexes = [WordIndex(build(texts)) for texts in parts]
    flags = np.array(live, dtype=np.bool_)
    new = np.where(flags, np.cumsum(flags) - 1, -1)
    ends = np.cumsum([index.chunks for index in indexes])
    targets = [
        new[end - index.chunks : end] for end, index in zip(ends.tolist(), indexes, strict=True)
    ]
    merged = WordSearch([WordIndex(merge(indexes, targets))], np.ones(int(flags.sum()), np.bool_))
    before = WordSearch(indexes, flags)
    hits, after = before.rank(query, 100), merged.rank(query, 100)
    assert new[hits.positions].tolist() == after.positions.tolist()
    assert hits.scores.tolist() == after.scores.tolist()
    assert new[before.matching(query)].tolist() == merged.matching(query).tolist()


@settings(max_examples=60, deadline=None)
@given(searched())
def test_matching_chunks_hold_every_word(case: tuple) -> None:
    parts, live, query = case
    texts = [text for part in parts for text in part]
    wanted = {one.term for one in query_terms(query, every=True)}
    assert searching(parts, live).matching(query).tolist() == [
        at
        for at, text in enumerate(texts)
        if live[at] and wanted and wanted <= set(Tokenizer().terms(text))
    ]


CHUNKS = [
    "The harbour closes at nine in the evening",
    "Mira Olsen (mira.olsen@varn.org) built the lighthouse in Varn",
    "図書館は午前九時に開館します",
    "Die Straße nach Übersee ist gesperrt, café inclus",
    "한국어 문서도 찾을 수 있어야 합니다",
    "happiness is a max_tokens value of 4096",
]


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("harbour", 0),
        ("When does the HARBOUR close?", 0),
        ("lighthouses", 1),
        ("mira.olsen@varn.org", 1),
        ("図書館", 2),
        ("開館", 2),
        ("館", 2),
        ("す", 2),
        ("strasse ubersee", 3),
        ("cafe", 3),
        ("한국어", 4),
        ("max_tokens", 5),
        ("4096", 5),
    ],
)
def test_words_find_their_chunk(query: str, best: int) -> None:
    assert searching([CHUNKS]).rank(query, 3).positions.tolist() == [best]
    assert searching([CHUNKS[:3], CHUNKS[3:]]).rank(query, 3).positions.tolist() == [best]


def test_nothing_is_found_without_words() -> None:
    for search in (searching([CHUNKS]), searching([[]]), searching([])):
        for query in ("", "  ", "?!", "zzzunknown"):
            hits = search.rank(query, 3)
            assert len(hits.positions) == len(hits.scores) == len(search.matching(query)) == 0


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_any_query_can_be_asked(query: str) -> None:
    search = searching([CHUNKS])
    search.rank(query, 3, typing=True)
    search.matching(query)


@pytest.mark.parametrize("letters", range(3, 11))
def test_every_letter_of_a_word_keeps_its_chunk(letters: int) -> None:
    """The index has the stems "happi" and "lighthous"; the word grows letter by letter."""
    search = searching([CHUNKS])
    for word, best in (("happiness", 5), ("lighthouses", 1)):
        hits = search.rank(word[:letters], 3, typing=True)
        assert hits.positions.tolist() == [best], word[:letters]


def test_an_unfinished_word_stands_for_its_commonest_endings() -> None:
    texts = [f"kelp{number:03}" for number in range(100)] + ["kelp007"] * 3
    search = searching([texts[:50], texts[50:]])
    found = search.rank("kelp", 200, typing=True).positions.tolist()
    assert {7, 100, 101, 102} <= set(found)
    assert len(found) == 32 + 3
    assert search.rank("kelp", 200).positions.tolist() == []


def test_the_flags_must_be_those_of_the_chunks() -> None:
    with pytest.raises(ValueError, match="flags"):
        WordSearch([WordIndex(build(CHUNKS))], np.ones(5, dtype=np.bool_))


def test_a_damaged_index_says_so() -> None:
    data = bytearray(build(CHUNKS))
    data[-1] ^= 1
    search = WordSearch([WordIndex(bytes(data))], np.ones(len(CHUNKS), dtype=np.bool_))
    with pytest.raises(CodecError):
        search.rank("harbour", 3)
