"""Word and PowerPoint files (Office Open XML), read straight from their XML.

python-docx and python-pptx build the whole document as objects; a pass over
the XML takes a tenth of their time and keeps text boxes, notes and tables in order.
"""

from __future__ import annotations

import posixpath
import re

from core.text.archive import Archive, open_archive, text_of
from core.text.document import Document, Limits, TextBuilder

_HEADING_STYLE = re.compile(r"(heading [1-9]|title)$", re.I)
_NUMBERS = re.compile(r"(\d+)")
_REL = "_rels/.rels"


def extract_docx(path: str, limits: Limits) -> Document:
    """A Word document: body, then foot- and endnotes, comments, headers and footers.

    Raises FileError ("encrypted", "failed", "skipped").
    """
    with open_archive(path, limits) as archive:
        main = _main_part(archive, "word/document.xml")
        styles = _heading_styles(archive, posixpath.join(posixpath.dirname(main), "styles.xml"))
        out = TextBuilder(path, limits)
        _word_part(archive, main, out, styles)
        folder = posixpath.dirname(main)
        extra = [f"{folder}/{name}.xml" for name in ("footnotes", "endnotes", "comments")]
        extra += sorted(
            (name for name in archive.names if re.match(rf"{folder}/(header|footer)\d*\.xml$", name)),
            key=_natural,
        )
        seen: set[str] = set()
        for name in extra:
            if name not in archive.names:
                continue
            part = TextBuilder(path, limits)
            _word_part(archive, name, part, {})
            text = part.text().strip()
            if text and text not in seen:  # the same footer for odd and even pages
                seen.add(text)
                out.line_break(2)
                out.add(text + "\n")
        title = _core_title(archive) or (out.headings[0].title if out.headings else None)
        return out.document("docx", title=title, slow=True)


def extract_pptx(path: str, limits: Limits) -> Document:
    """A PowerPoint file, a page a slide, its notes and comments after it.

    Raises FileError ("encrypted", "failed", "skipped").
    """
    with open_archive(path, limits) as archive:
        main = _main_part(archive, "ppt/presentation.xml")
        out = TextBuilder(path, limits)
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
        return out.document("pptx", title=_core_title(archive), slow=True, pages=pages)


def _main_part(archive: Archive, usual: str) -> str:
    """The part the archive's relations call the document; nearly always the usual name."""
    if usual in archive.names:
        return usual
    for target in _related(archive, "", "officeDocument"):
        return target
    archive.damaged()


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


def _core_title(archive: Archive) -> str | None:
    if "docProps/core.xml" not in archive.names:
        return None
    return text_of(archive, "docProps/core.xml", "title")


def _heading_styles(archive: Archive, name: str) -> dict[str, str]:
    """Ids of the styles that make a paragraph a heading, whatever language Word spoke."""
    found: dict[str, str] = {}
    if name not in archive.names:
        return found
    style = ""
    for event, tag, attributes in archive.xml(name):
        if event != "start":
            continue
        if tag == "style":
            style = attributes.get("styleId", "")
        elif (tag == "name" and _HEADING_STYLE.match(attributes.get("val", ""))) or (
            tag == "outlineLvl" and attributes.get("val", "9") in "012345678"
        ):
            found[style] = "heading"
    return found


def _word_part(archive: Archive, name: str, out: TextBuilder, styles: dict[str, str]) -> None:
    """Append the text of one part. Paragraphs inside table cells are joined by blanks."""
    line: list[str] = []  # the paragraph being read
    outer: list[list[str]] = []  # paragraphs around a text box inside one
    heading = False
    cells: list[list[str]] = []  # one list of cell texts per table nesting level
    skipping = 0
    in_text = False
    for event, tag, attributes in archive.xml(name):
        if event == "text":
            if in_text:
                line.append(tag)
            continue
        # A text box is stored twice, for new and for old programs.
        if tag == "Fallback":
            skipping += 1 if event == "start" else -1
        if skipping:
            continue
        if event == "start":
            if tag == "p":
                outer.append(line)
                line, heading = [], False
            elif tag == "pStyle":
                heading = attributes.get("val", "") in styles
            elif tag == "outlineLvl":
                heading = heading or attributes.get("val", "9") in "012345678"
            elif tag == "numPr":
                line.append("- ")
            elif tag == "tr":
                cells.append([])
            elif tag == "tc" and cells:
                cells[-1].append("")
            in_text = tag == "t" and not skipping
        elif tag == "t":
            in_text = False
        elif tag == "tab":
            line.append("\t")
        elif tag in ("br", "cr"):
            line.append("\n")
        elif tag == "noBreakHyphen":
            line.append("-")
        elif tag == "p":
            _end_paragraph("".join(line).strip(), heading, cells, out)
            line = outer.pop() if outer else []
            heading = False
        elif tag == "tr" and cells:
            row = "\t".join(cells.pop())
            if cells and cells[-1]:
                cells[-1][-1] = (cells[-1][-1] + " " + row.replace("\t", " ")).strip()
            elif row.strip():
                out.add(row + "\n")
        elif tag == "tbl" and not cells:
            out.line_break(2)


def _end_paragraph(text: str, heading: bool, cells: list[list[str]], out: TextBuilder) -> None:
    if not text:
        return
    if cells and cells[-1]:
        cells[-1][-1] = f"{cells[-1][-1]} {' '.join(text.split())}".strip()
    elif heading:
        out.heading(text)
    else:
        # Lists stay together; paragraphs are told apart by an empty line.
        out.line_break(1)
        out.add(text + ("\n" if text.startswith("- ") else "\n\n"))


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
    """Append the text of a slide, its notes or its comments; the title is a heading."""
    line: list[str] = []
    is_title = False
    number = False
    cells: list[str] | None = None
    in_text = False
    for event, tag, attributes in archive.xml(name):
        if event == "text":
            if in_text:
                line.append(tag)
            continue
        if event == "start":
            if tag == "ph":
                is_title = attributes.get("type") in ("title", "ctrTitle")
                number = attributes.get("type") in ("sldNum", "dt")
            elif tag == "sp":
                is_title = number = False
            elif tag == "tr":
                cells = []
            elif tag == "tc" and cells is not None:
                cells.append("")
            in_text = tag in ("t", "text")
        elif tag in ("t", "text"):
            in_text = False
        elif tag == "br":
            line.append("\n")
        elif tag in ("p", "cm"):
            text, line = "".join(line).strip(), []
            if not text or number:
                continue
            if cells:
                cells[-1] = f"{cells[-1]} {text}".strip()
            elif is_title:
                out.heading(text)
            else:
                out.line_break()
                out.add(text + "\n")
        elif tag == "tr" and cells is not None:
            out.line_break()
            out.add("\t".join(cells) + "\n")
            cells = None


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in _NUMBERS.split(name)]
