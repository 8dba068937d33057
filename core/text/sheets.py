"""Excel workbooks through calamine: every sheet a member, every row a line."""

from __future__ import annotations

import datetime
import re

from python_calamine import (
    CalamineError,
    CalamineWorkbook,
    PasswordError,
    WorksheetNotFound,
    XmlError,
    ZipError,
)

from core.errors import FileError
from core.messages import UNTITLED, About
from core.text.archive import DAMAGED, PASSWORD, Archive, office_about, open_archive
from core.text.document import Document, TextBuilder
from core.text.source import Source

_ZIP_MAGIC = b"PK"
# calamine lays a sheet out whole, 32 bytes a cell, from its first cell to its last.
_MOST_CELLS = 20_000_000
_CELL = re.compile(  # that has something in it
    rb"<(?:\w+:)?c\s[^<>]{0,200}?\br\s*=\s*[\"']([A-Za-z]{1,3})([0-9]{1,7})[^<>]{0,200}(?<!/)>"
)
_LONGEST_TAG = 400

Cell = int | float | str | bool | datetime.date | datetime.time | datetime.timedelta


def extract_sheets(source: Source) -> Document:
    """The cells of a workbook as their values, a tab between columns, empty rows left out.

    Raises FileError ("encrypted", "failed", "skipped").
    """
    about = _look_before(source)
    out = TextBuilder(source.path, source.limits)
    with source.open() as file:
        try:
            book = CalamineWorkbook.from_filelike(file)
            for name in book.sheet_names:
                rows = book.get_sheet_by_name(name).iter_rows()
                out.member(name)
                for row in rows:
                    line = "\t".join(_cell(value) for value in row).rstrip()
                    if line:
                        out.add(line.lstrip("\t") + "\n")
        except PasswordError as error:
            raise FileError(source.path, PASSWORD, "encrypted") from error
        except (
            CalamineError,
            WorksheetNotFound,
            XmlError,
            ZipError,
            OSError,
            ValueError,
            OverflowError,
        ) as error:
            raise FileError(source.path, DAMAGED) from error
    return out.document("xlsx", about=about, slow=True)


def _look_before(source: Source) -> About:
    """What calamine would do without asking: unpack whole members, lay out whole sheets."""
    if source.head(2) != _ZIP_MAGIC:
        source.read()
        return UNTITLED
    with open_archive(source) as archive:
        for name in sorted(archive.names):
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                _require_dense(source, archive, name)
            elif name.startswith("xl/"):
                for _ in archive.pieces(name):
                    pass
        return office_about(archive)


def _require_dense(source: Source, archive: Archive, name: str) -> None:
    """Raise FileError when the cells of a sheet are so far apart that it would not fit."""
    columns: set[bytes] = set()
    first, last = 1 << 30, 0
    tail = b""
    for piece in archive.pieces(name):
        data = tail + piece
        found = _CELL.findall(data)
        tail = data[-_LONGEST_TAG:] if b"<" in data[-_LONGEST_TAG:] else b""
        if found:
            columns.update({column for column, _ in found})
            rows = {int(row) for _, row in found}
            first, last = min(first, *rows), max(last, *rows)
    numbers = [_column(letters) for letters in columns]
    if numbers and (max(numbers) - min(numbers) + 1) * (last - first + 1) > _MOST_CELLS:
        raise FileError(
            source.path,
            "has a sheet whose cells are too far apart; delete the empty rows and columns "
            "between them to have it searched",
            "skipped",
        )


def _column(letters: bytes) -> int:
    """The number of a column: A is 1, AA is 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _cell(value: Cell) -> str:
    """A value as a person would write it: whole numbers without a point, ISO dates."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.10g}"
    if isinstance(value, datetime.datetime):
        return value.replace(microsecond=0).isoformat(" ").removesuffix(" 00:00:00")
    return " ".join(str(value).split())
