"""Dates as documents write them, to seconds since 1970 in UTC; what cannot be is None.

A date without a zone is taken as UTC, so that the same file says the same
everywhere. Years before 1900 and after 2200 are slips, not dates.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

_FIRST_YEAR, _LAST_YEAR = 1900, 2200
_LONGEST = 80
_ZONE = r"(?:(Z)|([+-])(\d\d)[:']?(\d\d)?)?"
_ISO = re.compile(
    r"(\d{4})(?:[-/]?(\d\d)(?:[-/]?(\d\d)(?:[T ](\d\d):?(\d\d)(?::?(\d\d))?(?:[.,]\d+)? ?"
    + _ZONE
    + r")?)?)?(?![\d:])",
    re.I | re.A,
)
_PDF = re.compile(r"(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?" + _ZONE, re.A)


def utc_s(
    year: int,
    month: int = 1,
    day: int = 1,
    hour: int = 0,
    minute: int = 0,
    second: int = 0,
    offset_s: int = 0,
) -> int | None:
    """Seconds since 1970 of a local time `offset_s` ahead of UTC; None when there is no such."""
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        # A leap second counts as the one before it.
        local = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        return int((local - timedelta(seconds=offset_s)).timestamp())
    except (ValueError, OverflowError):
        return None


def from_iso(text: str | None) -> int | None:
    """ISO 8601 down to a bare year, with or without its hyphens and colons."""
    match = _ISO.match((text or "")[:_LONGEST].strip())
    return _from_groups(match) if match else None


def from_pdf(text: str | None) -> int | None:
    """A date of a PDF: "D:20240131120000+01'00'", shortened from the right at will."""
    match = _PDF.match((text or "")[:_LONGEST].strip())
    return _from_groups(match) if match else None


def from_mail(text: str | None) -> int | None:
    """A date of an e-mail: "Wed, 31 Jan 2024 12:00:00 +0100"; a bare day will do."""
    for words in ((text or "")[:_LONGEST], (text or "")[:_LONGEST] + " 00:00:00"):
        try:
            found = parsedate_tz(words)
        except (ValueError, IndexError, TypeError, OverflowError):
            return None
        if found is not None:
            return utc_s(*found[:6], found[9] or 0)
    return None


def from_words(text: str | None) -> int | None:
    """A date in whichever of these forms."""
    return from_iso(text) or from_mail(text)


def _from_groups(match: re.Match[str]) -> int | None:
    *numbers, zulu, sign, hours, minutes = match.groups()
    year, month, day, hour, minute, second = (int(one) if one else None for one in numbers)
    offset_s = 0
    if sign and not zulu:
        offset_s = (int(hours) * 60 + int(minutes or 0)) * (60 if sign == "+" else -60)
    return utc_s(
        year or 0,
        1 if month is None else month,
        1 if day is None else day,
        hour or 0,
        minute or 0,
        second or 0,
        offset_s,
    )
