"""Word search over the chunks, on SQLite's FTS5: a contentless table without positions.

FTS5's tokenizer takes a run of Chinese, Japanese or Korean as one word, so
such runs are given to it as overlapping pairs of characters, in texts and in
queries alike. The stored index holds words and chunk numbers only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import apsw
import numpy as np
from numpy.typing import NDArray

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
_CJK_RUN = re.compile(f"[{_CJK}]+")
_WORD = re.compile(r"[^\W_]+")
MOST_QUERY_WORDS = 64

# The commonest English words carry no weight in a ranking but cost the most postings to read.
_COMMON = frozenset(
    "a an and are as at be but by do does for from had has have how i if in is it its my of on or "
    "our that the their them they this to was we were what when where which who why will with you "
    "your".split()
)


@dataclass(frozen=True, slots=True)
class LexicalHits:
    """Chunk numbers by falling relevance, with BM25 scores (larger is better)."""

    chunks: NDArray[np.int64]
    scores: NDArray[np.float32]


def lexical_text(text: str) -> str:
    """A chunk's text as FTS5 should see it."""
    return _CJK_RUN.sub(lambda run: " " + _pairs(run.group()) + " ", text)


def _pairs(run: str) -> str:
    if len(run) == 1:
        return run
    return " ".join(run[at : at + 2] for at in range(len(run) - 1))


def query_words(query: str) -> list[str]:
    """The words of a query, in order, each once, common ones left out if others remain."""
    words = list(dict.fromkeys(_WORD.findall(lexical_text(query).lower())))
    rare = [word for word in words if word not in _COMMON]
    return (rare or words)[:MOST_QUERY_WORDS]


def match_expression(query: str) -> str | None:
    """The FTS5 expression that finds chunks with any of the query's words; None without words."""
    words = query_words(query)
    return " OR ".join(f'"{word}"' for word in words) if words else None


def search_words(db: apsw.Connection, query: str, limit: int) -> LexicalHits:
    """The best chunks for a query by BM25 over its words, any of which may be missing."""
    expression = match_expression(query)
    rows: list[tuple[int, float]] = []
    if expression is not None:
        rows = list(
            db.execute(
                "SELECT rowid, -rank FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?",
                (expression, limit),
            )
        )
    return LexicalHits(
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.float32),
    )
