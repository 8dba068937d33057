"""Excel workbooks through calamine: every sheet a member, every row a line."""

from __future__ import annotations

import datetime
import os

from python_calamine import (
    CalamineError,
    CalamineWorkbook,
    PasswordError,
    WorksheetNotFound,
    XmlError,
    ZipError,
)

from core.errors import FileError
from core.text.archive import DAMAGED, PASSWORD, open_archive
from core.text.document import Document, Limits, TextBuilder
from core.text.source import open_regular

_ZIP_MAGIC = b"PK"

Cell = int | float | str | bool | datetime.date | datetime.time | datetime.timedelta


def extract_sheets(path: str, kind: str, limits: Limits) -> Document:
    """The cells of a workbook as their values, a tab between columns, empty rows left out.

    Raises FileError ("encrypted", "failed", "skipped").
    """
    _check_size(path, limits)
    out = TextBuilder(path, limits)
    with open_regular(path) as file:
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
            raise FileError(path, PASSWORD, "encrypted") from error
        except (CalamineError, WorksheetNotFound, XmlError, ZipError, OSError) as error:
            raise FileError(path, DAMAGED) from error
    return out.document(kind, slow=True)


def _check_size(path: str, limits: Limits) -> None:
    """calamine unpacks whole members, so what they claim to hold is added up before."""
    with open_regular(path) as file:
        if file.read(2) != _ZIP_MAGIC:
            file.seek(0, os.SEEK_END)
            if file.tell() > limits.max_expanded_bytes:
                raise FileError(path, "is too large a workbook; split it", "skipped")
            return
    with open_archive(path, limits) as archive:
        archive.require_expanded(("xl/",))


def _cell(value: Cell) -> str:
    """A value as a person would write it: whole numbers without a point, ISO dates."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.10g}"
    if isinstance(value, datetime.datetime):
        return value.replace(microsecond=0).isoformat(" ").removesuffix(" 00:00:00")
    return " ".join(str(value).split())
