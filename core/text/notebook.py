"""Jupyter notebooks: cells in order, their text outputs, no pictures."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from core.errors import FileError
from core.messages import About
from core.text import dates
from core.text.document import Document, Heading, TextBuilder, clean_title
from core.text.encoding import clean
from core.text.html import html_text
from core.text.plain import markdown_headings
from core.text.source import Source

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MOST_AUTHORS = 10
_Text = str | list[str] | None


class _Data(msgspec.Struct):
    """An output in several forms; pictures are not among the fields, so they are skipped over."""

    plain: _Text = msgspec.field(default=None, name="text/plain")
    markdown: _Text = msgspec.field(default=None, name="text/markdown")
    html: _Text = msgspec.field(default=None, name="text/html")


class _Output(msgspec.Struct):
    text: _Text = None  # of a stream, or of any output before version 4
    data: _Data | None = None
    ename: str | None = None
    evalue: str | None = None


class _Cell(msgspec.Struct):
    cell_type: str = "raw"
    source: _Text = None
    input: _Text = None  # what version 3 calls the source of code
    outputs: list[_Output] | None = None


class _Sheet(msgspec.Struct):
    cells: list[_Cell] = []


class _Metadata(msgspec.Struct):
    """Whatever a person or program put there, so of any type."""

    title: Any = None
    authors: Any = None
    date: Any = None


class _Notebook(msgspec.Struct):
    nbformat: int
    cells: list[_Cell] = []
    worksheets: list[_Sheet] = []
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


def extract_notebook(source: Source) -> Document:
    """The cells of a notebook; the heading of each is "Cell 3", with the last title above it.

    Raises FileError when it is damaged ("failed") or too long ("skipped").
    """
    try:
        notebook = msgspec.json.decode(source.read(), type=_Notebook)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FileError(
            source.path, "is damaged or no notebook; open it in Jupyter and save it again"
        ) from error
    out = TextBuilder(source.path, source.limits)
    title = ""
    first_title = ""
    cells = notebook.cells or [cell for sheet in notebook.worksheets for cell in sheet.cells]
    for number, cell in enumerate(cells, 1):
        out.line_break(2)
        text = _plain(cell.source if cell.source is not None else cell.input)
        titles = markdown_headings(text) if cell.cell_type == "markdown" else ()
        # The first title in the cell belongs to all of it where it begins it.
        if not titles or text[: titles[0].start].strip():
            out.heading_mark(_label(number, title))
        for heading in titles:
            title = clean_title(heading.title) or ""
            first_title = first_title or title
            out.headings.append(Heading(out.chars + heading.start, _label(number, title)))
        out.add(text)
        for output in cell.outputs or ():
            words = _said(output)
            if words:
                out.line_break()
                out.add(words)
    return out.document("ipynb", about=_about(notebook.metadata, first_title))


def _about(metadata: _Metadata, first_title: str) -> About:
    authors = metadata.authors if isinstance(metadata.authors, list) else []
    names = [one.get("name") if isinstance(one, dict) else one for one in authors[:_MOST_AUTHORS]]
    return About(
        metadata.title if isinstance(metadata.title, str) else first_title,
        ", ".join(name for name in names if isinstance(name, str)),
        dates.from_words(metadata.date if isinstance(metadata.date, str) else None),
    )


def _label(number: int, title: str) -> str:
    return f"Cell {number}: {title}" if title else f"Cell {number}"


def _said(output: _Output) -> str:
    """The words of an output, in its plainest form."""
    data = output.data or _Data()
    if output.ename:
        return f"{output.ename}: {_COLOURS.sub('', clean(output.evalue or ''))}".strip()
    text = _plain(output.text if output.text is not None else data.plain)
    # A table is readable as plain text, and a figure's name says nothing.
    if text.startswith("<") and text.rstrip().endswith(">"):
        text = ""
    return text.rstrip() or _plain(data.markdown).rstrip() or html_text(_plain(data.html))


def _plain(text: _Text) -> str:
    joined = "".join(text) if isinstance(text, list) else text or ""
    return _COLOURS.sub("", clean(joined)) if joined else ""
