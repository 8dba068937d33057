"""The third-party documents: each ends as its manifest says."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from core.errors import FileError
from core.text.formats import extract

REPOSITORY = Path(__file__).parents[2]
DATA = Path(os.environ.get("SATCHEL_DATA") or REPOSITORY.parent / "shared" / "data")
FOLDER = DATA / "documents"

# The manifest judges by names; these files are not what theirs say.
KNOWN = {
    # The old binary Word format is not read, and the reason says what to do.
    "testWORD.doc": "skipped",
    # Protected against changes only: every viewer opens it without a password.
    "testPDF_protected.pdf": "text",
    # Its one page has no content at all; only its properties have words.
    "testPDF_twoAuthors.pdf": "empty",
    # Damaged, but pdfium repairs it.
    "helloworld-bad.pdf": "text",
}

# Words from the middle of a file, for those whose text could be subtly wrong.
WORDS = {
    "testPDF.pdf": "Tika",
    "testWORD.docx": "Sample Word Document",
    "footnotes.docx": "snoska",
    "testPPT_various.pptx": "ゾルゲと尾崎",
    "testRTFVarious.rtf": "ゾルゲと尾崎",
    "testWORD_various.docx": "ゾルゲと尾崎",
    "testEPUB.epub": "This is the text for chapter",
    "resume.html": "Предлагаем Вам",
    "testICalendar.ics": "When: 2001-07-01 21:30 to 22:30 (UTC)\nWhere: Banque Nationale Stage",
    "testXML.xml": "Tika test document\nRida Benjelloun\n",
    "test_subrip.srt": "Dans le rôle de TOTO",
    "testMHTMLFirefox.mhtml": "a Java framework for getting data and metadata",
    "testRTF.rtf": "d’indexation",
    "testTXT_win-1252.txt": "“windows”",
    "english.cp500.txt": "IntelliStation POWER",
    "testFooter.odt": "Here is footer text",
    "rotation.pdf": "This is my first page",
    "testRFC822_multipart_attachments.eml": "TXTB File",
}


def manifest() -> list[tuple[str, str]]:
    if not (FOLDER / "MANIFEST.tsv").is_file():
        return []
    with (FOLDER / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        return [(row["file"], row["expect"]) for row in csv.DictReader(file, delimiter="\t")]


def outcome(path: Path) -> str:
    try:
        text = extract(str(path)).text
    except FileError as error:
        assert error.reason
        return error.problem
    return "text" if text.strip() else "empty"


ALLOWED = {
    "text": {"text"},
    "legacy-encoding": {"text"},
    "encrypted": {"encrypted"},
    "empty": {"empty"},
    "error-or-partial": {"failed", "text"},
    "error-or-empty": {"failed", "empty", "needs_ocr"},
}


@pytest.mark.skipif(not manifest(), reason="the documents of SATCHEL_DATA are not here")
@pytest.mark.parametrize(("name", "expect"), manifest() or [("none", "none")])
def test_each_document_ends_as_expected(name: str, expect: str) -> None:
    found = outcome(FOLDER / name)
    assert found in ({KNOWN[name]} if name in KNOWN else ALLOWED[expect])
    if name in WORDS:
        document = extract(str(FOLDER / name))
        assert WORDS[name] in document.text
        assert document == extract(str(FOLDER / name))
