"""Exact phrases: what stands between quotation marks has to occur word for word.

The word index only says which documents can hold a phrase; whether they do,
and how often, is read in their texts. So the count is right, also with no word
index at all: then every document is read, as is each that has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.errors import FileError
from core.index.reader import Reader, Wanted
from core.index.view import View
from core.store.catalogue import Catalogue

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

READ_TOGETHER = 8  # documents read between two looks at whether anybody still waits
_QUOTED = re.compile(
    r'"([^"]+)"'
    "|\u201c([^\u201c\u201d]+)[\u201c\u201d]"
    "|\u201e([^\u201c\u201d]+)[\u201c\u201d]"
    "|\u00ab([^\u00bb]+)\u00bb"
)
# Scripts that do not part words: a phrase may begin and end inside a run of them.
_UNPARTED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A query's phrases, and all of its words without the quotation marks."""

    phrases: tuple[str, ...]
    text: str


@dataclass(slots=True)
class Found:
    """Where phrases occur: how often by position, and the documents that could not be read."""

    by_position: dict[int, int] = field(default_factory=dict)
    occurrences: int = 0
    documents: int = 0
    unread: int = 0


def parse(query: str) -> Parsed:
    """Phrases in quotation marks of the usual kinds; a lone mark is a character like any other."""
    phrases = []
    for match in _QUOTED.finditer(query):
        inside = " ".join(next(group for group in match.groups() if group is not None).split())
        if inside:
            phrases.append(inside)
    text = _QUOTED.sub(lambda match: " " + match.group()[1:-1] + " ", query) if phrases else query
    return Parsed(tuple(dict.fromkeys(phrases)), text)


def pattern(phrase: str) -> re.Pattern[str]:
    """Matches a phrase as whole words, whatever the case and the space between them."""
    words = phrase.split()
    before = r"(?<!\w)" if _parts_words(words[0][0]) else ""
    after = r"(?!\w)" if _parts_words(words[-1][-1]) else ""
    return re.compile(before + r"\s+".join(map(re.escape, words)) + after, re.IGNORECASE)


def _parts_words(character: str) -> bool:
    return (character.isalnum() or character == "_") and not _UNPARTED.match(character)


def find_phrases(
    phrases: Sequence[str],
    allowed: Flags,
    view: View,
    catalogue: Catalogue,
    reader: Reader,
    on_progress: Callable[[int, int], None],
    check: Callable[[], None],
) -> Found:
    """Passages of documents that hold every one of the phrases, counted in their texts.

    A passage counts when a phrase begins in it. `on_progress` gets the number of
    documents read and to be read; `check` may raise Cancelled. Offline and changed
    files cannot be read and are told as `unread`.
    """
    candidates = _candidates(phrases, allowed, view)
    patterns = [pattern(phrase) for phrase in phrases]
    found = Found()
    for at in range(0, len(candidates), READ_TOGETHER):
        check()
        on_progress(at, len(candidates))
        _read(candidates[at : at + READ_TOGETHER], patterns, view, catalogue, reader, found)
    on_progress(len(candidates), len(candidates))
    return found


def _candidates(phrases: Sequence[str], allowed: Flags, view: View) -> list[int]:
    """The documents among the allowed chunks that hold all words of the phrases, or may do so."""
    unknown = set(view.documents_at(np.flatnonzero(allowed & view.wordless)).tolist())
    documents = set(view.documents_at(np.flatnonzero(allowed)).tolist())
    for positions in view.words.each(" ".join(phrases)):
        documents &= unknown | set(view.documents_at(positions).tolist())
    return sorted(documents)


def _read(
    documents: Sequence[int],
    patterns: Sequence[re.Pattern[str]],
    view: View,
    catalogue: Catalogue,
    reader: Reader,
    found: Found,
) -> None:
    files = catalogue.files_of(documents)
    wanted, owners = [], []
    for document in documents:
        ref = next((ref for ref in files.get(document, []) if not ref.offline), None)
        if ref is None:
            found.unread += 1
            continue
        positions = view.chunks_of(document)
        spans = view.spans(view.place(int(positions[0])))
        whole = (spans.spans[0][0], spans.spans[-1][1])
        wanted.append(Wanted(ref, (whole,), spans.page_chars, document, spans.spans))
        owners.append((positions, np.array([start for start, _ in spans.spans])))
    for (positions, starts), read in zip(owners, reader.read(wanted), strict=True):
        if isinstance(read, FileError):
            found.unread += 1
            continue
        text, offset = read[0].text, read[0].start
        places = [[match.start() + offset for match in p.finditer(text)] for p in patterns]
        if not all(places):
            continue
        found.documents += 1
        for place in (place for one in places for place in one):
            at = int(np.searchsorted(starts, place, side="right")) - 1
            position = int(positions[max(0, at)])
            found.by_position[position] = found.by_position.get(position, 0) + 1
            found.occurrences += 1
