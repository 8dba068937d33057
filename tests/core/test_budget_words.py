"""The word index as what a plan may give up, where the person allows it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from core.budget.disk import RESERVE_BYTES, ROOM_TO_RISE, code_bytes, index_parts
from core.budget.facts import MB, Corpus, Limits, Speeds, Wishes
from core.budget.plan import Plan, make_plan
from core.budget.words import changes, why
from core.index.levels import ALWAYS, DEFAULT_LEVEL, NEVER, WHERE_ROOM, WORDS_KEPT, level_named

LEVEL = level_named(DEFAULT_LEVEL)
CHUNKS = 100_000
CORPUS = Corpus(
    LEVEL, True, 10_000, CHUNKS, 80 * MB, 1 * MB, codes=code_bytes(LEVEL, CHUNKS), graph=2 * CHUNKS,
    spans=2 * CHUNKS, lexical=8 * MB,
)  # fmt: skip
WITH = sum(index_parts(CORPUS, LEVEL).values()) + RESERVE_BYTES + CORPUS.catalogue
WITHOUT = WITH - CORPUS.lexical


def plan(disk_bytes: int, words: str, corpus: Corpus = CORPUS, level: str = DEFAULT_LEVEL) -> Plan:
    limits, wishes = Limits(disk_bytes, 10**9), Wishes(level_named(level), words=words)
    return make_plan(limits, corpus, wishes, Speeds(), None)


def test_words_go_only_where_they_may_and_the_index_does_not_fit() -> None:
    assert plan(WITH, WHERE_ROOM).words
    tight = plan(WITH - 1, WHERE_ROOM)
    assert (tight.words, tight.fits, tight.disk["lexical"]) == (False, 1.0, 0)
    kept = plan(WITH - 1, ALWAYS)
    assert kept.words
    assert kept.fits < 1
    assert kept.text_bytes_that_fit < tight.text_bytes_that_fit
    assert not plan(10**12, NEVER).words


def test_embeddings_go_before_words() -> None:
    rich = replace(CORPUS, level=level_named("embeddings"), codes=0, embeddings=39 * MB)
    made = plan(WITH, WHERE_ROOM, rich, "embeddings")
    assert (made.level, made.words) == (LEVEL, True)


def test_words_come_back_with_room_to_spare_and_not_where_they_were_given_up() -> None:
    gone = replace(CORPUS, words=False, lexical=0)
    needed = sum(index_parts(gone, LEVEL).values()) + RESERVE_BYTES + CORPUS.catalogue
    assert not plan(needed + 1, WHERE_ROOM, gone).words
    ample = round(needed / ROOM_TO_RISE) + MB
    assert plan(ample, WHERE_ROOM, gone).words
    assert not plan(ample, WHERE_ROOM, replace(gone, wordless_within=ample)).words
    assert plan(ample + 1, WHERE_ROOM, replace(gone, wordless_within=ample)).words
    assert plan(WITHOUT, ALWAYS, replace(gone, wordless_within=ample)).words, "as was asked for"


@given(st.integers(4 * MB, 10**10), st.sampled_from(WORDS_KEPT), st.booleans())
def test_more_room_never_takes_words_away(disk: int, words: str, has: bool) -> None:
    corpus = CORPUS if has else replace(CORPUS, words=False, lexical=0)
    less, more = plan(disk, words, corpus), plan(disk + disk // 10, words, corpus)
    assert less.words <= more.words
    assert sum(less.disk.values()) == disk


def test_what_becomes_of_words_is_told() -> None:
    def told(made: Plan, words: str, corpus: Corpus = CORPUS) -> str:
        return " ".join(why(made, corpus, Wishes(LEVEL, words=words), None))

    full, none = plan(WITH, WHERE_ROOM), plan(WITHOUT, WHERE_ROOM)
    assert "No word index is kept" in told(none, WHERE_ROOM)
    assert "made again when it has room" in told(none, WHERE_ROOM)
    assert "made again" not in told(plan(WITH, NEVER), NEVER)
    assert "without them more would fit (`satchel budget --set" in told(
        plan(WITHOUT, ALWAYS), ALWAYS
    )
    used = {"lexical": CORPUS.lexical}
    given_up = " ".join(changes(full, none, used))
    assert "The word index is given up" in given_up
    assert "Frees 8.0 MB on disk." in given_up
    assert "the files are read again" in " ".join(changes(none, full, {}))
