"""Word search over the chunks, on SQLite's FTS5: a contentless table without positions.

FTS5 gets the words as `core.text.folding` gives them, for texts and for
queries alike: its own tokenizer takes a run of Chinese as one word, cuts Hindi
words at every vowel and knows no emoji. The stored index holds words and chunk
numbers only.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import apsw
import numpy as np
from numpy.typing import NDArray

from core.text.folding import is_mark, is_single, words

MOST_QUERY_WORDS = 64
K1, B = 1.2, 0.75  # the usual constants of BM25
LENGTHS_FOR = 4  # chunks whose length is looked up, for each one asked

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
    if text.isascii():
        return text
    composed = unicodedata.normalize("NFC", text)
    return " ".join(_token(word.key) for word in words(composed, alone="last"))


def _token(key: str) -> str:
    """A key as one FTS5 token: marks and signs, which would part it, as private letters."""
    if key.isalnum():
        return key
    return "".join(_private(char) if is_mark(char) else _sign(char) for char in key)


def _private(mark: str) -> str:
    return chr(0xE000 + ord(mark) - 0x900) if 0x900 <= ord(mark) < 0x2000 else ""


def _sign(char: str) -> str:
    return char if char.isalnum() else f"u{ord(char):x}"


def query_words(query: str) -> list[str]:
    """The words of a query, in order, each once, common ones left out if others remain."""
    found = list(dict.fromkeys(_keys(query)))
    rare = [word for word in found if word not in _COMMON]
    return (rare or found)[:MOST_QUERY_WORDS]


def search_words(db: apsw.Connection, query: str, limit: int) -> LexicalHits:
    """The best chunks for a query by BM25 over its words, any of which may be missing.

    A contentless table without positions tells which chunks hold a word but not
    how often, and FTS5's own ranking is 0 for all of them. So the ranking is made
    here, with each word counted once in a chunk (Robertson and Zaragoza, 2009).
    """
    holders = [_chunks_with(db, word) for word in query_words(query)]
    total = int(db.execute("SELECT count(*) FROM words_docsize").get)
    found = [chunks for chunks in holders if len(chunks)]
    if not found:
        return LexicalHits(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
    weights = [np.log(1 + (total - len(one) + 0.5) / (len(one) + 0.5)) for one in found]
    chunks, owner = np.unique(np.concatenate(found), return_inverse=True)
    sums = np.bincount(owner, np.repeat(weights, [len(one) for one in found]))
    best = np.argsort(-sums, kind="stable")[: LENGTHS_FOR * limit]
    lengths = _lengths(db, chunks[best])
    scores = sums[best] * (K1 + 1) / (1 + K1 * (1 - B + B * lengths / lengths.mean()))
    order = np.argsort(-scores, kind="stable")[:limit]
    return LexicalHits(chunks[best][order], scores[order].astype(np.float32))


def words_for_all(db: apsw.Connection, text: str) -> list[NDArray[np.int64]]:
    """For each word of a text the chunks that hold it, exact as the index parts words."""
    return [_chunks_with(db, word) for word in dict.fromkeys(_keys(text))]


def _keys(text: str) -> list[str]:
    return [word.key for word in words(unicodedata.normalize("NFC", text))]


def _chunks_with(db: apsw.Connection, word: str) -> NDArray[np.int64]:
    # A single Chinese character begins every pair it stands in, but for the last of a run.
    wanted = f'"{_token(word)}"' + ("*" if is_single(word) else "")
    rows = db.execute("SELECT rowid FROM words WHERE words MATCH ?", (wanted,))
    return np.fromiter((row[0] for row in rows), dtype=np.int64)


def _lengths(db: apsw.Connection, chunks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Words in each of these chunks (at least one), as FTS5 keeps them: big-endian varints."""
    lengths = np.ones(len(chunks))
    for at, chunk in enumerate(chunks.tolist()):
        words = 0
        for byte in db.execute("SELECT sz FROM words_docsize WHERE id=?", (chunk,)).get:
            words = words << 7 | byte & 0x7F
        lengths[at] = max(1, words)
    return lengths
