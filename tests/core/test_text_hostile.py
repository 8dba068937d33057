"""Files made to harm: each ends quickly, in a FileError or in a text that is bounded."""

from __future__ import annotations

import gzip
import io
import os
import struct
import threading
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
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


def nested_mail(depth: int) -> bytes:
    """A message in a message in a message."""
    message = b"Subject: the last\n\ndeep down"
    for number in range(depth):
        message = b"Subject: %d\nContent-Type: message/rfc822\n\n" % number + message
    return message


def nested_parts(depth: int) -> bytes:
    """Multiparts in multiparts."""
    head = b"Subject: fine\n"
    for number in range(depth):
        head += b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (number, number)
    return head + b"Content-Type: text/plain\n\ndeep down"


DEEP: dict[str, Callable[[int], bytes]] = {
    "divs.html": lambda depth: b"<div>" * depth + b"deep down" + b"</div>" * depth,
    "spans.html": lambda depth: b"<span>" * depth + b"deep down",
    "lists.html": lambda depth: b"<ul><li>" * depth + b"deep down",
    "tables.html": lambda depth: b"<table><tr><td>" * depth + b"deep down",
    "unseen.html": lambda depth: b"<svg>" * depth + b"<template>" * depth + b"deep down",
    "quotes.html": lambda depth: b'<a ="' * depth + b"<a ='" * depth + b"deep down",
    "comments.html": lambda depth: b"<!--" * depth + b"<!x" * depth + b"--> deep down",
    "a.xml": lambda depth: b"<a>" * depth + b"deep down" + b"</a>" * depth,
    "groups.rtf": lambda depth: b"{\\rtf1 " + b"{" * depth + b"deep down" + b"}" * depth,
    "open.rtf": lambda depth: b"{\\rtf1 deep down" + b"{\\*\\x" * depth,
    "lists.ipynb": lambda depth: b'{"nbformat":4,"metadata":{"title":' + b"[" * depth,
    "objects.ipynb": lambda depth: b'{"nbformat":4,"deep down":' + b'{"a":' * depth,
    "nested.eml": lambda depth: nested_mail(min(depth, 3_000)),
    "parts.eml": lambda depth: nested_parts(min(depth, 3_000)),
    "nested.mbox": lambda depth: mbox(nested_mail(min(depth, 3_000)), mail("deep down")),
    "a.ics": lambda depth: b"BEGIN:VEVENT\n" * depth + b"SUMMARY:deep down\n" + b"END:VEVENT\n" * 9,
    "a.vcf": lambda depth: b"BEGIN:VCARD\n" * depth + b"FN:deep down\n",
    "quotes.md": lambda depth: b">" * depth + b" deep down\n" + b"# " * depth,
    "deep.docx": lambda depth: zipped(
        {"word/document.xml": b"<w:tbl xmlns:w='w'>" + b"<w:tr><w:tc><w:p>" * depth}
    ),
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_nesting_costs_no_more_than_its_length(name: str) -> None:
    data = DEEP[name](20_000)
    began = time.process_time()
    try:
        document = read(name, data, Limits())
    except FileError as error:
        assert error.reason
    else:
        assert len(document.text) < 3 * len(data)
    assert time.process_time() - began < SECONDS


ENDLESS = {
    "a.txt": b"",
    "a.csv": b"",
    "a.md": b"",
    "a.html": b"<p>",
    "a.xml": b"<a>",
    "a.rtf": b"{\\rtf1 ",
    "a.eml": b"Subject: a\n\n",
    "a.mbox": b"From a Wed Jan 31 12:00:00 2024\nSubject: a\n\n",
    "a.ics": b"BEGIN:VEVENT\nDESCRIPTION:",
    "a.vcf": b"BEGIN:VCARD\nNOTE:",
    "a.srt": b"1\n00:00:01,000 --> 00:00:02,000\n",
    "a.ipynb": b'{"nbformat":4,"cells":[{"source":"',
    "a.pdf": b"%PDF-1.7\n",
    "a.warc": b"WARC/1.0\r\nContent-Length: 999999999\r\n\r\n",
}


@pytest.mark.parametrize("name", ENDLESS)
@pytest.mark.parametrize("fill", [b"x", b" ", b"<", b"&", "é".encode(), b"\xe9", b"\\'e9"])
def test_a_line_without_end_is_bounded(name: str, fill: bytes) -> None:
    data = ENDLESS[name] + fill * (1_000_000 // len(fill))
    began = time.process_time()
    try:
        document = read(name, data, Limits(max_text_chars=500_000))
        assert len(document.text) <= 500_000
    except FileError as error:
        assert error.problem in ("skipped", "failed")
    assert time.process_time() - began < SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDLESS)
def test_two_hundred_megabytes_without_a_newline(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(ENDLESS[name])
        for _ in range(200):
            file.write(b"x" * 1_000_000)
    began = time.process_time()
    tracemalloc.start()
    try:
        extract(str(path))
    except FileError as error:
        assert error.problem in ("skipped", "failed")
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert time.process_time() - began < SECONDS
    assert peak < 1_000_000_000


def test_bad_sums_in_the_time_of_codecs() -> None:
    """Some of Python's codecs take the square of the time; no file may choose them."""
    for name in (
        "idna",
        "punycode",
        "unicode_escape",
        "zip",
        "undefined",
        "mbcs",
        "\x00",
        "x" * 99,
    ):
        page = f'<meta charset="{name}"><p>'.encode() + b"fine \xe9 " + b"a-\\u0041" * 100_000
        began = time.process_time()
        assert "fine" in read("a.html", page).text
        assert time.process_time() - began < SECONDS


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
