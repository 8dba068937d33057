"""Results put together by file: which are shown, and which stand behind others. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from core.messages import Hit

SHOWN_OF_A_FILE = 3
AT_ONCE = 1000  # hits, which take a few milliseconds


class Row(msgspec.Struct, frozen=True, gc=False):  # cheap, for a list may be long
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
    best: dict[str, Hit] = {}
    others: dict[str, list[Hit]] = {}  # only of files with more than one, for most have one
    for hit in hits:
        if best.setdefault(hit.path, hit) is not hit:
            others.setdefault(hit.path, []).append(hit)
    rows: list[Row] = []
    for path, hit in best.items():
        rows.append(Row(hit))
        if path in others:
            found = others[path]
            shown = found if path in whole else found[: SHOWN_OF_A_FILE - 1]
            rows += [Row(other, first=False) for other in shown]
            if len(shown) < len(found):
                last = rows[-1]
                rows[-1] = Row(last.hit, last.first, len(found) - len(shown))
    return rows
