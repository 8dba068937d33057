"""What documents say of themselves: title, author, dates."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_text_pdf import make_pdf, words
from text_samples import (
    CREATED_S,
    EPUB,
    HTML,
    MARKDOWN,
    META,
    MODIFIED_S,
    ODP,
    ODS,
    ODT,
    RTF,
    docx,
    mail,
    mhtml,
    pptx,
    xlsx,
    zipped,
)

from core.messages import UNTITLED, About
from core.text import dates
from core.text.formats import extract, extract_source
from core.text.source import Source

OFFICE = About("The boiler", "Ines Marlow", CREATED_S, MODIFIED_S)
SAID = {
    "a.docx": (docx(), OFFICE),
    "a.pptx": (pptx(), OFFICE),
    "a.xlsx": (xlsx(), OFFICE),
    "a.odt": (ODT, OFFICE),
    "a.ods": (ODS, OFFICE),
    "a.odp": (ODP, OFFICE),
    "a.epub": (EPUB, About("The boiler", "Ines Marlow, Tom Quill", CREATED_S, MODIFIED_S)),
    "a.html": (HTML.encode(), About("The boiler & I", "Ines Marlow", CREATED_S, MODIFIED_S)),
    "a.rtf": (RTF, About("The boiler", "Ines Marlöw", CREATED_S, MODIFIED_S)),
    "a.md": (
        MARKDOWN.encode(),
        About("The boiler", "Ines Marlow, Tom Quill", CREATED_S, MODIFIED_S),
    ),
    "a.eml": (mail(), About("The boiler", "Ines Marlow <ines@larkfield.example>", CREATED_S)),
    "a.mhtml": (mhtml(), About("The boiler", None, CREATED_S)),
    "a.txt": (b"The boiler hums.", UNTITLED),
}


def about(name: str, data: bytes) -> About:
    return extract_source(Source(name).inner(name, data)).about


@pytest.mark.parametrize("name", SAID)
def test_what_a_document_says_of_itself(name: str) -> None:
    data, expected = SAID[name]
    assert about(name, data) == expected


def test_what_a_pdf_says_of_itself(tmp_path: Path) -> None:
    info = (
        rb"<</Title(The boiler)/Author<FEFF0049006E006500730020004D006100720066FC0077>"
        rb"/CreationDate(D:20240131130000+01'00')/ModDate(D:20240229083000Z)>>"
    )
    path = make_pdf(tmp_path / "a.pdf", [words(b"It hums.")], info=info)
    found = extract(path).about
    assert (found.title, found.created_s, found.modified_s) == ("The boiler", CREATED_S, MODIFIED_S)
    assert found.author is not None and found.author.startswith("Ines Mar")
    broken = rb"<</Title()/CreationDate(yesterday)/ModDate(D:99999999)>>"
    assert extract(make_pdf(tmp_path / "b.pdf", [words(b"x y z")], info=broken)).about == UNTITLED


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<h1>Heading</h1>", About("Heading")),
        ('<title></title><meta property="og:title" content="Shared">', About("Shared")),
        ("<meta name=author content=Ines>", About(None, "Ines")),
        ("<meta content='Ines &amp; Tom' name='Author'>", About(None, "Ines & Tom")),
        ('<meta name="date" content="January 31, 2024">', About(None, None, 1_706_659_200)),
        (
            '<meta name="dcterms.created" content="31 Jan 2024 12:00:00">',
            About(None, None, CREATED_S),
        ),
        ('<meta name="date" content="soon">', UNTITLED),
        ("<svg><title>Icon</title></svg><title>Page</title>", About("Page")),
        ("<title>Never closed<p>words", UNTITLED),
        ("<meta content=x>" * 300, UNTITLED),
    ],
)
def test_heads_of_pages(page: str, expected: About) -> None:
    assert about("a.html", page.encode()) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\ntitle: Plain\n---\n", About("Plain")),
        (
            "---\ntitle: 'Quoted: yes'\nauthor: [Ines, \"Tom\"]\n...\n",
            About("Quoted: yes", "Ines, Tom"),
        ),
        ("---\nauthors:\n- name: Ines\n- Tom\n---\n", About(None, "Ines, Tom")),
        ("---\ndate: 2024-01-31\n---\n# Top\n", About("Top", None, 1_706_659_200)),
        ("---\ntitle: never closed\n", UNTITLED),
        ("words\n---\ntitle: not in front\n---\n", About("words")),
        ("---\n\n---\n", UNTITLED),
        ("---\ntitle:\ndate: soon\n---\n", UNTITLED),
    ],
)
def test_front_matter(text: str, expected: About) -> None:
    assert about("a.md", text.encode()) == expected


def test_damage_to_properties_is_no_damage_to_the_text() -> None:
    for broken in ("<cp:coreProperties><dc:title>", "", "words", META.replace("2024", "xxxx")):
        members = {
            "word/document.xml": "<w><p><t>It hums.</t></p></w>",
            "content.xml": "<x><body><p>It hums.</p></body></x>",
            "docProps/core.xml": broken,
            "meta.xml": broken,
        }
        for name in ("a.docx", "a.odt"):
            document = extract_source(Source(name).inner(name, zipped(members)))
            assert document.text == "It hums.\n\n"
            assert document.about.created_s is None


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2024-01-31T12:00:00Z", CREATED_S),
        ("2024-01-31T13:00:00+01:00", CREATED_S),
        ("2024-01-31T07:00:00.5-0500", CREATED_S),
        ("20240131T120000Z", CREATED_S),
        ("2024-01-31 12:00", CREATED_S),
        ("2024-01-31", 1_706_659_200),
        ("2024-01", 1_704_067_200),
        ("2024", 1_704_067_200),
        ("1900-01-01", -2_208_988_800),
        ("2016-12-31T23:59:60Z", 1_483_228_799),
        ("Wed, 31 Jan 2024 12:00:00 +0000", CREATED_S),
        ("31 January 2024", 1_706_659_200),
        ("1899-12-31", None),
        ("2201-01-01", None),
        ("0000-00-00", None),
        ("2024-02-30", None),
        ("2024-01-31T25:00:00", None),
        ("12:30", None),
        ("", None),
        (None, None),
    ],
)
def test_dates_in_words(written: str | None, seconds: int | None) -> None:
    assert dates.from_words(written) == seconds


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("D:20240131120000Z", CREATED_S),
        ("D:20240131130000+01'00'", CREATED_S),
        ("D:20240131070000-05'00", CREATED_S),
        ("20240131120000", CREATED_S),
        ("D:202401311200", CREATED_S),
        ("D:2024", 1_704_067_200),
        ("D:19100101", -1_893_456_000),
        ("D:00000000", None),
        ("D:20241399", None),
        ("Wed Jan 31", None),
    ],
)
def test_dates_of_pdf(written: str, seconds: int | None) -> None:
    assert dates.from_pdf(written) == seconds


@given(st.one_of(st.text(max_size=90), st.from_regex(r"[D:0-9+Z' T.-]{0,40}", fullmatch=True)))
def test_no_date_is_an_error(written: str) -> None:
    for reader in (dates.from_iso, dates.from_pdf, dates.from_mail, dates.from_words):
        found = reader(written)
        assert found is None or -2_300_000_000 < found < 7_400_000_000
