"""OpenDocument: text, spreadsheet and presentation, one walk over content.xml."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from core.errors import FileError
from core.text.archive import PASSWORD, Archive, open_archive, open_document_about
from core.text.document import Document, TextBuilder
from core.text.source import Source

_LEFT_OUT = frozenset(("tracked-changes", "forms", "event-listeners", "scripts", "desc"))
_MAX_SPACES = 200


def extract_odf(source: Source, kind: str) -> Document:
    """An ODT, ODS or ODP file. A presentation has a page a slide, a sheet is a member.

    Raises FileError ("encrypted", "failed", "skipped").
    """
    with open_archive(source) as archive:
        manifest = "META-INF/manifest.xml"
        if manifest in archive.names and b"encryption-data" in archive.read(manifest):
            raise FileError(source.path, PASSWORD, "encrypted")
        if "content.xml" not in archive.names:
            archive.damaged()
        out = TextBuilder(source.path, source.limits)
        walk = _Walk(out, kind)
        walk.run(archive, "content.xml", "body")
        if kind != "odp" and "styles.xml" in archive.names:
            out.line_break(2)
            _Walk(out, kind).run(archive, "styles.xml", "master-styles")  # headers and footers
        about = open_document_about(archive)
        if not about.title and out.headings:
            about = msgspec.structs.replace(about, title=out.headings[0].title)
        return out.document(kind, about=about, slow=True, pages=walk.pages)


class _Walk:
    """Follows the text of one part in document order."""

    def __init__(self, out: TextBuilder, kind: str) -> None:
        self._out = out
        self._kind = kind
        # One entry an open paragraph: a frame inside a paragraph holds others.
        self._lines: list[list[str]] = []
        self._cells: list[list[str]] = []  # one list of cell texts per table nesting level
        self._in_item = 0
        self._page_start = 0
        self.pages: list[int] = []

    def run(self, archive: Archive, name: str, inside: str) -> None:
        """Append the text that stands inside elements called `inside`."""
        wanted = False
        skipping = ""
        depth = 0
        for event, tag, attributes in archive.xml(name):
            if event == "text":
                if self._lines and not skipping:
                    self._lines[-1].append(tag)
            elif skipping:
                if tag == skipping:
                    depth += 1 if event == "start" else -1
                    skipping = skipping if depth else ""
            elif tag == inside:
                wanted = event == "start"
            elif not wanted:
                continue
            elif event == "end":
                self._end(tag)
            elif tag in _LEFT_OUT:
                skipping, depth = tag, 1
            else:
                self._start(tag, attributes)

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in ("p", "h", "annotation"):
            self._lines.append([])
        elif tag == "s" and self._lines:
            count = attributes.get("c", "1")
            self._lines[-1].append(" " * min(int(count) if count.isdigit() else 1, _MAX_SPACES))
        elif tag == "tab" and self._lines:
            self._lines[-1].append("\t")
        elif tag == "line-break" and self._lines:
            self._lines[-1].append("\n")
        elif tag == "list-item":
            self._in_item += 1
        elif tag == "table-row":
            self._cells.append([])
        elif tag == "table-cell" and self._cells:
            self._cells[-1].append("")
        elif tag == "table" and self._kind == "ods" and attributes.get("name"):
            self._out.member(attributes["name"])

    def _end(self, tag: str) -> None:
        if tag in ("p", "h") and self._lines:
            self._paragraph(" ".join("".join(self._lines.pop()).split(" ")).strip(), tag == "h")
        elif tag == "annotation" and self._lines:
            self._lines.pop()  # its author and date; what it says came as paragraphs
        elif tag == "list-item":
            self._in_item -= 1
        elif tag == "table-row" and self._cells:
            row = "\t".join(self._cells.pop()).rstrip()
            if self._cells and self._cells[-1]:
                self._add_to_cell(row)
            elif row:
                self._out.line_break()
                self._out.add(row + "\n")
        elif tag == "table":
            self._out.line_break(2)
        elif tag == "page" and self._kind == "odp":
            self._out.line_break()
            if self._out.chars == self._page_start:
                self._out.add("\n")
            self.pages.append(self._out.chars - self._page_start)
            self._page_start = self._out.chars

    def _paragraph(self, text: str, heading: bool) -> None:
        if not text:
            return
        if self._cells and self._cells[-1]:
            self._add_to_cell(text)
        elif heading:
            self._out.heading(text)
        else:
            self._out.line_break()
            self._out.add(f"- {text}\n" if self._in_item else text + "\n\n")

    def _add_to_cell(self, text: str) -> None:
        self._cells[-1][-1] = f"{self._cells[-1][-1]} {' '.join(text.split())}".strip()
