"""Word and PowerPoint files (Office Open XML), read straight from their XML.

One pass in bounded memory keeps text boxes, notes and tables in the order they
are read, which python-docx and python-pptx hand out apart from each other.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping

import msgspec

from core.text.archive import Archive, office_about, open_archive
from core.text.document import Document, TextBuilder
from core.text.source import Source

_HEADING_STYLE = re.compile(r"(heading [1-9]|title)$", re.I)
_NUMBERS = re.compile(r"(\d+)")
_REL = "_rels/.rels"
_LEVELS = frozenset("012345678")  # outline levels of headings; 9 is body text
_STYLE_TAGS = frozenset(("style", "name", "outlineLvl"))
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def extract_docx(source: Source) -> Document:
    """A Word document: body, then foot- and endnotes, comments, headers and footers.

    Raises FileError ("encrypted", "failed", "skipped").
    """
    with open_archive(source) as archive:
        main = _main_part(archive, "word/document.xml")
        styles = _heading_styles(archive, posixpath.join(posixpath.dirname(main), "styles.xml"))
        out = TextBuilder(source.path, source.limits)
        _word_part(archive, main, out, styles)
        folder = posixpath.dirname(main)
        extra = [f"{folder}/{name}.xml" for name in ("footnotes", "endnotes", "comments")]
        extra += sorted(
            (
                name
                for name in archive.names
                if re.match(rf"{re.escape(folder)}/(header|footer)\d*\.xml$", name)
            ),
            key=_natural,
        )
        seen: set[str] = set()
        for name in extra:
            if name not in archive.names:
                continue
            part = TextBuilder(source.path, source.limits)
            _word_part(archive, name, part, ())
            text = part.text().strip()
            if text and text not in seen:  # the same footer for odd and even pages
                seen.add(text)
                out.line_break(2)
                out.add(text + "\n")
        about = office_about(archive)
        if not about.title and out.headings:
            about = msgspec.structs.replace(about, title=out.headings[0].title)
        return out.document("docx", about=about, slow=True)


def extract_pptx(source: Source) -> Document:
    """A PowerPoint file, a page a slide, its notes and comments after it.

    Raises FileError ("encrypted", "failed", "skipped").
    """
    with open_archive(source) as archive:
        main = _main_part(archive, "ppt/presentation.xml")
        out = TextBuilder(source.path, source.limits)
        pages: list[int] = []
        for slide in _slides(archive, main):
            start = out.chars
            _slide_part(archive, slide, out)
            for kind in ("notesSlide", "comments"):
                for target in _related(archive, slide, kind):
                    out.line_break(2)
                    _slide_part(archive, target, out)
            out.line_break()
            if out.chars == start:
                out.add("\n")
            pages.append(out.chars - start)
        return out.document("pptx", about=office_about(archive), slow=True, pages=pages)


def _main_part(archive: Archive, usual: str) -> str:
    """The part the archive's relations call the document; nearly always the usual name."""
    if usual in archive.names:
        return usual
    targets = _related(archive, "", "officeDocument")
    if not targets:
        archive.damaged()
    return targets[0]


def _related(archive: Archive, part: str, kind: str) -> list[str]:
    """The parts that `part` points at with a relation of this kind, in order of their names."""
    return [target for _, target in _relations(archive, part, kind)]


def _relations(archive: Archive, part: str, kind: str) -> list[tuple[str, str]]:
    folder, name = posixpath.split(part)
    rels = posixpath.join(folder, "_rels", name + ".rels") if part else _REL
    found: list[tuple[str, str]] = []
    if rels not in archive.names:
        return found
    for event, tag, attributes in archive.xml(rels):
        if event == "start" and tag == "Relationship":
            target = attributes.get("Target", "")
            full = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            if attributes.get("Type", "").endswith("/" + kind) and full in archive.names:
                found.append((attributes.get("Id", ""), full))
    return found


def _heading_styles(archive: Archive, name: str) -> frozenset[str]:
    """Ids of the styles that make a paragraph a heading, whatever language Word spoke."""
    found: set[str] = set()
    if name not in archive.names:
        return frozenset()
    style = ""
    for _, tag, attributes in archive.xml(name, _STYLE_TAGS):
        if tag == "style":
            style = attributes.get("styleId", "")
        elif (tag == "name" and _HEADING_STYLE.match(attributes.get("val", ""))) or (
            tag == "outlineLvl" and attributes.get("val", "") in _LEVELS
        ):
            found.add(style)
    return frozenset(found)


def _word_part(archive: Archive, name: str, out: TextBuilder, styles: Collection[str]) -> None:
    """Append the text of one part."""
    part = _WordPart(out, styles)
    skipping = 0
    for event, tag, attributes in archive.xml(name):
        if tag == "Fallback" and event != "text":
            # A text box is stored twice, for new and for old programs.
            skipping += 1 if event == "start" else -1
        elif skipping:
            continue
        elif event == "text":
            part.text(tag)
        elif event == "start":
            part.start(tag, attributes)
        else:
            part.end(tag)


class _WordPart:
    """Follows a part of a Word file; paragraphs in a table cell are joined by blanks."""

    def __init__(self, out: TextBuilder, styles: Collection[str]) -> None:
        self._out = out
        self._styles = styles
        self._line: list[str] = []  # the paragraph being read
        self._outer: list[list[str]] = []  # paragraphs around a text box inside one
        self._cells: list[list[str]] = []  # one list of cell texts per table nesting level
        self._heading = False
        self._in_text = False

    def text(self, text: str) -> None:
        if self._in_text:
            self._line.append(text)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._in_text = tag == "t"
        match tag:
            case "p":
                self._outer.append(self._line)
                self._line, self._heading = [], False
            case "pStyle":
                self._heading = attributes.get("val", "") in self._styles
            case "outlineLvl":
                self._heading = self._heading or attributes.get("val", "") in _LEVELS
            case "numPr":
                self._line.append("- ")
            case "tr":
                self._cells.append([])
            case "tc" if self._cells:
                self._cells[-1].append("")

    def end(self, tag: str) -> None:
        self._in_text = False
        if tag in _SIGNS:
            self._line.append(_SIGNS[tag])
        elif tag == "p":
            self._paragraph("".join(self._line).strip())
            self._line = self._outer.pop() if self._outer else []
            self._heading = False
        elif tag == "tr" and self._cells:
            self._row("\t".join(self._cells.pop()))
        elif tag == "tbl" and not self._cells:
            self._out.line_break(2)

    def _row(self, row: str) -> None:
        if self._cells and self._cells[-1]:  # a table in a cell of another
            self._add_to_cell(row)
        elif row.strip():
            self._out.line_break()
            self._out.add(row + "\n")

    def _paragraph(self, text: str) -> None:
        if not text:
            return
        if self._cells and self._cells[-1]:
            self._add_to_cell(text)
        elif self._heading:
            self._out.heading(text.removeprefix("- "))
        else:
            # Lists stay together; paragraphs are told apart by an empty line.
            self._out.line_break()
            self._out.add(text + ("\n" if text.startswith("- ") else "\n\n"))

    def _add_to_cell(self, text: str) -> None:
        self._cells[-1][-1] = f"{self._cells[-1][-1]} {' '.join(text.split())}".strip()


def _slides(archive: Archive, main: str) -> list[str]:
    """Slides in the order they are shown."""
    targets = dict(_relations(archive, main, "slide"))
    order = [
        targets.pop(attributes.get("id", ""), None)
        for event, tag, attributes in archive.xml(main)
        if event == "start" and tag == "sldId"
    ]
    return [name for name in order if name]


def _slide_part(archive: Archive, name: str, out: TextBuilder) -> None:
    """Append the text of a slide, its notes or its comments."""
    part = _SlidePart(out)
    for event, tag, attributes in archive.xml(name):
        if event == "text":
            part.text(tag)
        elif event == "start":
            part.start(tag, attributes)
        else:
            part.end(tag)


class _SlidePart:
    """Follows one part of a presentation; the slide's title is a heading."""

    def __init__(self, out: TextBuilder) -> None:
        self._out = out
        self._line: list[str] = []
        self._cells: list[str] | None = None
        self._role = ""  # of the box the text is in
        self._in_text = False

    def text(self, text: str) -> None:
        if self._in_text:
            self._line.append(text)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._in_text = tag in ("t", "text")  # "text" is what comments call it
        if tag == "sp":
            self._role = ""
        elif tag == "ph":
            self._role = attributes.get("type", "")
        elif tag == "tr":
            self._cells = []
        elif tag == "tc" and self._cells is not None:
            self._cells.append("")

    def end(self, tag: str) -> None:
        self._in_text = False
        if tag == "br":
            self._line.append("\n")
        elif tag in ("p", "cm"):
            text, self._line = "".join(self._line).strip(), []
            if text and self._role not in ("sldNum", "dt"):
                self._paragraph(text)
        elif tag == "tr" and self._cells is not None:
            self._out.line_break()
            self._out.add("\t".join(self._cells) + "\n")
            self._cells = None

    def _paragraph(self, text: str) -> None:
        if self._cells:
            self._cells[-1] = f"{self._cells[-1]} {' '.join(text.split())}".strip()
        elif self._role in ("title", "ctrTitle"):
            self._out.heading(text)
        else:
            self._out.line_break()
            self._out.add(text + "\n")


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in _NUMBERS.split(name)]
