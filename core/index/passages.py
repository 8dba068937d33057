"""Reading passages back from the files they are in, and what one search has read so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.errors import Cancelled, FileError
from core.index.embedder import Question
from core.index.reader import Reader, Wanted
from core.index.text_cache import TextCache
from core.index.view import View
from core.messages import PassageText
from core.store.catalogue import Catalogue
from core.store.rows import FileRef


@dataclass(slots=True)
class Work:
    """What one search has found out so far.

    `choose` gives the files of a document that may be shown, best first;
    `unscored` the candidates without an exact score and their estimates, best first.
    `known` are exact scores from embeddings that are kept, by position, NaN elsewhere.
    With a `question` the `agreement` of passages with it is noted as they are embedded.
    """

    cancelled: Callable[[], bool]
    choose: Callable[[list[FileRef]], list[FileRef]] = list
    passages: dict[int, PassageText] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    files: dict[int, FileRef] = field(default_factory=dict)
    unscored: Callable[[], Sequence[tuple[int, float]]] = tuple
    known: NDArray[np.float32] | None = None
    question: Question | None = None
    agreement: dict[int, float] = field(default_factory=dict)
    scored: set[int] = field(default_factory=set)  # counted in `recomputed`
    recomputed: int = 0
    from_cache: int = 0
    spent_s: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    def check(self) -> None:
        """Raise Cancelled when nobody wants the results any more."""
        if self.cancelled():
            raise Cancelled

    def clock(self, name: str, started: float) -> None:
        """Add the time since `started` to a named part."""
        self.spent_s[name] = self.spent_s.get(name, 0.0) + time.perf_counter() - started


class Passages:
    """Reads the passages at positions of one view."""

    def __init__(self, view: View, catalogue: Catalogue, reader: Reader, texts: TextCache) -> None:
        self._view = view
        self._catalogue = catalogue
        self._reader = reader
        self._texts = texts

    def load_texts(self, positions: Sequence[int], work: Work) -> None:
        """The texts of passages for scoring: from the text cache, else from their files."""
        mark = time.perf_counter()
        by_document: dict[int, list[int]] = {}
        for position in positions:
            by_document.setdefault(self._view.place(position).document, []).append(position)
        for document, members in by_document.items():
            kept = self._texts.get(document)
            if kept is not None:
                for position in members:
                    work.texts[position] = kept[self._view.place(position).index]
        work.clock("read", mark)
        self.load([p for p in positions if p not in work.texts], work)
        for position in positions:
            if position in work.passages:
                work.texts.setdefault(position, work.passages[position].text)

    def load(self, positions: Sequence[int], work: Work) -> None:
        """Read the passages at these positions back from their files, into `work`."""
        mark = time.perf_counter()
        todo = [p for p in positions if p not in work.passages and p not in work.states]
        places = {p: self._view.place(p) for p in todo}
        refs = self._catalogue.files_of(sorted({place.document for place in places.values()}))
        groups: dict[int, list[int]] = {}
        for position, place in places.items():
            groups.setdefault(place.document, []).append(position)
        attempt = 0
        while groups:
            wanted, owners = [], []
            for document, members in list(groups.items()):
                choices = work.choose(refs.get(document, []))
                online = [ref for ref in choices if not ref.offline]
                if attempt >= len(online):
                    self._give_up(members, choices, bool(online), work)
                    del groups[document]
                    continue
                spans = self._view.spans(places[members[0]])
                chosen = tuple(spans.spans[places[p].index] for p in members)
                wanted.append(
                    Wanted(online[attempt], chosen, spans.page_chars, document, spans.spans)
                )
                owners.append(document)
            for document, request, found in zip(
                owners, wanted, self._reader.read(wanted), strict=True
            ):
                if isinstance(found, FileError):
                    for position in groups[document]:
                        work.states[position] = _state_of(found)
                        work.files[position] = request.file
                    continue
                for position, passage in zip(groups.pop(document), found, strict=True):
                    work.passages[position] = passage
                    work.states.pop(position, None)
                    work.files[position] = request.file
            attempt += 1
        work.clock("read", mark)

    def _give_up(
        self, members: Sequence[int], choices: Sequence[FileRef], online: bool, work: Work
    ) -> None:
        for position in members:
            if choices:
                work.files.setdefault(position, choices[0])
            if not online:
                work.states[position] = "offline" if choices else "missing"


def _state_of(error: FileError) -> str:
    return error.problem if error.problem in ("changed", "missing") else "unreadable"
