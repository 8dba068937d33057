"""Results put together by file: which are shown, and which stand behind others. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from core.messages import Hit

SHOWN_OF_A_FILE = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One result in the list. The first of a file names it, those below it only their place.

    `hidden` more of the file are not shown behind this one.
    """

    hit: Hit
    first: bool = True
    hidden: int = 0


def rows_of_hits(hits: Sequence[Hit], whole: Collection[str] = ()) -> list[Row]:
    """The results in their order, those of one file together where its best one stands.

    Of a file at most `SHOWN_OF_A_FILE`, but all of those in `whole`.
    """
    by_file: dict[str, list[Hit]] = {}
    for hit in hits:
        by_file.setdefault(hit.path, []).append(hit)
    rows: list[Row] = []
    for path, found in by_file.items():
        shown = found if path in whole else found[:SHOWN_OF_A_FILE]
        rows += [Row(hit, at == 0) for at, hit in enumerate(shown)]
        if len(shown) < len(found):
            rows[-1] = Row(rows[-1].hit, rows[-1].first, len(found) - len(shown))
    return rows
