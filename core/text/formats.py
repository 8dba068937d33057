"""Which format a file is in, its whole text, and passages of it read back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import PurePath

from core.errors import FileError
from core.messages import Locator, PassageText
from core.text.document import Document, Limits, last_at, words
from core.text.encoding import looks_binary
from core.text.epub import extract_epub
from core.text.html import extract_html
from core.text.mail import extract_mail
from core.text.office import extract_docx, extract_pptx
from core.text.opendocument import extract_odf
from core.text.pdf import extract_pdf, read_pdf_pages
from core.text.plain import extract_plain
from core.text.rtf import extract_rtf
from core.text.sheets import extract_sheets
from core.text.source import open_regular, os_failure

_SNIFF_BYTES = 4_096

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
    ".eml": "eml",
    ".epub": "epub",
    ".pdf": "pdf",
    ".rtf": "rtf",
    **dict.fromkeys(words(".txt .text .log .rst .org .tex .srt .vtt .ics"), "text"),
    **dict.fromkeys(
        words(
            ".py .pyi .js .jsx .ts .tsx .mjs .c .h .cc .cpp .cxx .hpp .cs .java .kt .go .rs .rb "
            ".php .pl .lua .swift .scala .sh .bash .zsh .fish .ps1 .bat .sql .r .jl .m .hs .ml "
            ".ex .erl .clj .lisp .el .vim .css .scss .json .yaml .yml .toml .ini .cfg .conf "
            ".xml .ipynb"
        ),
        "code",
    ),
}

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
        (".doc", ".dot"), "is in the old Word format; save it as .docx to have it searched"
    ),
    **dict.fromkeys(
        (".ppt", ".pps"), "is in the old PowerPoint format; save it as .pptx to have it searched"
    ),
    **dict.fromkeys(
        (".pages", ".key", ".numbers"),
        "is in an Apple office format; export it as PDF to have it searched",
    ),
    **dict.fromkeys(
        words(
            ".exe .dll .so .dylib .a .o .obj .lib .class .pyc .pyo .wasm .bin .dat .db .sqlite "
            ".sqlite3 .ttf .otf .woff .woff2 .gguf .safetensors .onnx .npy .npz .pt .parquet .pkl "
            ".msi .deb .rpm"
        ),
        "is not a format Satchel reads",
    ),
}


def kind_of(path: str) -> str | None:
    """The format of a file by its suffix, or by its first bytes where that says nothing.

    None when it is not one Satchel reads. Raises FileError when an unknown
    suffix makes it look inside and the file cannot be opened.
    """
    suffix = PurePath(path).suffix.lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    if suffix in _UNREAD:
        return None
    with open_regular(path) as file:
        try:
            head = file.read(_SNIFF_BYTES)
        except OSError as error:
            raise os_failure(path, error) from error
    if head.startswith(b"%PDF-"):
        return "pdf"
    if head.startswith(b"{\\rtf"):
        return "rtf"
    if head[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "html"
    return None if looks_binary(head) else "text"


def extract(path: str, limits: Limits | None = None) -> Document:
    """The whole text of a file.

    Raises FileError with problem "skipped" (a format or size that is left out),
    "encrypted", "needs_ocr", "missing" or "failed", and a reason for the person
    whose file it is. An empty file gives an empty document.
    """
    limits = limits or Limits()
    kind = kind_of(path)
    if kind is None:
        suffix = PurePath(path).suffix.lower()
        reason = _UNREAD.get(suffix, "is not a format Satchel reads")
        raise FileError(path, reason, "skipped")
    if _is_empty(path):
        return Document(text="", kind=kind)
    return _extract_as(path, kind, limits)


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
    return tuple(
        PassageText(
            start,
            end,
            document.text[start:end],
            Locator(
                page=_page_at(ends, start),
                line=lines.get(start),
                heading=last_at(document.headings, start),
                member=last_at(document.members, start),
            ),
        )
        for start, end in spans
    )


def _extract_as(path: str, kind: str, limits: Limits) -> Document:
    match kind:
        case "pdf":
            return extract_pdf(path, limits)
        case "docx":
            return extract_docx(path, limits)
        case "pptx":
            return extract_pptx(path, limits)
        case "xlsx":
            return extract_sheets(path, kind, limits)
        case "odt" | "ods" | "odp":
            return extract_odf(path, kind, limits)
        case "epub":
            return extract_epub(path, limits)
        case "html":
            return extract_html(path, limits)
        case "eml" | "mbox" | "mhtml":
            return extract_mail(path, kind, limits)
        case "rtf":
            return extract_rtf(path, limits)
        case _:
            return extract_plain(path, kind, limits)


def _is_empty(path: str) -> bool:
    with open_regular(path) as file:
        try:
            return not file.read(1)
        except OSError as error:
            raise os_failure(path, error) from error


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
    texts = read_pdf_pages(path, [page for page in pages if page < len(ends)])
    if any(len(text) != page_chars[page] for page, text in texts.items()):
        raise FileError(path, "has changed since it was indexed", "changed")
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
    """Line numbers (from 1) of the spans' starts, for formats whose text is the file's own."""
    if document.kind not in _LINE_KINDS:
        return {}
    numbers: dict[int, int] = {}
    line, position = 1, 0
    for start in sorted({start for start, _ in spans}):
        line += document.text.count("\n", position, start)
        position = start
        numbers[start] = line
    return numbers
