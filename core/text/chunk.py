"""Cutting a text into chunks that fit the embedding model, at places a reader would choose.

Tokens are counted a word at a time: a BERT tokenizer splits at white space
before anything else, so counts add up, and words repeat, so most are looked
up. That is several times faster than tokenizing the text, and exact. For other
tokenizers the sum is an estimate, and each chunk is checked whole.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from pathlib import Path

from core.text.sentences import HEADING, LINE, PARAGRAPH, SENTENCE, WORD, Segment, segments
from core.text.tokens import load_tokens

# White space as BERT's normalizer sees it; it deletes other control characters.
_BLANKS = r" \t\n\r\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_WORDS = re.compile(f"[^{_BLANKS}]+")
# BERT sets these apart wherever they stand, so cutting beside one changes no other token.
_APART = r"\u4e00-\u9fff!-/:-@\[-`{-~\u3001\u3002\uff01\uff0c\uff1f"
_IS_EDGE = re.compile(f"[{_BLANKS}{_APART}]")
_ATOMS = re.compile(f"[{_APART}]|[^{_APART}]+")
# BERT makes one unknown token of a word of more than 100 characters (after
# normalization), so no word is more than 100 tokens, nor more than four a character.
_LONGEST_WORD = 100
_MOST_TOKENS = 100
_TOKENS_A_CHAR = 4
# Characters that may each be a token of their own inside what looks like one long word.
_MAY_STAND_APART = re.compile(r"[^\w]|_|[\u3400-\u4dbf\uf900-\ufaff\U00020000-\U0002fa1f]")
_SPECIAL_TOKENS = 2
_CACHED_WORDS = 200_000
_BATCH = 512  # segments looked at together
# How much of a full chunk a good place to cut is worth. A paragraph's end wins over a
# sentence's when it leaves the chunk at most a fifth emptier.
_WORTH = {WORD: -0.4, LINE: -0.2, SENTENCE: 0.0, PARAGRAPH: 0.2, HEADING: 0.35}
_LEAST_FILL = 0.5


class Chunker:
    """Cuts texts into chunks of at most `max_tokens` model tokens, the two special ones included.

    One instance holds the tokenizer and a bounded cache of word lengths; it
    serves any number of texts, one at a time. Raises ValueError when
    `tokenizer_path` holds no tokenizer or `max_tokens` is under 8.
    """

    def __init__(self, tokenizer_path: str, max_tokens: int = 256) -> None:
        if max_tokens < 8:
            raise ValueError("a chunk needs at least 8 tokens")
        self.max_tokens = max_tokens
        self._limit = max_tokens - _SPECIAL_TOKENS
        # No word piece stands for more than 16 characters of real text, so this
        # only bounds what tokens cannot: tables of blanks, runs of unknown signs.
        self._max_chars = max_tokens * 16
        self._tokens = load_tokens(Path(tokenizer_path))
        self._additive = self._tokens.additive
        # Bits of a word too long for a chunk. A word over 100 characters is one unknown
        # token to BERT, so longer bits lose nothing; others may need each character.
        self._bit_chars = min(48, self._limit // _TOKENS_A_CHAR)
        roomy = self._additive and self._limit >= 2 * _MOST_TOKENS
        self._piece_chars = 500 if roomy else self._bit_chars
        self._counts: dict[str, int] = {}

    def spans(
        self, text: str, heading_starts: Iterable[int] = (), breaks: Iterable[int] = ()
    ) -> Iterator[tuple[int, int]]:
        """Chunks in order as character ranges without white space at their ends.

        Every character that is not white space is in exactly one chunk. No chunk
        goes across one of `breaks`. A chunk ends at a heading or paragraph if that
        leaves it reasonably full, else at the end of a sentence, else of a line;
        only a sentence longer than a chunk is cut between words, and a word longer
        than one between characters.
        """
        headings = sorted(heading_starts)
        edges = sorted({0, len(text), *(at for at in breaks if 0 < at < len(text))})
        for base, stop in pairwise(edges):
            part = text if stop - base == len(text) else text[base:stop]
            inside = headings[bisect_left(headings, base) : bisect_left(headings, stop)]
            for start, end in self._packed(part, frozenset(at - base for at in inside)):
                # Control characters that Python takes for white space and BERT does not.
                chunk = part[start:end]
                left = len(chunk) - len(chunk.lstrip())
                if left < len(chunk):
                    yield base + start + left, base + start + len(chunk.rstrip())

    def count(self, text: str) -> int:
        """How many tokens the model sees for a text, the special ones included."""
        return len(self._tokens.ids([text])[0])

    def _packed(self, text: str, headings: frozenset[int]) -> Iterator[tuple[int, int]]:
        """Segments joined into chunks, each as full as its best cut allows."""
        pending: list[tuple[Segment, int]] = []
        tokens = 0
        for segment, count in self._fitting(text, headings):
            while pending and not self._fits(
                text, pending[0][0].start, segment.end, tokens + count
            ):
                cut = self._best_cut(pending, segment.strength)
                yield pending[0][0].start, pending[cut - 1][0].end
                del pending[:cut]
                tokens = sum(one for _, one in pending)
            pending.append((segment, count))
            tokens += count
        if pending:
            yield pending[0][0].start, pending[-1][0].end

    def _fits(self, text: str, start: int, end: int, tokens: int) -> bool:
        """Whether these characters make one chunk; `tokens` is the sum over their words."""
        if end - start > self._max_chars or tokens > self._limit:
            return False
        if self._additive or tokens * 2 <= self._limit:
            return True
        return self.count(text[start:end]) <= self.max_tokens

    def _best_cut(self, pending: list[tuple[Segment, int]], following: int) -> int:
        """How many of the pending segments make the next chunk."""
        total = sum(count for _, count in pending)
        best, best_score = len(pending), total / self._limit + _WORTH[following]
        filled = 0
        for index in range(1, len(pending)):
            filled += pending[index - 1][1]
            fill = filled / self._limit
            score = fill + _WORTH[pending[index][0].strength]
            if fill >= _LEAST_FILL and score > best_score:
                best, best_score = index, score
        return best

    def _fitting(self, text: str, headings: frozenset[int]) -> Iterator[tuple[Segment, int]]:
        """Segments with their token counts, each small enough to be a chunk by itself."""
        source = segments(text, headings, self._max_chars)
        while batch := list(islice(source, _BATCH)):
            words = [_WORDS.findall(text, segment.start, segment.end) for segment in batch]
            self._learn({word for found in words for word in found})
            for segment, found in zip(batch, words, strict=True):
                if max(map(len, found), default=0) <= _LONGEST_WORD and not (
                    _inside_atom(text, segment.start) or _inside_atom(text, segment.end)
                ):
                    count = sum(map(self._counts.__getitem__, found))
                    if self._fits(text, segment.start, segment.end, count):
                        yield segment, count
                        continue
                yield from self._split(text, segment)

    def _split(self, text: str, segment: Segment) -> Iterator[tuple[Segment, int]]:
        """A segment as pieces that fit, cut between words where there are any."""
        start = end = segment.start
        strength = segment.strength
        tokens = 0
        for piece_start, piece_end, count in self._pieces(text, segment):
            if end > start and not self._fits(text, start, piece_end, tokens + count):
                yield Segment(start, end, strength), tokens
                start, strength, tokens = piece_start, WORD, 0
            end = piece_end
            tokens += count
        yield Segment(start, end, strength), tokens

    def _pieces(self, text: str, segment: Segment) -> Iterator[tuple[int, int, int]]:
        """Words, parts of long words where BERT splits them too, and bits of what is left.

        Each as start, end and a number of tokens that it cannot exceed, whatever
        part of the same word stands beside it.
        """
        words = _WORDS.finditer(text, segment.start, segment.end)
        atoms = [atom for word in words for atom in _ATOMS.finditer(text, *word.span())]
        self._learn({atom.group() for atom in atoms})
        for atom in atoms:
            start, end = atom.span()
            count = self._counts.get(atom.group(), self._limit + 1)
            if count <= self._limit and not (_inside_atom(text, start) or _inside_atom(text, end)):
                yield start, end, count
                continue
            one_word = _MAY_STAND_APART.search(text, start, end) is None
            step = self._piece_chars if one_word else self._bit_chars
            for at in range(start, end, step):
                stop = min(at + step, end)
                most = _TOKENS_A_CHAR * (stop - at)
                yield at, stop, min(_MOST_TOKENS, most) if one_word else most

    def _learn(self, words: set[str]) -> None:
        """Count the tokens of words of at most 100 characters that were not met before."""
        counts = self._counts
        if len(counts) + len(words) > _CACHED_WORDS:
            counts.clear()
        new = [word for word in words if word not in counts and len(word) <= _LONGEST_WORD]
        if not self._additive:
            self._count_each(new)
            return
        # "cell", "cell." and "(cell" share what is between their punctuation.
        parts = [_ATOMS.findall(word) for word in new]
        self._count_each([atom for atom in {a for p in parts for a in p} if atom not in counts])
        counts.update(
            (word, sum(map(counts.__getitem__, atoms)))
            for word, atoms in zip(new, parts, strict=True)
        )

    def _count_each(self, words: list[str]) -> None:
        if words:
            self._counts.update(zip(words, self._tokens.counts(words), strict=True))


def _inside_atom(text: str, at: int) -> bool:
    """Whether a cut before character `at` parts what BERT might take for one word."""
    if at <= 0 or at >= len(text):
        return False
    return not _IS_EDGE.search(text, at - 1, at + 1)
