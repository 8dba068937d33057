"""The disk budget shared out: what the index takes at each level, and the best one that fits."""

from __future__ import annotations

from dataclasses import dataclass

from core.budget.facts import Corpus
from core.index.levels import (
    ALWAYS,
    DEFAULT_LEVEL,
    LEVELS,
    NEVER,
    OWN_CHUNKS,
    WHERE_ROOM,
    Level,
    level_named,
)
from core.index.room import LEAST_ROOM_BYTES
from core.store.database import LOG_BYTES

# What is assumed of a home with nothing in it yet; its own texts tell better.
CHUNK_TEXT_BYTES = 800
LEXICAL_SHARE = 0.12  # of the text: measured, `python benchmarks/words.py`
FILE_BYTES = 190  # of catalogue a file, measured
FILE_TEXT_BYTES = 6_000

# Never used by the index: for settings and conversations, and for the catalogue's log, which may
# take as much as the catalogue besides.
RESERVE_BYTES = LEAST_ROOM_BYTES + LOG_BYTES
ROOM_TO_RISE = 0.85  # of the budget: a richer level has to fit into that much to be taken again


@dataclass(frozen=True, slots=True)
class DiskShare:
    """Bytes by part, which with `free` add up to the budget, and the level they are for.

    `words` says whether there is a word index, `fits` the share of the corpus that there is
    room for.
    """

    parts: dict[str, int]
    level: Level
    words: bool
    fits: float
    text_bytes_that_fit: int


def share_disk(
    budget_bytes: int,
    corpus: Corpus,
    wished: Level,
    text_cache_bytes: int,
    words: str = ALWAYS,
    saved_kv_bytes: int = 0,
) -> DiskShare:
    """The richest level up to the one wished for whose index fits, then the text cache, then what
    language models keep of conversations.

    `words` is what is wished of the word index.
    """
    reserve = RESERVE_BYTES + corpus.catalogue
    fixed = corpus.history + corpus.other + reserve
    room = max(0, budget_bytes - fixed)
    to_rise = ROOM_TO_RISE * budget_bytes - fixed
    level = _level_that_fits(room, to_rise, corpus, wished, words != NEVER)
    has_words = words == ALWAYS or (
        words == WHERE_ROOM
        and budget_bytes > corpus.wordless_within
        and _words_fit(room, to_rise, corpus, level)
    )
    parts = index_parts(corpus, level, has_words)
    fits = min(1.0, room / total) if (total := sum(parts.values())) else 1.0
    if fits < 1:
        parts = {name: int(size * fits) for name, size in parts.items()}
    left = max(0, room - sum(parts.values()))
    cache = min(text_cache_bytes, left // 4 + corpus.text_cache, left)
    left -= cache
    saved = min(saved_kv_bytes, left // 4 + corpus.saved_kv, left)
    parts |= {
        "text_cache": cache,
        "saved_kv": saved,
        "history": min(corpus.history, budget_bytes),
        "other": max(0, min(corpus.other + reserve, budget_bytes - corpus.history)),
    }
    free = max(0, budget_bytes - sum(parts.values()))
    fitting = fitting_text(room, corpus, level, has_words)
    return DiskShare(parts | {"free": free}, level, has_words, fits, fitting)


def _words_fit(room: int, to_rise: float, corpus: Corpus, level: Level) -> bool:
    """Whether the index fits with its words; to come back they need some room to spare."""
    allowed = room if corpus.words else to_rise
    return sum(index_parts(corpus, level).values()) <= allowed


def _level_that_fits(
    room: int, to_rise: float, corpus: Corpus, wished: Level, words: bool
) -> Level:
    """The level wished for, or the one without its embeddings, which are given up first.

    Giving them up embeds nothing; every other way down, and every way up, embeds all passages
    anew. So they come back only with some room to spare.
    """
    if not wished.kept:
        return wished
    rises = corpus.level is not None and corpus.level.bytes_a_chunk < wished.bytes_a_chunk
    allowed = to_rise if rises else room
    fits = sum(index_parts(corpus, wished, words).values()) <= allowed
    return wished if fits else level_named(DEFAULT_LEVEL)


def index_parts(corpus: Corpus, level: Level, words: bool = True) -> dict[str, int]:
    """Bytes of each part of the index at a level, with or without `words`: measured where it
    would not change.
    """
    chunks = corpus.chunks
    codes = corpus.codes
    embeddings = corpus.embeddings
    if corpus.level != level or not corpus.at_level or not codes + embeddings:
        codes = code_bytes(level, chunks)
        embeddings = round(level.kept_bytes(corpus.dimensions) * chunks)
    return {
        "catalogue": corpus.catalogue,
        "codes": codes,
        "graph": corpus.graph,
        "spans": corpus.spans,
        "embeddings": embeddings,
        "lexical": _word_bytes(corpus) if words else 0,
    }


def _word_bytes(corpus: Corpus) -> int:
    if corpus.words:
        return corpus.lexical
    return max(corpus.lexical, round(LEXICAL_SHARE * corpus.text_bytes))


def code_bytes(level: Level, chunks: int) -> int:
    """Bytes of codes: longer ones, of the rotation that ships, until a home has one of its own."""
    if chunks < OWN_CHUNKS:
        return level.first_code_bytes * chunks
    return level.code_bytes * chunks + level.fixed_bytes


def bytes_a_text_byte(corpus: Corpus, level: Level, words: bool = True) -> float:
    """What a byte of text costs in the index at a level, by the home's own texts if it has some."""
    if corpus.text_bytes < 1_000_000 or not corpus.chunks:
        places = LEVELS[0].bytes_a_chunk
        chunk = places + level.code_bytes + level.kept_bytes(corpus.dimensions)
        lexical = LEXICAL_SHARE if words else 0.0
        return chunk / CHUNK_TEXT_BYTES + lexical + FILE_BYTES / FILE_TEXT_BYTES
    parts = index_parts(corpus, level, words)
    return (sum(parts.values()) - level.fixed_bytes) / corpus.text_bytes


def fitting_text(room: int, corpus: Corpus, level: Level, words: bool = True) -> int:
    """Bytes of text whose index fits into this much."""
    return int(max(0, room - level.fixed_bytes) / bytes_a_text_byte(corpus, level, words))
