"""One text in many files: shown once with its copies, through the real command and model."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
from helpers import Indexed, satchel, satchel_json
from prose import Prose, invoices, mails, write_docx, write_pdf

PARAGRAPHS = Prose(3).paragraphs(7)
LEFT_OUT = 3  # the paragraph that the older report lacks
REPORTS = {"report.md", "report-old.md", "report.txt", "report.docx", "report.pdf"}
MAIL = """\
From: Ana Lindt <ana@example.org>
To: Tom Berg <tom@example.org>
Date: Thu, 14 Mar 2024 10:26:00 +0100
Subject: The quince harvest

The quinces by the eastern wall are ripe, and the cider press is free on Saturday.
"""


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Indexed:  # noqa: ARG001
    """A home over one report in five files, a mail that quotes another, and bills of a template."""
    root = tmp_path_factory.mktemp("copies")
    files = root / "files"
    files.mkdir()
    older = PARAGRAPHS[:LEFT_OUT] + PARAGRAPHS[LEFT_OUT + 1 :]
    (files / "report.md").write_text("\n\n".join(PARAGRAPHS) + "\n", "utf-8")
    (files / "report-old.md").write_text("\n\n".join(older) + "\n", "utf-8")
    wrapped = [textwrap.wrap(paragraph, 72) for paragraph in PARAGRAPHS]
    (files / "report.txt").write_text("\n\n".join("\n".join(lines) for lines in wrapped), "utf-8")
    write_docx(files / "report.docx", PARAGRAPHS)
    write_pdf(files / "report.pdf", [line for lines in wrapped for line in (*lines, "")])
    (files / "report-backup.md").write_bytes((files / "report.md").read_bytes())
    for made in invoices(Prose(5), 6):
        (files / made.name).write_text(made.text, "utf-8")
    for made in mails(Prose(6), 1):
        (files / made.name).with_suffix(".eml").write_text(made.text, "utf-8")
    (files / "quinces.eml").write_text(MAIL, "utf-8")
    satchel_json(root / "home", "folders", "add", str(files))
    assert satchel_json(root / "home", "index")["failures"] == []
    return Indexed(root / "home", files)


def phrase(home: Path, words: str, *options: str) -> list[dict[str, Any]]:
    """The hits that hold some words in a row."""
    found: list[dict[str, Any]] = satchel_json(home, "search", f'"{words}"', *options)["results"]
    return found


def files_of(hit: dict[str, Any]) -> dict[str, str]:
    """The names of the files that a hit stands for, and how each is a copy."""
    copies = {Path(copy["path"]).name: copy["kind"] for copy in hit["copies"]}
    return {Path(hit["path"]).name: "shown", **copies}


@pytest.fixture(scope="module")
def found_by_paragraph(indexed: Indexed) -> list[list[dict[str, Any]]]:
    """The hits for the first words of each paragraph, all in one run."""
    lines = "".join(f'"{" ".join(paragraph.split()[:8])}"\n' for paragraph in PARAGRAPHS)
    done = satchel(indexed.home, "batch", "-", stdin=lines)
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["results"] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("number", range(len(PARAGRAPHS)))
def test_a_text_in_many_formats_is_shown_once(
    found_by_paragraph: list[list[dict[str, Any]]], number: int
) -> None:
    hits = found_by_paragraph[number]
    if number == LEFT_OUT + 1 and len(hits) == 2:
        # What is shown of the second begins with the paragraph that the older one lacks.
        assert files_of(hits[0]).keys().isdisjoint(files_of(hits[1]))
        assert PARAGRAPHS[LEFT_OUT][-20:] in " ".join(hits[1]["snippet"].split())
        return
    assert len(hits) == 1
    found = files_of(hits[0])
    # In one of the formats a chunk may end inside the phrase, which it then does not hold.
    assert found.keys() <= REPORTS | {"report-backup.md"}
    assert len(found) >= 4
    assert ("report-old.md" in found) <= (number != LEFT_OUT)
    same = {name for name, kind in found.items() if kind in ("shown", "identical")}
    others = found.keys() - same
    assert all(found[name] == "near" for name in others)
    if hits[0]["path"].endswith(("report.md", "report-backup.md")):
        assert same == {"report.md", "report-backup.md"}


def test_without_folding_each_is_a_hit(indexed: Indexed) -> None:
    words = " ".join(PARAGRAPHS[1].split()[:6])
    settings = indexed.home / "config" / "settings.toml"
    before = settings.read_text("utf-8") if settings.exists() else ""
    try:
        settings.write_text("[search]\nfold_copies = false\n", "utf-8")
        hits = phrase(indexed.home, words)
    finally:
        settings.write_text(before, "utf-8")
    names = {Path(hit["path"]).name for hit in hits}
    assert len(hits) == len(names) == len(REPORTS)
    assert not any(copy["kind"] != "identical" for hit in hits for copy in hit["copies"])


def test_an_answer_that_quotes_a_mail_takes_it_in(indexed: Indexed) -> None:
    said = mails(Prose(6), 1)[0].text.partition("\n\n")[2].splitlines()[2]
    found = satchel_json(indexed.home, "search", f"I agree {said}", "--mode", "lexical")["results"]
    assert Path(found[0]["path"]).name == "mail1-2.eml"
    assert files_of(found[0]) == {"mail1-2.eml": "shown", "mail1-1.eml": "near"}
    # The answer itself says more than the mail, so it is not hidden behind it.
    found = phrase(indexed.home, "I agree")
    assert [files_of(hit) for hit in found] == [{"mail1-2.eml": "shown"}]


def test_bills_from_one_template_stay_apart(indexed: Indexed) -> None:
    hits = phrase(indexed.home, "Please pay the total within thirty days")
    assert len(hits) == 6
    assert not any(hit["copies"] for hit in hits)


def test_what_a_document_says_of_itself_is_told(indexed: Indexed) -> None:
    [hit] = phrase(indexed.home, "cider press is free")
    assert hit["title"] == "The quince harvest"
    assert "Ana Lindt" in hit["author"]
    assert "2024-03-14T09:26:00+00:00" in (hit["created"], hit["modified"])
    assert hit["copies"] == []
    done = satchel(indexed.home, "search", "quince cider press")
    assert "The quince harvest, Ana Lindt" in done.stdout
    assert "2024-03-14" in done.stdout
    [plain, *_] = phrase(indexed.home, "Please pay the total within thirty days")
    assert (plain["title"], plain["author"], plain["created"]) == (None, None, None)
