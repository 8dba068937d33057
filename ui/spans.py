"""Days and kinds of files that a search can be narrowed to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType

from ui.text import tr

Dates = tuple[int | None, int | None]

ENDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "pdf": ("pdf",),
        "documents": ("docx", "docm", "dotx", "doc", "odt", "ott", "rtf", "sxw", "wps", "wpd"),
        "sheets": ("xlsx", "xlsm", "xlsb", "xls", "ods", "ots", "csv", "tsv"),
        "slides": ("pptx", "pptm", "ppsx", "ppt", "pps", "odp", "otp"),
        "mail": ("eml", "mbox", "mbx"),
        "notes": ("txt", "text", "md", "markdown", "rst", "org", "tex", "log"),
        "web": ("html", "htm", "xhtml", "mhtml", "mht", "warc", "warc.gz"),
        "books": ("epub",),
        "dates": ("ics", "ical", "vcf", "vcard"),
        "code": (
            "py", "pyi", "js", "jsx", "ts", "tsx", "c", "h", "cc", "cpp", "hpp", "cs", "java", "kt",
            "go", "rs", "rb", "php", "pl", "lua", "swift", "scala", "sh", "sql", "r", "jl", "hs",
            "css", "json", "yaml", "yml", "toml", "ini", "xml", "ipynb",
        ),
    }
)  # fmt: skip


def kind_names() -> dict[str, str]:
    """The kinds of files in words, in the order they are offered."""
    return {
        "pdf": tr("PDF"),
        "documents": tr("Documents"),
        "sheets": tr("Spreadsheets"),
        "slides": tr("Presentations"),
        "mail": tr("E-mail"),
        "notes": tr("Text and notes"),
        "web": tr("Web pages"),
        "books": tr("Books"),
        "dates": tr("Calendars and contacts"),
        "code": tr("Code and data"),
    }


def span_names() -> dict[str, str]:
    """The spans of time in words, in the order they are offered."""
    return {
        "day": tr("Today"),
        "week": tr("Last 7 days"),
        "month": tr("Last 30 days"),
        "year": tr("This year"),
        "last year": tr("Last year"),
        "older": tr("Older"),
    }


def span_days(name: str, today: date) -> tuple[date | None, date | None]:
    """The first day of a span, and the first behind it; None where it has no such end."""
    first = today.replace(month=1, day=1)
    year_before = first.replace(year=first.year - 1)
    return {
        "day": (today, None),
        "week": (today - timedelta(days=6), None),
        "month": (today - timedelta(days=29), None),
        "year": (first, None),
        "last year": (year_before, first),
        "older": (None, year_before),
    }[name]


def seconds(day: date | None) -> int | None:
    """The first moment of a day by this computer's clock, in seconds since 1970."""
    if day is None:
        return None
    return int(datetime(day.year, day.month, day.day).astimezone().timestamp())


@dataclass(frozen=True, slots=True)
class Filters:
    """What a search is narrowed to; `dates` are seconds since 1970, from and to before."""

    folder: str | None = None
    kind: str = ""
    dates: Dates = (None, None)

    @property
    def endings(self) -> tuple[str, ...]:
        """The name endings of the kind of files."""
        return ENDINGS.get(self.kind, ())
