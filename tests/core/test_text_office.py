"""Office files, OpenDocument and EPUB, built here from their parts; bombs and passwords."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from core.errors import FileError
from core.text.document import Heading, Limits
from core.text.formats import extract

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
)


def pack(path: Path, **members: str) -> str:
    """A zip archive; "__" in a name stands for "/" and "_dot_" for "."."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), text)
    return str(path)


def docx(path: Path, body: str, **more: str) -> str:
    body = f"<w:document {W}><w:body>{body}</w:body></w:document>"
    return pack(path, word__document_dot_xml=body, **more)


def para(text: str, style: str = "") -> str:
    mark = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{mark}<w:r><w:t>{text}</w:t></w:r></w:p>"


def test_word_keeps_order_headings_and_tables(tmp_path: Path) -> None:
    styles = (
        f'<w:styles {W}><w:style w:styleId="U1"><w:name w:val="heading 1"/></w:style></w:styles>'
    )
    cell = "<w:tc>{}</w:tc>"
    table = (
        f"<w:tbl><w:tr>{cell.format(para('a') + para('b'))}{cell.format(para('c'))}</w:tr></w:tbl>"
    )
    body = para("Before") + para("Wheels", "U1") + table + para("After &amp; out")
    notes = f"<w:footnotes {W}>{para('A note.')}</w:footnotes>"
    path = docx(
        tmp_path / "a.docx", body, word__styles_dot_xml=styles, word__footnotes_dot_xml=notes
    )
    document = extract(path)
    assert document.text == "Before\n\nWheels\n\na b\tc\n\nAfter & out\n\nA note.\n"
    assert document.headings == (Heading(8, "Wheels"),)
    assert document.about.title == "Wheels"


def test_word_takes_a_text_box_once_and_leaves_deleted_text(tmp_path: Path) -> None:
    box = f"<w:AlternateContent><w:Choice>{para('box')}</w:Choice><w:Fallback>{para('box')}"
    body = (
        f"<w:p><w:r><w:t>around</w:t>{box}</w:Fallback></w:AlternateContent><w:t> it</w:t></w:r>"
        "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
    )
    assert extract(docx(tmp_path / "a.docx", body)).text == "box\n\naround it\n\n"


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("a.docx", b"not a zip file at all"),
        ("a.docx", b"PK\x03\x04 cut"),
        ("a.odt", b"hello"),
        ("a.epub", b"hello"),
        ("a.xlsx", b"hello"),
        ("a.pptx", b"hello"),
        ("a.rtf", b"hello"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600),
    ],
)
def test_damage_is_told(tmp_path: Path, name: str, contents: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(contents)
    with pytest.raises(FileError) as caught:
        extract(str(path))
    assert caught.value.problem == "failed"
    assert "save it" in caught.value.reason


def test_broken_xml_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        extract(docx(tmp_path / "a.docx", "<w:p><w:r></w:p>"))
    assert caught.value.problem == "failed"


def test_a_password_container_is_known(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le")
    )
    with pytest.raises(FileError) as caught:
        extract(str(path))
    assert caught.value.problem == "encrypted"
    assert "password" in caught.value.reason


def test_a_zip_bomb_is_left_out(tmp_path: Path) -> None:
    path = docx(tmp_path / "a.docx", " " * 3_000_000)
    assert Path(path).stat().st_size < 10_000
    with pytest.raises(FileError) as caught:
        extract(path, Limits(max_expanded_bytes=1_000_000))
    assert caught.value.problem == "skipped"
    sheet = pack(tmp_path / "a.xlsx", xl__workbook_dot_xml=" " * 3_000_000)
    with pytest.raises(FileError) as caught:
        extract(sheet, Limits(max_expanded_bytes=1_000_000))
    assert caught.value.problem == "skipped"


def test_an_entity_bomb_does_not_go_off(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = (
        f'<!DOCTYPE w [<!ENTITY e0 "boom">{levels}]><w:document {W}><w:body><w:p><w:t>&e11;</w:t>'
        "</w:p></w:body></w:document>"
    )
    assert extract(pack(tmp_path / "a.docx", word__document_dot_xml=bomb)).text == ""


def test_opendocument_text(tmp_path: Path) -> None:
    body = (
        '<text:h text:outline-level="1">Top</text:h>'
        '<text:p>One<text:s text:c="2"/><text:span>two</text:span> three<text:note><text:note-body>'
        "<text:p>a note</text:p></text:note-body></text:note> end</text:p>"
        "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
        "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>"
        "<table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>"
        "<text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>"
    )
    inner = f"<office:body><office:text>{body}</office:text></office:body>"
    content = f"<office:document {ODF}>{inner}</office:document>"
    document = extract(pack(tmp_path / "a.odt", content_dot_xml=content))
    assert document.text == "Top\n\na note\n\nOne  two three end\n\na\tb\n\n- item\n"
    assert document.headings == (Heading(0, "Top"),)


def test_epub_follows_the_spine(tmp_path: Path) -> None:
    container = '<container><rootfiles><rootfile full-path="b/c.opf"/></rootfiles></container>'
    package = (
        '<package xmlns:dc="x"><metadata><dc:title>A book</dc:title></metadata><manifest>'
        '<item id="1" href="one.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="2" href="two%20b.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="2"/><itemref idref="1"/></spine></package>'
    )
    members = {
        "META-INF__container_dot_xml": container,
        "b__c_dot_opf": package,
        "b__one_dot_xhtml": "<h1>One</h1><p>first</p>",
        "b__two b_dot_xhtml": "<h1>Two</h1><p>second</p>",
    }
    document = extract(pack(tmp_path / "a.epub", **members))
    assert document.about.title == "A book"
    assert document.text.split() == ["Two", "second", "One", "first"]
    members["META-INF__encryption_dot_xml"] = (
        '<encryption><CipherReference URI="b/one.xhtml"/></encryption>'
    )
    with pytest.raises(FileError) as caught:
        extract(pack(tmp_path / "b.epub", **members))
    assert caught.value.problem == "encrypted"
