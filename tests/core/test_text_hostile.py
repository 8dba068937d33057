"""Files made to harm: each ends quickly, in a FileError or in a text that is bounded."""

from __future__ import annotations

import gzip
import io
import os
import struct
import threading
import time
import zipfile
import zlib
from pathlib import Path

import pytest
from text_samples import all_samples, docx, mail, mbox, warc_record, xlsx, zipped

from core.errors import FileError
from core.text.document import Document, Limits
from core.text.formats import extract, extract_source
from core.text.source import Source

SMALL = Limits(max_text_chars=2_000_000, max_expanded_bytes=3_000_000)
SECONDS = 20.0  # of the processor; what is measured here takes a tenth of it


def read(name: str, data: bytes, limits: Limits = SMALL) -> Document:
    return extract_source(Source(name, limits).inner(name, data))


def refused(name: str, data: bytes, limits: Limits = SMALL) -> FileError:
    """The error that reading ends in, soon."""
    began = time.process_time()
    with pytest.raises(FileError) as caught:
        read(name, data, limits)
    assert time.process_time() - began < SECONDS
    return caught.value


def lying_zip(name: str, content: bytes, claimed: int) -> bytes:
    """A zip whose one member unpacks to more than it says; sum and size fit what it says."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush()
    crc = zlib.crc32(content[:claimed])
    fields = (20, 0, 8, 0, 0x21, crc, len(packed), claimed, len(name))
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", *fields, 0) + name.encode() + packed
    central = (
        struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, *fields, 0, 0, 0, 0, 0, 0) + name.encode()
    )
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def overlapping_zip(members: int, content: bytes) -> bytes:
    """A zip whose many entries all point at the same packed bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush()
    name = b"word/document.xml"
    fields = (20, 0, 8, 0, 0x21, zlib.crc32(content), len(packed), len(content), len(name))
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", *fields, 0) + name + packed
    central = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, *fields, 0, 0, 0, 0, 0, 0) + name
        for _ in range(members)
    )
    count = min(members, 65_535)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(central), len(local), 0)
    return local + central + end


BODY = b'<w:document xmlns:w="w"><w:body><w:p><w:t>%s</w:t></w:p></w:body></w:document>'


def test_a_flat_bomb_stops_at_the_limit() -> None:
    bomb = zipped({"word/document.xml": BODY % (b"x" * 30_000_000)})
    assert len(bomb) < 50_000
    assert refused("a.docx", bomb).problem == "skipped"


def test_a_member_larger_than_it_says_is_damage_or_too_much() -> None:
    content = BODY % (b"x" * 30_000_000)
    assert refused("a.docx", lying_zip("word/document.xml", content, 1_000)).problem == "skipped"
    content = BODY % (b"x" * 100_000)
    assert refused("a.docx", lying_zip("word/document.xml", content, 1_000)).problem == "failed"
    # calamine would unpack it without counting.
    workbook = lying_zip("xl/sharedStrings.xml", b"x" * 30_000_000, 1_000)
    assert refused("a.xlsx", workbook).problem == "skipped"


def test_entries_that_share_their_bytes() -> None:
    assert "x" in read("a.docx", overlapping_zip(500, BODY % b"x")).text
    assert refused("a.docx", overlapping_zip(30_000, BODY % b"x")).problem == "skipped"


def test_an_archive_inside_is_never_opened() -> None:
    """Neither layer upon layer nor one that holds itself."""
    inner = zipped({"0.zip": b"x" * 10_000_000})
    for _ in range(5):
        inner = zipped({f"{number}.zip": inner for number in range(10)})
    document = read("a.docx", zipped({"word/document.xml": BODY % b"words", "word/x.zip": inner}))
    assert document.text == "words\n\n"
    document = read("a.eml", mail(attachments={"bomb.zip": ("application/zip", inner)}))
    assert "bomb.zip (is an archive" in document.text


def test_bombs_in_one_mail_are_counted_together() -> None:
    bomb = docx(f"<w:p><w:t>{'x' * 700_000}</w:t></w:p>")
    attachments = {f"{number}.docx": ("application/msword", bomb) for number in range(30)}
    document = read("a.eml", mail(attachments=attachments), Limits(50_000_000, 10, 3_000_000))
    # Four of them fit, and the others are named with the reason.
    assert [one.title for one in document.members] == [f"{number}.docx" for number in range(4)]
    assert document.text.count("(unpacks to more than Satchel may read") == 26


def test_a_web_archive_bomb_stops_at_the_limit() -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + b"x" * 30_000_000
    record = warc_record("response", "http://a.example", page)
    assert refused("a.warc.gz", gzip.compress(record)).problem == "skipped"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n"
    record = warc_record("response", "http://a.example", head + gzip.compress(b"x" * 30_000_000))
    assert refused("a.warc", record).problem == "skipped"


def test_cells_far_apart_are_refused_before_they_are_laid_out() -> None:
    cell = '<row r="{1}"><c r="{0}{1}" t="inlineStr"><is><t>x</t></is></c></row>'
    far = xlsx(cell.format("A", 1) + cell.format("XFD", 1_048_576))
    error = refused("a.xlsx", far)
    assert (error.problem, "too far apart" in error.reason) == ("skipped", True)
    long = xlsx(cell.format("A", 1) + cell.format("B", 200_000))
    assert read("a.xlsx", long).text == "Parts\nx\nx\n"
    # Formatting alone does not count.
    styled = xlsx(cell.format("A", 1) + '<row r="1048576"><c r="XFD1048576" s="3"/></row>')
    assert read("a.xlsx", styled).text == "Parts\nx\n"


LAUGHS = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
XML_BOMBS = {
    "laughs": f'<!DOCTYPE a [<!ENTITY e0 "boom">{LAUGHS}]><a>fine &e11;</a>',
    "laughs in an attribute": f'<!DOCTYPE a [<!ENTITY e0 "boom">{LAUGHS}]><a b="&e11;">fine</a>',
    "quadratic": f'<!DOCTYPE a [<!ENTITY e "{"boom" * 25_000}">]><a>fine {"&e;" * 20_000}</a>',
    "quadratic in an attribute": f'<!DOCTYPE a [<!ENTITY e "{"boom" * 25_000}">]>'
    f'<a b="{"&e;" * 20_000}">fine</a>',
    "parameters": "<!DOCTYPE a [<!ENTITY % p \"<!ENTITY e 'boom'>\"> %p; %p;]><a>fine &e;</a>",
}


@pytest.mark.parametrize("name", XML_BOMBS)
def test_no_entity_is_expanded(name: str) -> None:
    bomb = XML_BOMBS[name]
    text = read("a.xml", bomb.encode()).text
    assert "fine" in text
    assert len(text) <= len(bomb)  # as it is written, at worst
    members = {
        "word/document.xml": bomb,
        "content.xml": bomb,
        "META-INF/container.xml": bomb,
        "ppt/presentation.xml": bomb,
    }
    for kind in ("docx", "odt", "epub", "pptx"):
        try:
            assert "boom" not in read(f"a.{kind}", zipped(members)).text
        except FileError as error:
            assert error.problem == "failed"


def test_nothing_outside_is_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the purple heron")
    address = secret.as_uri()
    entity = f'<!DOCTYPE a SYSTEM "{address}" [<!ENTITY e SYSTEM "{address}">'
    entity += f'<!ENTITY % p SYSTEM "{address}"> %p;]>'
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{address}"/>'
    page = f'<iframe src="{address}"></iframe><object data="{address}"></object><p>fine'
    outside = 'Content-Type: message/external-body; access-type=local-file; name="{}"\n\n'
    found = [
        read("a.xml", f"{entity}<a>fine &e; {include}</a>".encode()),
        read("a.docx", zipped({"word/document.xml": f"{entity}<w><p><t>fine &e;</t></p></w>"})),
        read("a.html", page.encode()),
        read("a.eml", b"Subject: fine\n" + outside.format(secret).encode()),
        read("a.rtf", rb"{\rtf1 fine {\field{\*\fldinst INCLUDETEXT %s}}}" % str(secret).encode()),
    ]
    for document in found:
        assert "fine" in document.text
        assert "heron" not in document.text


def test_a_file_that_grows_while_it_is_read(tmp_path: Path) -> None:
    for name, data in (("a.mbox", mbox(mail())), ("a.txt", b"line\n" * 1_000)):
        path = tmp_path / name
        path.write_bytes(data)
        stop = threading.Event()

        def grow(path: Path = path, stop: threading.Event = stop, data: bytes = data) -> None:
            with path.open("ab") as file:
                while not stop.is_set() and file.tell() < 20_000_000:
                    file.write(data * 20)
                    file.flush()

        writer = threading.Thread(target=grow)
        writer.start()
        try:
            for _ in range(5):
                try:
                    document = extract(str(path), SMALL)
                    assert len(document.text) <= SMALL.max_text_chars
                except FileError as error:
                    assert error.problem == "skipped"
        finally:
            stop.set()
            writer.join()


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="this system has no links")
def test_links_lead_to_files_or_nowhere(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("words")
    try:
        (tmp_path / "link.txt").symlink_to("real.txt")
    except OSError:
        pytest.skip("links may not be made here")
    (tmp_path / "dangling.txt").symlink_to("gone.txt")
    (tmp_path / "loop.txt").symlink_to("loop.txt")
    (tmp_path / "folder.txt").symlink_to(tmp_path)
    assert extract(str(tmp_path / "link.txt")).text == "words"
    problems = {}
    for name in ("dangling", "loop", "folder"):
        with pytest.raises(FileError) as caught:
            extract(str(tmp_path / f"{name}.txt"))
        problems[name] = caught.value.problem
    assert problems == {"dangling": "missing", "loop": "skipped", "folder": "skipped"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("name", sorted(name for name in all_samples() if name.startswith("a.")))
def test_no_reader_waits_for_a_pipe(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(FileError) as caught:
        extract(str(tmp_path / name))
    assert caught.value.problem == "skipped"


@pytest.mark.parametrize("name", sorted(name for name in all_samples() if name.startswith("a.")))
def test_a_file_cut_off_anywhere(name: str) -> None:
    data = all_samples()[name]
    for keep in range(0, len(data), max(1, len(data) // 40)):
        try:
            read(name, data[:keep]).text.encode("utf-8")
        except FileError as error:
            assert error.reason


def test_a_zip_with_a_password() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "x")
    data = bytearray(file.getvalue())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    assert refused("a.docx", bytes(data)).problem == "encrypted"
