"""Which format a file is in, its whole text, and passages of it read back."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from pathlib import PurePath
from types import MappingProxyType

from core.errors import FileError
from core.messages import Locator, PassageText
from core.text.calendars import extract_calendar
from core.text.contacts import extract_contacts
from core.text.document import Document, Limits, words
from core.text.encoding import looks_binary
from core.text.epub import extract_epub
from core.text.html import extract_html
from core.text.mail import extract_mail
from core.text.notebook import extract_notebook
from core.text.office import extract_docx, extract_pptx
from core.text.opendocument import extract_odf
from core.text.pdf import extract_pdf, read_pdf_pages
from core.text.plain import extract_plain
from core.text.rtf import extract_rtf
from core.text.sheets import extract_sheets
from core.text.source import Source
from core.text.subtitles import extract_subtitles
from core.text.wanted import needs_office
from core.text.warc import extract_warc
from core.text.xml import extract_xml

_SNIFF_BYTES = 4_096
_MAX_DEPTH = 5  # files attached to messages attached to messages
_TOO_DEEP = "is nested too deeply to be read"

_SUFFIXES: dict[str, str] = {
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mkd", ".qmd", ".rmd"), "markdown"),
    **dict.fromkeys((".html", ".htm", ".xhtml", ".xht"), "html"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    **dict.fromkeys((".docx", ".docm", ".dotx", ".dotm"), "docx"),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx", ".potx"), "pptx"),
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xltx", ".xls"), "xlsx"),
    **dict.fromkeys((".odt", ".ott"), "odt"),
    **dict.fromkeys((".ods", ".ots"), "ods"),
    **dict.fromkeys((".odp", ".otp"), "odp"),
    **dict.fromkeys((".mbox", ".mbx"), "mbox"),
    **dict.fromkeys((".mhtml", ".mht"), "mhtml"),
    **dict.fromkeys((".ics", ".ical", ".ifb"), "ics"),
    **dict.fromkeys((".vcf", ".vcard"), "vcf"),
    **dict.fromkeys((".srt", ".vtt", ".ass", ".ssa", ".sub"), "subtitles"),
    **dict.fromkeys((".warc", ".warc.gz"), "warc"),
    ".eml": "eml",
    ".epub": "epub",
    ".ipynb": "ipynb",
    ".pdf": "pdf",
    ".rtf": "rtf",
    **dict.fromkeys(
        words(
            ".xml .rss .atom .opml .dbk .docbook .tei .svg .kml .gpx .fodt .xlf .xliff .tmx .plist"
        ),
        "xml",
    ),
    **dict.fromkeys(words(".txt .text .log .rst .org .tex"), "text"),
    **dict.fromkeys(
        words(
            ".py .pyi .js .jsx .ts .tsx .mjs .c .h .cc .cpp .cxx .hpp .cs .java .kt .go .rs .rb "
            ".php .pl .lua .swift .scala .sh .bash .zsh .fish .ps1 .bat .sql .r .jl .m .hs .ml "
            ".ex .erl .clj .lisp .el .vim .css .scss .json .yaml .yml .toml .ini .cfg .conf"
        ),
        "code",
    ),
}

# Suffixes that LibreOffice reads and Satchel does not, and what to have it made into.
CONVERTIBLE: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys((".doc", ".dot", ".wps", ".wpd"), ".docx"),
        **dict.fromkeys((".ppt", ".pps", ".pot"), ".pptx"),
        ".sxw": ".odt",
        ".sxc": ".ods",
        ".sxi": ".odp",
    }
)

# Never opened to see whether they might be text: what they are is known.
_UNREAD: dict[str, str] = {
    **dict.fromkeys(
        words(
            ".jpg .jpeg .png .gif .bmp .webp .tif .tiff .heic .heif .avif .ico .raw .cr2 .nef .dng "
            ".psd .xcf"
        ),
        "is a picture; Satchel reads text only",
    ),
    **dict.fromkeys(
        words(
            ".mp3 .m4a .aac .flac .ogg .opus .wav .wma .mp4 .m4v .mkv .mov .avi .webm .wmv .mpg "
            ".mpeg"
        ),
        "is a sound or video recording; Satchel reads text only",
    ),
    **dict.fromkeys(
        words(".zip .7z .rar .gz .bz2 .xz .zst .tar .tgz .iso .dmg .img .vmdk .qcow2 .jar .apk"),
        "is an archive; unpack it to have its contents searched",
    ),
    **dict.fromkeys(
        (".pages", ".key", ".numbers"),
        "is in an Apple office format; export it as PDF to have it searched",
    ),
    ".msg": "is an Outlook message; save it as .eml to have it searched",
    **dict.fromkeys(
        words(
            ".exe .dll .so .dylib .a .o .obj .lib .class .pyc .pyo .wasm .bin .dat .db .sqlite "
            ".sqlite3 .ttf .otf .woff .woff2 .gguf .safetensors .onnx .npy .npz .pt .parquet .pkl "
            ".msi .deb .rpm"
        ),
        "is not a format Satchel reads",
    ),
}

_MAIL_HEADER = re.compile(
    rb"(?:Return-Path|Received|Delivered-To|X-[\w-]+|From|Message-ID|MIME-Version):", re.I
)


def kind_of(path: str) -> str | None:
    """The format of a file by its suffix, or by its first bytes where that says nothing.

    None when it is not one Satchel reads. Raises FileError when an unknown
    suffix makes it look inside and the file cannot be opened.
    """
    return _kind(Source(path))


def _kind(source: Source) -> str | None:
    suffix = _suffix(source.name)
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    if suffix in _UNREAD:
        return None
    found = kind_by_contents(source.head(_SNIFF_BYTES))
    # A web page or rich text under the name of an old Word file is common; words are not.
    return None if suffix in CONVERTIBLE and found == "text" else found


def kind_by_contents(head: bytes) -> str | None:
    """The format of a file by its first bytes; None when they are no text."""
    if head.startswith(b"%PDF-"):
        return "pdf"
    if head.startswith(b"{\\rtf"):
        return "rtf"
    start = head[:400].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "html"
    if start.startswith(b"begin:vcalendar"):
        return "ics"
    if start.startswith(b"begin:vcard"):
        return "vcf"
    if head.startswith(b"From ") and b"\n" in head[:400]:
        line, rest = head.split(b"\n", 1)
        if re.search(rb"\d\d:\d\d", line) and _MAIL_HEADER.match(rest):
            return "mbox"
    if _MAIL_HEADER.match(head) and re.search(rb"^(?:Subject|Date):", head, re.I | re.M):
        return "eml"
    return None if looks_binary(head) else "text"


def extract(path: str, limits: Limits | None = None) -> Document:
    """The whole text of a file.

    Raises FileError with problem "skipped" (a format or size that is left out),
    "encrypted", "needs_ocr", "missing" or "failed", and a reason for the person
    whose file it is. An empty file gives an empty document.
    """
    return extract_source(Source(path, limits))


def extract_source(source: Source) -> Document:
    """The whole text of a file, or of one that is inside another. Raises as `extract`."""
    if source.depth > _MAX_DEPTH:
        raise FileError(source.path, _TOO_DEEP, "skipped")
    kind = _kind(source)
    if kind is None:
        raise FileError(source.path, _why_unread(_suffix(source.name)), "skipped")
    if not source.head(1):
        return Document(text="", kind=kind)
    try:
        return _READERS[kind](source)
    except RecursionError as error:
        raise FileError(source.path, _TOO_DEEP) from error


def read_passages(
    path: str,
    spans: Sequence[tuple[int, int]],
    page_chars: Sequence[int] = (),
    *,
    limits: Limits | None = None,
    document: Document | None = None,
) -> tuple[PassageText, ...]:
    """Passages of a file that was extracted before, in the order of `spans`.

    Spans are character offsets into `Document.text`. Of a PDF only the pages in
    question are parsed, found by `page_chars`; other formats are read again,
    unless the caller still holds the `document`. Raises FileError as `extract`,
    or "changed" when the file does not reach that far any more.
    """
    if document is None and page_chars and kind_of(path) == "pdf":
        return _pdf_passages(path, spans, page_chars)
    document = document or extract(path, limits)
    if any(end > len(document.text) for _, end in spans):
        raise FileError(path, "has changed since it was indexed", "changed")
    lines = _line_numbers(document, spans)
    ends = list(accumulate(document.page_chars))
    found: list[PassageText] = []
    for start, end in spans:
        member = document.member_at(start)
        place = Locator(
            page=_page_at(ends, start),
            line=lines.get(start),
            heading=document.heading_at(start),
            member=member.title if member else None,
        )
        about = member.about if member else None
        found.append(PassageText(start, end, document.text[start:end], place, about))
    return tuple(found)


# What the kinds are called, in the catalogue as well, and who reads them.
_READERS: Mapping[str, Callable[[Source], Document]] = MappingProxyType(
    {
        "pdf": extract_pdf,
        "docx": extract_docx,
        "pptx": extract_pptx,
        "xlsx": extract_sheets,
        **{kind: partial(extract_odf, kind=kind) for kind in ("odt", "ods", "odp")},
        "epub": extract_epub,
        "html": extract_html,
        **{
            kind: partial(extract_mail, kind=kind, read=extract_source)
            for kind in ("eml", "mbox", "mhtml")
        },
        "rtf": extract_rtf,
        "ics": extract_calendar,
        "vcf": extract_contacts,
        "ipynb": extract_notebook,
        "xml": extract_xml,
        "subtitles": extract_subtitles,
        "warc": extract_warc,
        **{kind: partial(extract_plain, kind=kind) for kind in ("text", "markdown", "code", "csv")},
    }
)


def _suffix(name: str) -> str:
    """The suffix in lower case; ".warc.gz" is one."""
    lowered = name.lower()
    return ".warc.gz" if lowered.endswith(".warc.gz") else PurePath(lowered).suffix


def _why_unread(suffix: str) -> str:
    if suffix in CONVERTIBLE:
        return needs_office(CONVERTIBLE[suffix])
    return _UNREAD.get(suffix, "is not a format Satchel reads")


def _pdf_passages(
    path: str, spans: Sequence[tuple[int, int]], page_chars: Sequence[int]
) -> tuple[PassageText, ...]:
    ends = list(accumulate(page_chars))
    if any(end > ends[-1] for _, end in spans):
        raise FileError(path, "has changed since it was indexed", "changed")
    # A span that ends exactly at a page's end does not need the next one.
    ranges = [
        (bisect_right(ends, start), bisect_right(ends, max(start, end - 1))) for start, end in spans
    ]
    pages = sorted({page for first, last in ranges for page in range(first, last + 1)})
    texts = read_pdf_pages(Source(path), [page for page in pages if page < len(ends)], page_chars)
    found: list[PassageText] = []
    for (start, end), (first, last) in zip(spans, ranges, strict=True):
        base = ends[first - 1] if first else 0
        text = "".join(texts.get(page, "") for page in range(first, last + 1))
        found.append(
            PassageText(start, end, text[start - base : end - base], Locator(page=first + 1))
        )
    return tuple(found)


def _page_at(ends: Sequence[int], position: int) -> int | None:
    """The page (from 1) that holds a character; None without pages."""
    return min(bisect_right(ends, position), len(ends) - 1) + 1 if ends else None


_LINE_KINDS = frozenset(("text", "markdown", "code", "csv"))


def _line_numbers(document: Document, spans: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Line numbers (from 1) of the spans' starts, for formats that are opened at a line."""
    numbers: dict[int, int] = {}
    line, position = 1, 0
    for start in sorted({start for start, _ in spans}):
        if document.line_map is not None:
            found = document.line_map.line_at(document.text, start)
            if found is not None:
                numbers[start] = found
        elif document.kind in _LINE_KINDS:
            line += document.text.count("\n", position, start)
            position = start
            numbers[start] = line
    return numbers
