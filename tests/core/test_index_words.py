import random
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index import word_blocks, words
from core.index.bits import CodecError
from core.index.terms import COMMON_TERMS, Tokenizer
from core.index.word_blocks import BLOCK_TERMS, GROUP_POSTINGS
from core.index.word_build import build, merge
from core.index.words import WordIndex, length_of_levels, read_postings

# Few words, so that they repeat; among them a common one, which is not counted.
WORDS = "harbour lighthouse the evening 図書館 café a1 kelp kelps zone".split()
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), max_size=12)


def count_class(count: int) -> int:
    return [0, 0, 1, 2, 2, 3][min(count, 5)]


def contents(index: WordIndex) -> dict[str, dict[int, int]]:
    """Everything in an index: the class of the count by term and chunk."""
    found: dict[str, dict[int, int]] = {}
    for run in index.runs(10**9):
        at = 0
        for term, holders in zip(run.terms, run.holders.tolist(), strict=True):
            chunks = run.chunks[at : at + holders].tolist()
            found[term.decode()] = dict(
                zip(chunks, run.classes[at : at + holders].tolist(), strict=True)
            )
            at += holders
    return found


def expected(texts: list[str]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for chunk, text in enumerate(texts):
        for term, count in Counter(Tokenizer().terms(text)).items():
            counted = 1 if term in COMMON_TERMS else count
            found.setdefault(term, {})[chunk] = count_class(counted)
    return found


def many_words(seed: int, chunks: int, vocabulary: int = 4_000) -> list[str]:
    """Texts whose words are as unevenly common as in a language; several blocks and groups."""
    chance = random.Random(seed)
    return [
        " ".join(f"w{int(vocabulary ** chance.random())}" for _ in range(chance.randint(0, 80)))
        for _ in range(chunks)
    ]


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_an_index_holds_the_terms_of_its_texts(texts: list[str]) -> None:
    index = WordIndex(build(texts))
    assert index.chunks == len(texts)
    assert contents(index) == expected(texts)


def test_an_index_of_several_blocks_and_groups() -> None:
    texts = many_words(1, 1_200)
    index = WordIndex(build(texts))
    wanted = expected(texts)
    assert index.blocks > 1
    assert max(map(len, wanted.values())) > GROUP_POSTINGS
    assert contents(index) == wanted
    for term in ("w1", "w2", "w77", max(wanted)):
        found = index.find(term)
        assert found is not None
        assert found.holders == len(wanted[term])
        postings = read_postings([found])[0]
        assert dict(zip(postings.chunks, postings.classes, strict=True)) == wanted[term]


def test_terms_of_several_indexes_are_read_in_one_go() -> None:
    texts = [many_words(seed, 300) for seed in (1, 2)]
    indexes = [WordIndex(build(some)) for some in texts]
    names = ["w1", "w3", "w500", "w9", "w1"]
    found = [index.find(name) for name in names for index in indexes]
    found = [one for one in found if one is not None]
    wanted = [expected(some) for some in texts]
    assert len(found) >= 8
    for one, postings in zip(found, read_postings(found), strict=True):
        holders = wanted[indexes.index(one.index)][one.name]
        assert dict(zip(postings.chunks, postings.classes, strict=True)) == holders
    assert read_postings([]) == []


def test_threads_can_share_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_KEPT_BLOCKS", 1)
    texts = many_words(2, 400)
    index = WordIndex(build(texts))
    wanted = expected(texts)

    def wrong(seed: int) -> list[str]:
        names = random.Random(seed).choices(sorted(wanted), k=60)
        found = [index.find(name) for name in names]
        return [
            name
            for name, one in zip(names, found, strict=True)
            if one is None or read_postings([one])[0].chunks.tolist() != sorted(wanted[name])
        ]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(wrong, range(4))) == [[]] * 4


def test_terms_that_are_not_there() -> None:
    index = WordIndex(build(["harbour evening"]))
    for term in ("", "a", "harbor", "zzz", "\U0010ffff"):
        assert index.find(term) is None
    assert WordIndex(build([])).find("harbour") is None


def test_an_index_of_the_format_before_is_read_and_merged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = many_words(1, 1_200)
    with monkeypatch.context() as before:
        before.setattr(words, "FORMAT", 1)
        before.setattr(word_blocks, "BLOCK_TERMS", 1024)
        packed = build(texts)
    old = WordIndex(packed)
    assert int.from_bytes(packed[4:8], "little") == 1
    assert old.blocks > WordIndex(build(texts)).blocks
    assert contents(old) == expected(texts)
    assert merge([old], [np.arange(len(texts))]) == build(texts)


def test_terms_that_begin_alike() -> None:
    texts = many_words(3, 400)
    index = WordIndex(build(texts))
    names = sorted(term for term in expected(texts) if term.startswith("w10"))
    assert len(names) > 5
    assert [found.name for found in index.beginning("w10", 99)] == names
    assert list(index.beginning("x", 99)) == []
    assert len(list(index.beginning("w", 1))) <= BLOCK_TERMS


@pytest.mark.parametrize("length", [0, 1, 5, 60, 180, 254])
def test_a_level_is_near_the_length(length: int) -> None:
    level = WordIndex(build(["", " ".join(["kelp"] * length)])).levels
    assert level[0] == 0
    assert length_of_levels()[level[1]] == pytest.approx(length, rel=0.25, abs=0.8)


def test_texts_beyond_a_batch_make_the_same_index() -> None:
    texts = many_words(4, 150)
    assert build(texts, batch_chunks=40) == build(texts)
    assert build(texts[:120], batch_chunks=40) == build(texts[:120])


# --- merging ----------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, max_size=4), st.data())
def test_merging_is_building_from_what_stays(parts: list[list[str]], data: st.DataObject) -> None:
    every = [(part, chunk) for part, texts in enumerate(parts) for chunk in range(len(texts))]
    kept = data.draw(st.permutations([at for at in every if data.draw(st.booleans())]))
    targets = [np.full(len(texts), -1, dtype=np.int64) for texts in parts]
    for new, (part, chunk) in enumerate(kept):
        targets[part][chunk] = new
    merged = merge([WordIndex(build(texts)) for texts in parts], targets)
    assert merged == build([parts[part][chunk] for part, chunk in kept])


def test_merging_large_parts_is_building_from_what_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.index.word_build.BATCH_POSTINGS", 3_000)
    parts = [many_words(seed, chunks) for seed, chunks in ((5, 700), (6, 90), (7, 300))]
    keep = [np.random.default_rng(at).random(len(texts)) < 0.7 for at, texts in enumerate(parts)]
    before = 0
    targets = []
    for flags in keep:
        targets.append(np.where(flags, before + np.cumsum(flags) - 1, -1))
        before += int(flags.sum())
    merged = merge([WordIndex(build(texts)) for texts in parts], targets)
    every = [text for texts in parts for text in texts]
    assert merged == build([every[at] for at in np.flatnonzero(np.concatenate(keep))])


def test_what_only_a_forgotten_chunk_had_leaves_no_trace() -> None:
    texts = ["harbour evening", "zyzzyva harbour", "evening kelp"]
    merged = merge([WordIndex(build(texts))], [np.array([0, -1, 1])])
    assert merged == build([texts[0], texts[2]])
    assert "zyzzyva" not in contents(WordIndex(merged))


# --- damage -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def packed() -> bytes:
    return build(many_words(8, 120, 1_500))


def read_all(data: bytes) -> None:
    index = WordIndex(data)
    contents(index)
    index.find("w1")
    assert len(index.levels) == index.chunks


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_altered_bytes_are_noticed(packed: bytes, data: st.DataObject) -> None:
    altered = bytearray(packed)
    at = data.draw(st.integers(0, len(packed) - 1))
    altered[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(CodecError):
        read_all(bytes(altered))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_bytes_that_are_cut_off_are_noticed(packed: bytes, data: st.DataObject) -> None:
    with pytest.raises(CodecError):
        read_all(packed[: data.draw(st.integers(0, len(packed) - 1))])
    with pytest.raises(CodecError):
        read_all(packed + b"\0")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_altered_bytes_with_a_right_checksum_do_no_harm(packed: bytes, data: st.DataObject) -> None:
    """Whoever makes the checksums right can put words in, but not make the reader run away."""
    index = WordIndex(packed)
    dictionary, body, _, _ = index._table[0].tolist()
    start = int(index._starts[0])
    altered = bytearray(packed)
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.sampled_from(["head", "dictionary", "body"]))
        low, high = {
            "head": (4, start),
            "dictionary": (start, start + dictionary),
            "body": (start + dictionary, start + dictionary + body),
        }[where]
        altered[data.draw(st.integers(low, high - 1))] = data.draw(st.integers(0, 255))
    altered[:4] = zlib.crc32(altered[4:start]).to_bytes(4, "little")

    class Trusting(WordIndex):
        def read_block(self, number: int) -> words.Block:
            dictionary, body, _, _ = self._table[number].tolist()
            start = int(self._starts[number])
            middle = start + dictionary
            view = memoryview(altered)
            return words.unpack_block(view[start:middle], view[middle : middle + body], self.chunks)

    try:
        index = Trusting(bytes(altered))
        found = contents(index)
    except CodecError:
        return
    for holders in found.values():
        assert all(0 <= chunk < index.chunks for chunk in holders)
