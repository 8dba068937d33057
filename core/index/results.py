"""From ranked candidates to the hits that are shown: read back, folded, with their copies."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, islice
from typing import Literal

from core.index.copies import Folding, Kind, Passage, without_page_numbers
from core.index.passages import Passages, Work
from core.index.snippet import Snippet, make_snippet
from core.index.view import View
from core.messages import MOST_COPIES, About, Copy, Hit, Locator, PassageText
from core.store.catalogue import Catalogue
from core.store.rows import FileRef

Source = Literal["lexical", "semantic", "both"]
Ranked = tuple[int, float]

LOOKED_THROUGH = 200  # candidates behind the last hit that are asked for their family
LOOKED_AT = 8  # of these, of families already shown, read only to be listed as copies


@dataclass(frozen=True, slots=True)
class Wish:
    """What to show: `k` hits for `text`, from files below a folder, with one of some name
    endings, and among some paths.
    """

    text: str
    k: int
    fold: bool = True
    below: str | None = None
    suffixes: tuple[str, ...] = ()
    paths: frozenset[str] | None = None

    def choose(self, files: list[FileRef]) -> list[FileRef]:
        """The files of a document that may be shown: those that can be read now, newest first."""
        return _best_first([file for file in files if self._fits(file.path)])

    def _fits(self, path: str) -> bool:
        inside = self.below is None or path.startswith(self.below.rstrip(os.sep) + os.sep)
        if self.paths is not None and path not in self.paths:
            return False
        return inside and has_ending(path, self.suffixes)


@dataclass(frozen=True, slots=True)
class Made:
    """Hits with the texts of their passages (None where they cannot be shown) and positions."""

    hits: tuple[Hit, ...]
    texts: tuple[str | None, ...]
    positions: tuple[int, ...]


@dataclass(slots=True)
class _Draft:
    """A hit in the making."""

    position: int
    score: float
    state: str
    read: PassageText | None
    span: tuple[int, int]
    snippet: Snippet
    passage: Passage
    about: About
    folded: list[tuple[int, Kind]] = field(default_factory=list)


class ResultMaker:
    """Makes hits of the chunks of one view."""

    def __init__(self, view: View, catalogue: Catalogue, passages: Passages) -> None:
        self._view = view
        self._catalogue = catalogue
        self._passages = passages

    def make(
        self,
        wish: Wish,
        order: Iterable[Ranked],
        source: Callable[[int], Source],
        work: Work,
        deadline: float,
    ) -> Made:
        """Hits of the candidates (position, score), which come best first.

        For those that are folded others are read, until there are `k` hits or the
        `deadline` (of time.perf_counter) has passed.
        """
        kept: list[_Draft] = []
        folding = Folding()
        queue = iter(order)
        while len(kept) < wish.k and (not kept or time.perf_counter() < deadline):
            work.check()
            part = list(islice(queue, wish.k - len(kept)))
            if not part:
                break
            for draft in self._drafts(part, wish, work):
                same = folding.find(draft.passage) if wish.fold else None
                if same is None:
                    folding.keep(draft.passage)
                    kept.append(draft)
                else:
                    kept[same[0]].folded.append((draft.passage.document, same[1]))
        if wish.fold and time.perf_counter() < deadline:
            for draft in self._drafts(self._related(queue, kept), wish, work):
                same = folding.find(draft.passage)
                if same is not None:
                    kept[same[0]].folded.append((draft.passage.document, same[1]))
        return self._made(kept, source, work)

    def _drafts(self, part: Sequence[Ranked], wish: Wish, work: Work) -> list[_Draft]:
        """What could be read of some candidates; those whose files are gone are left out."""
        places = {position: self._view.place(position) for position, _ in part}
        known = self._catalogue.about([place.document for place in places.values()])
        # A document may have been replaced since this view of the index was taken.
        places = {at: place for at, place in places.items() if place.document in known}
        wanted = list(places)
        if wish.fold:  # what stands beside versions is likely to be compared: one reading for all
            versions = [at for at, place in places.items() if known[place.document][1] is not None]
            wanted += [near for at in versions for near in self._near(at)]
        self._passages.load(list(dict.fromkeys(wanted)), work)
        drafts: list[_Draft] = []
        for position, score in part:
            state = work.states.get(position, "ok")
            if state == "missing" or position not in work.files or position not in places:
                continue
            place = places[position]
            spans = self._view.spans(place).spans
            start, end = spans[place.index]
            read = work.passages.get(position)
            snippet = make_snippet(read.text if read else "", wish.text)
            about, family = known[place.document]
            text = self._compared(position, work)
            passage = Passage(
                place.document,
                family,
                text,
                snippet.text if read and text == read.text else make_snippet(text, wish.text).text,
                start / spans[-1][1],
                end / spans[-1][1],
                partial(self._beside, position, work),
            )
            if read is not None and read.about is not None:
                about = read.about
            drafts.append(
                _Draft(position, score, state, read, (start, end), snippet, passage, about)
            )
        return drafts

    def _related(self, rest: Iterable[Ranked], kept: Sequence[_Draft]) -> list[Ranked]:
        """Of the candidates behind the last hit, some that may be copies of what is shown."""
        families = {draft.passage.family for draft in kept} - {None}
        if not families:
            return []
        part = list(islice(rest, LOOKED_THROUGH))
        documents = {position: self._view.place(position).document for position, _ in part}
        known = self._catalogue.about(sorted(set(documents.values())))
        shown = {draft.passage.document for draft in kept}
        likely = (
            ranked
            for ranked in part
            if (document := documents[ranked[0]]) not in shown
            and document in known
            and known[document][1] in families
        )
        return list(islice(likely, LOOKED_AT))

    def _compared(self, position: int, work: Work) -> str:
        """The text of a passage for comparing; empty when it could not be read."""
        read = work.passages.get(position)
        if read is None:
            return ""
        begins = accumulate(self._view.spans(self._view.place(position)).page_chars)
        # A chunk has no blanks at its ends, so its page may end a little behind it.
        breaks = [at - read.start for at in begins if -3 < at - read.start < len(read.text) + 3]
        return without_page_numbers(read.text, breaks) if breaks else read.text

    def _near(self, position: int) -> list[int]:
        """The chunks directly before and behind one in its document."""
        place = self._view.place(position)
        count = len(self._view.spans(place).spans)
        near = []
        if place.index > 0:
            near.append(position - 1)
        if place.index < count - 1:
            near.append(position + 1)
        return near

    def _beside(self, position: int, work: Work) -> tuple[str, str] | None:
        """The texts of the chunks before and behind one; None when they cannot be read."""
        near = self._near(position)
        self._passages.load(near, work)
        if any(at not in work.passages for at in near):
            return None
        before, behind = (
            self._compared(at, work) if at in near else "" for at in (position - 1, position + 1)
        )
        return before, behind

    def _made(self, kept: Sequence[_Draft], source: Callable[[int], Source], work: Work) -> Made:
        documents = {draft.passage.document for draft in kept}
        documents |= {document for draft in kept for document, _ in draft.folded}
        files = self._catalogue.files_of(sorted(documents))
        hits = []
        for rank, draft in enumerate(kept, start=1):
            file = work.files[draft.position]
            path = file.path
            hits.append(
                Hit(
                    rank=rank,
                    score=round(draft.score, 6),
                    path=path,
                    locator=draft.read.locator if draft.read else Locator(),
                    start=draft.span[0],
                    end=draft.span[1],
                    snippet=draft.snippet.text,
                    marks=draft.snippet.marks,
                    state=draft.state,
                    source=source(draft.position),
                    about=draft.about,
                    copies=_copies(path, draft, files),
                    mtime_s=file.mtime_ns // 10**9,
                )
            )
        return Made(
            tuple(hits),
            tuple(draft.read.text if draft.read else None for draft in kept),
            tuple(draft.position for draft in kept),
        )


def has_ending(path: str, suffixes: Sequence[str]) -> bool:
    """Whether a path ends in one of these, with or without their dot; any does where none is."""
    endings = tuple("." + suffix.lstrip(".").lower() for suffix in suffixes)
    return not endings or path.lower().endswith(endings)


def _best_first(files: Iterable[FileRef]) -> list[FileRef]:
    return sorted(files, key=lambda file: (file.offline, -file.mtime_ns, file.path))


def _copies(path: str, draft: _Draft, files: dict[int, list[FileRef]]) -> tuple[Copy, ...]:
    """The other files of a hit's own document, then those of what was folded into it."""
    found: dict[str, Copy] = {}
    same: list[tuple[int, Literal["identical", "near", "passage"]]] = [
        (draft.passage.document, "identical"),
        *draft.folded,
    ]
    for document, kind in same:
        for file in _best_first(files.get(document, ())):
            if file.path != path:
                found.setdefault(file.path, Copy(file.path, kind))
    return tuple(islice(found.values(), MOST_COPIES))
