"""PDF files, built here object by object."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from core.errors import FileError
from core.text.document import Limits
from core.text.formats import read_passages
from core.text.pdf import extract_pdf, read_pdf_pages
from core.text.source import Source

SAMPLE = Path(__file__).parents[2] / "resources" / "sample-folder" / "workshop-lease.pdf"


def make_pdf(path: Path, pages: list[bytes], info: bytes = b"<<>>") -> str:
    """A PDF whose pages have these content streams; /I draws a tiny picture, /F is a font."""
    picture = zlib.compress(b"\x00\x80\xff" * 4)
    kids = b" ".join(b"%d 0 R" % (5 + 2 * index) for index in range(len(pages)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(pages), kids),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        b"<</Type/XObject/Subtype/Image/Width 2/Height 2/ColorSpace/DeviceRGB/BitsPerComponent 8"
        b"/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(picture), picture),
    ]
    for index, content in enumerate(pages):
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 400]/Contents %d 0 R"
            b"/Resources<</Font<</F 3 0 R>>/XObject<</I 4 0 R>>>>>>" % (6 + 2 * index)
        )
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
    objects.append(info)
    data, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = b"trailer<</Size %d/Root 1 0 R/Info %d 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1,
        len(objects),
        len(data),
    )
    path.write_bytes(data + head + table + trailer)
    return str(path)


def words(text: bytes) -> bytes:
    return b"BT /F 12 Tf 20 300 Td (" + text + b") Tj ET"


PICTURE = b"q 100 0 0 100 20 20 cm /I Do Q"


def test_pages_are_told_apart(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", [words(b"First page."), b"", words(b"Third, caf\xe9.")])
    document = extract_pdf(Source(path))
    assert document.text == "First page.\n\nThird, café.\n"
    assert document.page_chars == (12, 1, 13)
    assert document.slow


def test_passages_come_from_their_pages_alone(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", [words(b"Page number %d." % n) for n in range(30)])
    document = extract_pdf(Source(path))
    at = document.text.index("number 17")
    spans = ((at, at + 9), (0, 40), (document.text.index("Page number 29"), len(document.text)))
    passages = read_passages(path, spans, document.page_chars)
    assert [one.text for one in passages] == [document.text[a:b] for a, b in spans]
    assert [one.locator.page for one in passages] == [18, 1, 30]
    whole = read_passages(path, spans)
    assert [(one.text, one.locator.page) for one in whole] == [
        (one.text, one.locator.page) for one in passages
    ]


def test_passages_of_a_changed_file_are_refused(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", [words(b"Longer than before.")])
    for page_chars, span in (((5,), (0, 4)), ((5, 5), (6, 8)), ((20,), (0, 99))):
        with pytest.raises(FileError) as caught:
            read_passages(path, [span], page_chars)
        assert caught.value.problem == "changed"


def test_pictures_without_text_need_ocr(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        extract_pdf(Source(make_pdf(tmp_path / "a.pdf", [PICTURE, PICTURE])))
    assert caught.value.problem == "needs_ocr"
    mixed = make_pdf(tmp_path / "b.pdf", [PICTURE, words(b"A page of text."), b"", PICTURE])
    document = extract_pdf(Source(mixed))
    assert document.text == "\nA page of text.\n\n\n"
    assert document.pages_without_text == (1, 4)


def needs_ocr(path: str) -> bool:
    try:
        extract_pdf(Source(path))
    except FileError as error:
        assert error.problem == "needs_ocr"
        return True
    return False


def test_a_hidden_letter_is_no_text(tmp_path: Path) -> None:
    for number, hidden in enumerate((words(b"."), words(b"x"), words(b"p 1"), words(b"_ | - "))):
        path = make_pdf(tmp_path / f"{number}.pdf", [PICTURE + b" " + hidden] * 2)
        assert needs_ocr(path)
    # Without a picture there is nothing to be recognized: a few letters are all there is.
    assert not needs_ocr(make_pdf(tmp_path / "b.pdf", [words(b"Yes")]))
    assert not needs_ocr(
        make_pdf(tmp_path / "c.pdf", [PICTURE + words(b" Four words say something")])
    )


def test_a_stamp_on_each_scanned_page_is_no_text(tmp_path: Path) -> None:
    stamped = [PICTURE + words(b" Scanned by X, page %d of 3" % number) for number in (1, 2, 3)]
    assert needs_ocr(make_pdf(tmp_path / "a.pdf", stamped))
    assert not needs_ocr(make_pdf(tmp_path / "b.pdf", [*stamped, words(b"A page of text.")]))
    # The same words on pages without pictures are what the pages say.
    plain = [words(b"Page %d of 3" % number) for number in (1, 2, 3)]
    assert not needs_ocr(make_pdf(tmp_path / "c.pdf", plain))
    captions = [PICTURE + words(b" " + text) for text in (b"The cellar", b"The boiler")]
    assert not needs_ocr(make_pdf(tmp_path / "d.pdf", captions))


def test_drawn_letters_need_ocr(tmp_path: Path) -> None:
    drawn = b" ".join(b"%d 10 m %d 20 l S" % (at, at + 3) for at in range(10, 190, 3))
    assert needs_ocr(make_pdf(tmp_path / "a.pdf", [drawn]))
    assert not needs_ocr(make_pdf(tmp_path / "b.pdf", [b"10 10 m 90 10 l S"]))
    document = extract_pdf(Source(make_pdf(tmp_path / "c.pdf", [drawn, words(b"A page of text.")])))
    assert document.pages_without_text == (1,)


def test_a_blank_pdf_is_empty(tmp_path: Path) -> None:
    assert extract_pdf(Source(make_pdf(tmp_path / "a.pdf", [b"", b""]))).text == "\n\n"


def test_glyph_numbers_are_no_text(tmp_path: Path) -> None:
    garbage = words(b"\\001\\002\\003\\004\\005\\006\\010\\016\\017\\020")
    with pytest.raises(FileError) as caught:
        extract_pdf(Source(make_pdf(tmp_path / "a.pdf", [garbage])))
    assert caught.value.problem == "needs_ocr"


def test_too_many_pages_are_left_out(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", [words(b"x")] * 4)
    for limits in (Limits(max_pages=3), Limits(max_text_chars=5)):
        with pytest.raises(FileError) as caught:
            extract_pdf(Source(path, limits))
        assert caught.value.problem == "skipped"


@pytest.mark.parametrize("keep", [0, 1, 100, 1_500])
def test_a_truncated_file_fails_with_a_reason(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cut.pdf"
    path.write_bytes(SAMPLE.read_bytes()[:keep])
    with pytest.raises(FileError) as caught:
        extract_pdf(Source(str(path)))
    assert caught.value.problem == "failed"
    assert "complete copy" in caught.value.reason


def test_bookmarks_are_headings() -> None:
    document = extract_pdf(Source(str(SAMPLE)))
    assert document.about.title == "Lease of the workshop at 2 Anvil Yard"
    assert [one.title for one in document.headings] == [
        "Workshop lease",
        "Duties of the parties",
        "Ending the lease",
    ]
    assert read_pdf_pages(Source(str(SAMPLE)), [1], document.page_chars)[1].startswith(
        "Duties of the parties\n"
    )
