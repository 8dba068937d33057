"""All formats together: the sample folder, kinds, locators, reasons."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import FileError
from core.text.document import Limits, TextBuilder
from core.text.formats import extract, kind_of, read_passages
from core.text.plain import markdown_headings

SAMPLE = Path(__file__).parents[2] / "resources" / "sample-folder"

FACTS = {
    "house-notes.md": ("markdown", "13 March 2031", "Heating", 8),
    "letter-from-the-council.txt": ("text", "2.10 metres", None, 18),
    "postkarte-von-oma.txt": ("text", "Messingkappen", None, 5),
    "workshop-expenses-2025.csv": ("csv", "Lune Paints", None, 10),
    "seed-list.tsv": ("csv", "Black Krim", None, 2),
    "spoke_length.py": ("code", "NIPPLE_ALLOWANCE_MM", None, 11),
    "calendar-autumn.ics": ("ics", "St Brannoc's Hall", None, 9),
    "family-recipes.html": ("html", "forty minutes", "Quarkklöße (Oma Käthe)", None),
    "insurance-renewal.eml": ("eml", "PL-88213", None, None),
    "club-minutes.rtf": ("rtf", "74 kilometres", None, None),
    "harrier-restoration.docx": ("docx", "H58-20931", "Frame", None),
    "garden-diary.odt": ("odt", "Pink Fir Apple", "Summer", None),
    "tool-inventory.xlsx": ("xlsx", "Headset press", None, None),
    "workshop-lease.pdf": ("pdf", "anvil of 1887", "Ending the lease", None),
}


def test_the_sample_folder_is_small_and_known() -> None:
    assert {path.name for path in SAMPLE.iterdir()} == set(FACTS)
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < 200_000


@pytest.mark.parametrize("name", FACTS)
def test_each_sample_holds_its_fact(name: str) -> None:
    kind, fact, heading, line = FACTS[name]
    path = str(SAMPLE / name)
    document = extract(path)
    assert document.kind == kind
    assert document == extract(path)
    assert not document.page_chars or sum(document.page_chars) == len(document.text)
    start = document.text.index(fact)
    [passage] = read_passages(path, [(start, start + len(fact))], document.page_chars)
    assert passage.text == fact
    assert passage.locator.line == line
    if kind == "pdf":
        assert passage.locator.page == 3
        [passage] = read_passages(path, [(start, start + len(fact))], document=document)
        assert (passage.text, passage.locator.page) == (fact, 3)
    assert passage.locator.heading == heading


def test_parts_are_named() -> None:
    path = str(SAMPLE / "tool-inventory.xlsx")
    text = extract(path).text
    spans = [(text.index("Grease"), len(text)), (text.index("2019-05-04"), text.index("\t145"))]
    found = read_passages(path, spans)
    assert [one.locator.member for one in found] == ["Consumables", "Inventory"]
    assert found[1].text == "2019-05-04"
    mail = str(SAMPLE / "insurance-renewal.eml")
    text = extract(mail).text
    [one] = read_passages(mail, [(text.index("our surveyor"), len(text))])
    assert one.locator.member == "checklist.txt"
    assert extract(mail).about.title == "Your policy PL-88213 is due – Spoke & Anvil"


@pytest.mark.parametrize(
    ("name", "contents", "kind"),
    [
        ("a.PDF", b"", "pdf"),
        ("a.weird", b"plain words", "text"),
        ("LICENSE", b"plain words", "text"),
        ("a.weird", b"%PDF-1.7", "pdf"),
        ("a.weird", b" <!DOCTYPE html><p>", "html"),
        ("a.weird", b"{\\rtf1 x}", "rtf"),
        ("a.weird", b"\x00\x01\x02" * 99, None),
        ("a.jpg", b"words", None),
        ("empty", b"", "text"),
    ],
)
def test_kinds(tmp_path: Path, name: str, contents: bytes, kind: str | None) -> None:
    path = tmp_path / name
    path.write_bytes(contents)
    assert kind_of(str(path)) == kind


@pytest.mark.parametrize("name", ["a.txt", "a.pdf", "a.docx", "a.xlsx", "a.eml", "a.html", "a"])
def test_an_empty_file_is_an_empty_document(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    assert extract(str(path)).text == ""


@pytest.mark.parametrize(
    ("name", "words"), [("a.jpg", "picture"), ("a.doc", ".docx"), ("a.zip", "unpack"), ("a.so", "")]
)
def test_formats_left_out_say_why(tmp_path: Path, name: str, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x00\x01")
    with pytest.raises(FileError) as caught:
        extract(str(path))
    assert caught.value.problem == "skipped"
    assert words in caught.value.reason


def test_missing_unreadable_and_irregular_files(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        extract(str(tmp_path / "gone.txt"))
    assert caught.value.problem == "missing"
    with pytest.raises(FileError) as caught:
        extract(str(tmp_path / "nul\0.txt"))
    assert caught.value.problem == "failed"
    with pytest.raises(FileError) as caught:
        extract(str(tmp_path))
    assert caught.value.problem == "skipped"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.txt")
        with pytest.raises(FileError) as caught:
            extract(str(tmp_path / "pipe.txt"))
        assert caught.value.problem == "skipped"


def test_a_text_over_the_limit_is_left_out_whole(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("é" * 2_000_001)
    with pytest.raises(FileError) as caught:
        extract(str(path), Limits(max_text_chars=2_000_000))
    assert caught.value.problem == "skipped"
    assert "2 million" in caught.value.reason


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    try:
        path.write_text("words")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert extract(str(path)).text == "words"


def test_markdown_headings_skip_code() -> None:
    text = "Title\n=====\n\n```\n# no\n```\n## Two ##\ntext\n---\n- a\n---\n#hash\n"
    assert [one.title for one in markdown_headings(text)] == ["Title", "Two", "text"]
    assert [text[one.start :].split("\n", 1)[0] for one in markdown_headings(text)] == [
        "Title",
        "## Two ##",
        "text",
    ]


@settings(deadline=None, max_examples=150)
@given(data=st.binary(max_size=400), suffix=st.sampled_from([".rtf", ".eml", ".mbox", ".html"]))
def test_no_bytes_make_a_parser_raise_anything_else(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzz{suffix}"
    heads = {
        ".rtf": b"{\\rtf1 ",
        ".mbox": b"From x\n",
        ".eml": b"Subject: =?utf-8?b?",
        ".html": b"",
    }
    path.write_bytes(heads[suffix] + data)
    document = extract(str(path))
    assert document == extract(str(path))
    document.text.encode("utf-8")


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_damaged_samples_fail_as_file_errors(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(FACTS)))
    source = bytearray((SAMPLE / name).read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(source) - 1), max_size=6)):
        source[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(source[: data.draw(st.integers(1, len(source)))])
    try:
        extract(str(path)).text.encode("utf-8")
    except FileError as error:
        assert error.reason


def test_the_builder_puts_headings_on_their_own() -> None:
    out = TextBuilder("x", Limits())
    out.heading(" A \n b ")
    out.add("text")
    out.heading("")
    out.heading("C\ud800")
    assert out.text() == "A b\n\ntext\n\nC\ufffd\n\n"
    assert [one.start for one in out.headings] == [0, 11]
