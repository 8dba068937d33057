"""Finds the dates that a text names. Pure, no model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

_NAMES = (
    "january jan januar janvier enero gennaio", "february feb februar février fevrier febrero "
    "febbraio", "march mar märz maerz mars marzo", "april apr avril abril aprile",
    "may mai mayo maggio", "june jun juni juin junio giugno", "july jul juli juillet julio luglio",
    "august aug août aout agosto", "september sep sept septembre septiembre settembre",
    "october oct oktober okt octobre octubre ottobre", "november nov novembre noviembre",
    "december dec dezember dez décembre decembre diciembre dicembre",
)  # fmt: skip
MONTHS = {name: at for at, names in enumerate(_NAMES, start=1) for name in names.split()}
_MONTH = "|".join(sorted(MONTHS, key=lambda name: (-len(name), name)))
# Words of other meaning when they are written small.
_NEEDS_CAPITAL = frozenset({"may", "mar", "march", "mars", "jun", "jan", "sep", "dec", "mai"})
_YEAR = r"(?:1[5-9]|20|21)\d\d"
_WESTERN = tuple(
    re.compile(rf"(?<![\w.]){form}(?![\w])", re.IGNORECASE)
    for form in (
        rf"(?P<y>{_YEAR})-(?P<m>\d\d)-(?P<d>\d\d)",
        rf"(?P<d>\d\d?)(?:st|nd|rd|th|er|\.|º)?(?:\s+(?:of|de))?\s+(?P<n>{_MONTH})"
        rf"(?:\.?,?(?:\s+(?:de|del))?\s+(?P<y>{_YEAR}))?",
        rf"(?P<n>{_MONTH})\.?\s+(?P<d>\d\d?)(?:st|nd|rd|th)?(?:,?\s+(?P<y>{_YEAR}))?",
        rf"(?P<n>{_MONTH})\.?,?(?:\s+(?:of|de))?\s+(?P<y>{_YEAR})",
        rf"(?P<d>\d\d?)\.\s?(?P<m>\d\d?)\.\s?(?P<y>{_YEAR})",
        rf"(?P<a>\d\d?)/(?P<b>\d\d?)/(?P<y>{_YEAR})",
    )
)
_FORMS = (*_WESTERN, re.compile(r"(?P<y>\d{4})年(?P<m>\d\d?)月(?:(?P<d>\d\d?)日)?"))


@dataclass(frozen=True, slots=True)
class FoundDate:
    """Characters `start` to `end` name a date.

    `iso` is it as 2028-05-31, 2028-05 without a day, --05-31 without a year. `unsure` when day
    and month could be the other way round.
    """

    start: int
    end: int
    iso: str
    unsure: bool = False


def find_dates(text: str) -> list[FoundDate]:
    """The dates of a text in order; where two readings overlap, the longer one."""
    found = sorted(_all(text), key=lambda one: (one.start - one.end, one.start))
    taken: list[FoundDate] = []
    for one in found:
        if all(one.end <= other.start or other.end <= one.start for other in taken):
            taken.append(one)
    return sorted(taken, key=lambda one: one.start)


def sort_key(iso: str) -> tuple[bool, str]:
    """Orders dates in time; those without a year come last."""
    return iso.startswith("--"), iso


def _all(text: str) -> Iterator[FoundDate]:
    for form in _FORMS:
        for match in form.finditer(text):
            read = _read({k: v for k, v in match.groupdict().items() if v is not None})
            if read is not None:
                yield FoundDate(match.start(), match.end(), *read)


def _read(parts: dict[str, str]) -> tuple[str, bool] | None:
    year = int(parts["y"]) if "y" in parts else None
    if "a" in parts:
        first, second = int(parts["a"]), int(parts["b"])
        day, month = (first, second) if second <= 12 else (second, first)
        return _iso(year, month, day, first <= 12 and second <= 12 and first != second)
    name = parts.get("n")
    if name is not None and name.islower() and name in _NEEDS_CAPITAL and name != "mai":
        return None
    month = MONTHS[name.lower()] if name is not None else int(parts["m"])
    return _iso(year, month, int(parts["d"]) if "d" in parts else None, False)


def _iso(year: int | None, month: int, day: int | None, unsure: bool) -> tuple[str, bool] | None:
    try:
        date(2000 if year is None else year, month, 1 if day is None else day)
    except ValueError:
        return None
    parts = f"{month:02}" if day is None else f"{month:02}-{day:02}"
    return (f"--{parts}" if year is None else f"{year:04}-{parts}"), unsure
