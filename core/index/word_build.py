"""Making word indexes: from texts, and from other word indexes without the texts."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from core.index.terms import COMMON_TERMS, Tokenizer
from core.index.word_blocks import Run
from core.index.words import WordIndex, level_of, pack_words

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

BATCH_CHUNKS = 1 << 14  # texts inverted at a time; longer ones are merged
BATCH_POSTINGS = 1 << 18
_CLASS_OF_COUNT = np.array([0, 0, 1, 2, 2, 3], dtype=np.uint8)


def build(
    texts: Iterable[str], tokenizer: Tokenizer | None = None, batch_chunks: int = BATCH_CHUNKS
) -> bytes:
    """The word index of chunks with these texts, numbered in their order.

    A tokenizer that has met the words before makes it faster.
    """
    tokenizer = tokenizer or Tokenizer()
    source = iter(texts)
    built = [_invert(list(islice(source, batch_chunks)), tokenizer)]
    while batch := list(islice(source, batch_chunks)):
        built.append(_invert(batch, tokenizer))
    if len(built) == 1:
        return built[0]
    parts = [WordIndex(one) for one in built]
    ends = np.cumsum([part.chunks for part in parts], dtype=np.int64).tolist()
    targets = [np.arange(end - part.chunks, end) for part, end in zip(parts, ends, strict=True)]
    return merge(parts, targets)


def _invert(texts: Sequence[str], tokenizer: Tokenizer) -> bytes:
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    found = [
        np.array(list(map(numbers.__getitem__, tokenizer.terms(text))), dtype=np.int32)
        for text in texts
    ]
    chunks = max(1, len(texts))
    lengths = np.array([len(terms) for terms in found], dtype=np.int64)
    every = np.concatenate([*found, np.empty(0, dtype=np.int32)])
    by_bytes = sorted((term.encode(), number) for term, number in numbers.items())
    rank = np.empty(len(numbers), dtype=np.int64)
    rank[[number for _, number in by_bytes]] = np.arange(len(numbers))
    owner = np.repeat(np.arange(len(texts)), lengths)
    keys, counts = np.unique(rank[every] * chunks + owner, return_counts=True)
    term = keys // chunks
    classes = _CLASS_OF_COUNT[np.minimum(counts, len(_CLASS_OF_COUNT) - 1)]
    common = [int(rank[numbers[name]]) for name in COMMON_TERMS if name in numbers]
    classes[np.isin(term, common)] = 0
    run = Run(
        [name for name, _ in by_bytes],
        np.bincount(term, minlength=len(numbers)),
        keys % chunks,
        classes,
    )
    return pack_words(level_of(lengths), [run] if run.terms else [])


def merge(parts: Sequence[WordIndex], targets: Sequence[Ints]) -> bytes:
    """One word index of the chunks that stay, the same as if it were built from their texts.

    `targets[i]` gives the new number of each chunk of part i, -1 for those that
    go; the new numbers are 0, 1, 2 and so on. Raises CodecError when a part is
    damaged.
    """
    kept = [target >= 0 for target in targets]
    chunks = sum(int(keep.sum()) for keep in kept)
    levels = np.zeros(chunks, dtype=np.uint8)
    for part, target, keep in zip(parts, targets, kept, strict=True):
        levels[target[keep]] = part.levels[keep]
    return pack_words(levels, _merged(parts, targets, chunks))


def _merged(parts: Sequence[WordIndex], targets: Sequence[Ints], chunks: int) -> Iterator[Run]:
    """The terms of all parts in order."""
    sources = [part.runs(BATCH_POSTINGS // max(1, len(parts))) for part in parts]
    heads: dict[int, Run] = {}
    for at, source in enumerate(sources):
        if (run := next(source, None)) is not None:
            heads[at] = run
    while heads:
        # Up to here every part has been read.
        last = min(run.terms[-1] for run in heads.values())
        pieces: list[tuple[Run, Ints]] = []
        for at, run in list(heads.items()):
            piece, rest = run.cut(bisect_right(run.terms, last))
            if piece.terms:
                pieces.append((piece, targets[at]))
            after = rest if rest.terms else next(sources[at], None)
            if after is None:
                del heads[at]
            else:
                heads[at] = after
        run = _renumbered(pieces, chunks)
        if run.terms:
            yield run


def _renumbered(pieces: Sequence[tuple[Run, Ints]], chunks: int) -> Run:
    """The postings of some terms under their new numbers; terms that nothing holds are gone."""
    chunks = max(1, chunks)
    names = sorted({term for run, _ in pieces for term in run.terms})
    place = {term: at for at, term in enumerate(names)}
    keys: list[Ints] = []
    classes: list[Bytes] = []
    for run, target in pieces:
        new = target[run.chunks]
        term = np.array([place[term] for term in run.terms], dtype=np.int64)
        key = np.repeat(term * chunks, run.holders) + new
        keys.append(key[new >= 0])
        classes.append(run.classes[new >= 0])
    key = np.concatenate(keys)
    order = np.argsort(key, kind="stable")
    key = key[order]
    holders = np.bincount(key // chunks, minlength=len(names))
    held = np.flatnonzero(holders)
    return Run(
        [names[at] for at in held],
        holders[held],
        key % chunks,
        np.concatenate(classes)[order],
    )
