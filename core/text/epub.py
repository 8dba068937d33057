"""EPUB books: the chapters in reading order, each read as the web page it is."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

from core.errors import FileError
from core.messages import About
from core.text import dates
from core.text.archive import Archive, open_archive
from core.text.document import Document, TextBuilder
from core.text.html import add_html, html_source
from core.text.source import Source

_ABOUT_TAGS = frozenset(("title", "creator", "date"))
_MOST_AUTHORS = 10


def extract_epub(source: Source) -> Document:
    """The text of a book without copy protection.

    Raises FileError ("encrypted" when its chapters are, "failed", "skipped").
    """
    with open_archive(source) as archive:
        package = _package(archive)
        out = TextBuilder(source.path, source.limits)
        locked = _locked(archive)
        for name in _spine(archive, package):
            if name in locked:
                raise FileError(
                    source.path,
                    "is copy-protected; only the shop's own reader opens it",
                    "encrypted",
                )
            out.line_break(2)
            add_html(out, html_source(archive.read(name)))
        return out.document("epub", about=_about(archive, package), slow=True)


def _package(archive: Archive) -> str:
    found = [
        attributes["full-path"]
        for event, tag, attributes in archive.xml("META-INF/container.xml")
        if event == "start" and tag == "rootfile" and attributes.get("full-path") in archive.names
    ]
    if not found:
        archive.damaged()
    return found[0]


def _about(archive: Archive, package: str) -> About:
    """What the package says of the book: its first title, all its authors, when it came out."""
    found: dict[str, list[str]] = {}
    inside = ""
    pieces: list[str] = []
    for event, value, attributes in archive.xml(package):
        if event == "start" and value in _ABOUT_TAGS | {"meta"}:
            kind = f"{value} {attributes.get('property', attributes.get('event', ''))}".strip()
            inside, pieces = kind, []
        elif event == "text" and inside:
            pieces.append(value)
        elif event == "end" and inside:
            found.setdefault(inside, []).append("".join(pieces).strip())
            inside = ""
        if event == "end" and value == "metadata":
            break

    def first(*kinds: str) -> str | None:
        return next((found[kind][0] for kind in kinds if found.get(kind)), None)

    return About(
        first("title"),
        ", ".join(found.get("creator", ())[:_MOST_AUTHORS]) or None,
        dates.from_words(first("date publication", "date", "date creation")),
        dates.from_words(first("meta dcterms:modified", "date modification")),
    )


def _spine(archive: Archive, package: str) -> list[str]:
    """The chapters' member names in reading order."""
    files: dict[str, str] = {}
    order: list[str] = []
    folder = posixpath.dirname(package)
    for event, tag, attributes in archive.xml(package):
        if event != "start":
            continue
        if tag == "item" and "html" in attributes.get("media-type", "html"):
            target = unquote(attributes.get("href", ""))
            files[attributes.get("id", "")] = posixpath.normpath(posixpath.join(folder, target))
        elif tag == "itemref":
            order.append(attributes.get("idref", ""))
    return [files[key] for key in order if files.get(key) in archive.names]


def _locked(archive: Archive) -> frozenset[str]:
    """What is encrypted; fonts often are, in books that are otherwise free to read."""
    name = "META-INF/encryption.xml"
    if name not in archive.names:
        return frozenset()
    return frozenset(
        unquote(attributes.get("URI", ""))
        for event, tag, attributes in archive.xml(name)
        if event == "start" and tag == "CipherReference"
    )
