"""A few texts of the person's own, to measure a model with; none of them leaves the process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import FileError
from core.index.reader import Wanted
from core.llm.experts.quality import CHECK_TEXTS, TEXT_CHARS, TEXTS, Texts

if TYPE_CHECKING:
    from app.service import Service

LEAST_CHARS = 2000  # in all; with fewer the check texts serve
_TRIES = 3  # passages that are tried for each that is wanted


@dataclass(frozen=True, slots=True)
class OwnTexts:
    """The texts, and where they are from."""

    texts: tuple[str, ...]
    source: Texts


def own_texts(service: Service) -> OwnTexts:
    """Passages from all over the index, as their files have them now; else the check texts."""
    view, catalogue = service.engine.view, service.catalogue()
    live = np.flatnonzero(view.live)
    found: list[str] = []
    # In an order that comes to all ends of the index early.
    for place in np.argsort([_scattered(at) for at in range(min(len(live), TEXTS * _TRIES))]):
        if len(found) == TEXTS:
            break
        position = int(live[int(place) * len(live) // min(len(live), TEXTS * _TRIES)])
        chunk = view.place(position)
        refs = [ref for ref in catalogue.files_of([chunk.document]).get(chunk.document, [])
                if not ref.offline]  # fmt: skip
        if not refs:
            continue
        spans = view.spans(chunk)
        wanted = Wanted(refs[0], (spans.spans[chunk.index],), spans.page_chars,
                        chunk.document, spans.spans)  # fmt: skip
        [passages] = service.query_readers.read([wanted])
        if not isinstance(passages, FileError):
            found.append(passages[0].text[:TEXT_CHARS])
    if sum(map(len, found)) < LEAST_CHARS:
        return OwnTexts(CHECK_TEXTS, "a check text")
    return OwnTexts(tuple(found), "your files")


def _scattered(number: int) -> float:
    """The bits of a number turned round: 0, 1/2, 1/4, 3/4, 1/8 and so on."""
    return int(f"{number:016b}"[::-1], 2) / (1 << 16)
