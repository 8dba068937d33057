"""Calendars, address books, notebooks, XML, subtitles and web archives."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_text_fuzz import check
from text_samples import (
    ASS,
    CREATED_S,
    HTML,
    ICS,
    MODIFIED_S,
    NOTEBOOK,
    SRT,
    SUB,
    VCF,
    VTT,
    XML,
    warc_record,
    warc_records,
    zipped,
)

from core.errors import FileError
from core.messages import About
from core.text.document import Document
from core.text.formats import CONVERTIBLE, extract, extract_source, kind_of, read_passages
from core.text.source import Source


def read(name: str, data: str | bytes) -> Document:
    data = data.encode() if isinstance(data, str) else data
    return extract_source(Source(name).inner(name, data))


def headings(document: Document) -> list[tuple[str, str]]:
    """Each heading, and the line of text that it stands before."""
    return [(one.title, document.text[one.start :].split("\n", 1)[0]) for one in document.headings]


def test_a_calendar() -> None:
    document = read("a.ics", ICS)
    assert document.kind == "ics"
    assert document.about == About("House")
    assert document.text == (
        "Boiler man, at last\nWhen: 2025-11-26 19:30 to 21:30 (Europe/London)\nWhere: The cellar\n"
        "Organizer: Ines Marlow <ines@larkfield.example>\n"
        "Attendees: Quill; Tom <tom@larkfield.example>\n"
        "He comes from Wexcombe and brings the valve.\nKey is with Ines.\n"
        "\nPay him\nDue: 2025-12-01\n"
    )
    first, second = document.members
    ines = "Ines Marlow <ines@larkfield.example>"
    assert first.about == About("Boiler man, at last", ines, CREATED_S, MODIFIED_S)
    assert (second.title, second.about) == ("Pay him", About("Pay him"))


def test_a_calendar_tells_the_line_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.ics"
    path.write_bytes(ICS.encode())
    text = extract(str(path)).text
    for words, begins in (("Boiler", "SUMMARY"), ("When", "DTSTART"), ("He comes", "DESCRIPTION")):
        start = text.index(words)
        [passage] = read_passages(str(path), [(start, start + 4)])
        assert passage.locator.line is not None
        assert ICS.split("\r\n")[passage.locator.line - 1].startswith(begins)
        assert passage.about == About(
            "Boiler man, at last", "Ines Marlow <ines@larkfield.example>", CREATED_S, MODIFIED_S
        )


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ("DTSTART:20251126T193000Z", "When: 2025-11-26 19:30 (UTC)"),
        ("DTSTART:20251126T193000Z\nDTEND:20251127T013000Z", "19:30 to 2025-11-27 01:30 (UTC)"),
        ("DTSTART;VALUE=DATE:20251126\nDTEND;VALUE=DATE:20251128", "2025-11-26 to 2025-11-28\n"),
        ("DTSTART:20251126T193000\nDTEND:20251126T193000", "When: 2025-11-26 19:30\n"),
        ("DTSTART:next week", "When: next week\n"),
        ("DUE:20251126T193000Z", "Due: 2025-11-26 19:30 (UTC)"),
        ("DTSTART:20251126T080000\nDUE:20251128", "When: 2025-11-26 08:00, due 2025-11-28"),
        ("RRULE:FREQ=WEEKLY", "Repeats: FREQ=WEEKLY"),
    ],
)
def test_times_of_a_calendar(times: str, words: str) -> None:
    assert words in read("a.ics", f"BEGIN:VEVENT\nSUMMARY:x\n{times}\nEND:VEVENT\n").text


def test_an_address_book() -> None:
    document = read("a.vcf", VCF)
    assert document.text == (
        "Ines Marlow\nOrganisation: Larkfield, Repairs\nTelephone: +44 1632 960123\n"
        "E-mail: ines@larkfield.example\nAddress: 2 Anvil Yard, Wexcombe\n"
        "Note: Sings alto, has the key.\n\nKäthe Köhler\n"
    )
    assert [one.title for one in document.members] == ["Ines Marlow", "Käthe Köhler"]
    assert document.members[0].about == About("Ines Marlow", modified_s=MODIFIED_S)


def test_a_notebook_says_which_cell() -> None:
    document = read("a.ipynb", NOTEBOOK)
    assert document.about == About("Spokes", "Ines Marlow", CREATED_S)
    assert headings(document) == [
        ("Cell 1: Spokes", "# Spokes"),
        ("Cell 1: Data", "## Data"),
        ("Cell 2: Data", "print(length)"),
    ]
    assert document.text.endswith("print(length)\n291 mm\nrim\t622\nValueError: no hub")
    assert "iVBOR" not in document.text and "Figure" not in document.text


def test_an_old_notebook_and_what_is_none() -> None:
    sheet = {"cells": [{"cell_type": "code", "input": ["a = 1"], "outputs": [{"text": "one"}]}]}
    assert "a = 1\none" in read("a.ipynb", json.dumps({"nbformat": 3, "worksheets": [sheet]})).text
    for wrong in ("{}", "[1]", "words", '{"nbformat": 4, "cells": 3}', "\xff"):
        with pytest.raises(FileError, match="no notebook"):
            read("a.ipynb", wrong)


def test_xml_is_its_text() -> None:
    document = read("a.xml", XML)
    assert document.kind == "xml"
    assert document.text == (
        "The boiler\nWater is H2O & hot,\nsays Ines Marlow.\nSecond one.\n1 < 2\n"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [("The boiler", 5), ("Water", 6), ("says", 7), ("Second", 7), ("1 <", 8)],
)
def test_xml_tells_the_line_of_the_file(tmp_path: Path, words: str, line: int) -> None:
    path = tmp_path / "a.xml"
    path.write_text(XML)
    start = extract(str(path)).text.index(words)
    [passage] = read_passages(str(path), [(start, start + 3)])
    assert passage.locator.line == line
    assert words.split(maxsplit=1)[0] in XML.split("\n")[line - 1]


def test_xml_that_is_something_else() -> None:
    assert read("a.xml", HTML).kind == "html"
    broken = read("a.xml", "<a><b>words</a>")
    assert (broken.kind, broken.text) == ("code", "<a><b>words</a>")
    text = '<?xml version="1.0" encoding="koi8-r"?><a>Привет</a>'
    assert read("a.xml", text.encode("koi8_r")).text == "Привет"
    assert read("a.rss", "<rss><title>One</title><title>Two</title></rss>").text == "One\nTwo"


@pytest.mark.parametrize(
    ("name", "data", "text", "times"),
    [
        ("a.srt", SRT, "The boiler\nhums.\nAnd stops.\n", ["00:12:03", "00:12:06"]),
        ("a.vtt", VTT, "The boiler hums.\nAnd stops.\n", ["00:12:03", "01:00:00"]),
        ("a.ass", ASS, "The boiler hums, loud.\n", ["00:12:03"]),
        ("a.sub", SUB, "The boiler hums.\nAnd stops.\n", []),
        ("b.sub", "00:12:03.50,00:12:05.00\nHums[br]on.\n\n", "Hums on.\n", ["00:12:03"]),
    ],
)
def test_subtitles(name: str, data: str, text: str, times: list[str]) -> None:
    document = read(name, data)
    assert document.kind == "subtitles"
    assert document.text == text
    assert [one.title for one in document.headings] == times


def test_a_subtitle_tells_time_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(SRT.encode())
    text = extract(str(path)).text
    [one] = read_passages(str(path), [(text.index("And"), len(text))])
    assert (one.locator.heading, one.locator.line) == ("00:12:06", 8)
    with pytest.raises(FileError, match="subtitles as pictures"):
        read("a.sub", b"\x00\x00\x01\xba" + b"\x00" * 2_000)


@pytest.mark.parametrize("packed", [False, True])
def test_a_web_archive(tmp_path: Path, packed: bool) -> None:
    records = [gzip.compress(one) for one in warc_records()] if packed else warc_records()
    path = tmp_path / ("a.warc.gz" if packed else "a.warc")
    path.write_bytes(b"".join(records))
    document = extract(str(path))
    assert document.kind == kind_of(str(path)) == "warc"
    site = "http://larkfield.example/"
    captured = About("Second", None, CREATED_S)
    assert [(one.title, one.about) for one in document.members] == [
        (site, About("The boiler & I", "Ines Marlow", CREATED_S + 3_600, MODIFIED_S)),
        (site + "two", captured),
        (site + "n.txt", About(site + "n.txt", None, CREATED_S)),
    ]
    assert "Moved" not in document.text and "PNG" not in document.text
    start = document.text.index("Sent in chunks.")
    [passage] = read_passages(str(path), [(start, start + 4)])
    assert passage.locator.member == site + "two"
    assert passage.about == captured
    assert "Schöner Gruß." in document.text


def test_web_archives_of_odd_makers() -> None:
    ok = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
    for head, body in (
        (b"Content-Encoding: gzip\r\n\r\n", b"<p>never packed"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"<p>never packed"),
        (b"Content-Encoding: deflate\r\n\r\n", zlib.compress(b"<p>never packed")),
    ):
        record = warc_record("response", "http://a.example", ok + head + body)
        assert "never packed" in read("a.warc", record).text
    packed = warc_record("response", "http://a.example", ok + b"Content-Encoding: br\r\n\r\nx")
    assert read("a.warc", packed).text == ""
    whole = b"".join(warc_records())
    assert "It hums" not in read("a.warc", whole[:900]).text  # cut off, but no failure
    for wrong in (b"words", b"\x1f\x8bwords", b"WARC/1.0\r\n\r\n"):
        with pytest.raises(FileError) as caught:
            read("a.warc.gz", wrong)
        assert caught.value.problem == "failed"


@pytest.mark.parametrize(
    ("suffix", "contents", "kind"),
    [
        (".doc", b"{\\rtf1 words}", "rtf"),
        (".doc", b"<html><p>words", "html"),
        (".doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", None),
        (".dot", b"just words", None),
        (".weird", b"BEGIN:VCALENDAR\r\n", "ics"),
        (".weird", b"BEGIN:VCARD\r\n", "vcf"),
        (".msg", b"x", None),
        (".warc.gz", b"x", "warc"),
        (".gz", b"x", None),
    ],
)
def test_kinds_by_contents(tmp_path: Path, suffix: str, contents: bytes, kind: str | None) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(contents)
    assert kind_of(str(path)) == kind


def test_old_formats_say_what_to_do(tmp_path: Path) -> None:
    for suffix, target in CONVERTIBLE.items():
        path = tmp_path / f"a{suffix}"
        path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
        with pytest.raises(FileError) as caught:
            extract(str(path))
        assert caught.value.problem == "skipped"
        assert caught.value.reason == (
            f"needs a converter: install LibreOffice to have it searched, or save it as {target}"
        )
        assert kind_of(str(tmp_path / f"a{target}")) is not None


WORDS = {
    "a.rtf": ["{\\rtf1 ", "{", "}", "\\par ", "\\u8364?", "\\u-10179?", "\\'fc", "\\uc0 ",
              "\\bin3 ",
              "{\\info", "{\\title ", "{\\creatim\\yr2024", "\\mo13", "{\\*\\x ", "{\\fonttbl",
              "\\f1", "\\fcharset204", "\\ansicpg936", "words", "\\", "\\cell ", "\\row "],
    "a.eml": ["Subject: ", "From: x\n", "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n",
              "--b--\n", "Content-Type: text/html; charset=", "utf-7",
              "Content-Transfer-Encoding: ",
              "base64\n\n", "quoted-printable\n\n", "=?utf-8?b?", "?=", "\n\n", "words",
              "Content-Disposition: attachment; filename*0*=utf-8''a%", "message/rfc822\n\n"],
    "a.mbox": ["From a Wed Jan 31 12:00:00 2024\n", "\n", "Subject: x\n", "words\n", "\n\n",
               "From b"],
    "a.ics": ["BEGIN:VEVENT\n", "END:VEVENT\n", "BEGIN:VCALENDAR\n", "SUMMARY", ":", ";X=\"", "\n ",
              "DTSTART", ";TZID=", "20251126T1930", "\\n", "\\", "words\n", "CREATED:9999\n"],
    "a.vcf": ["BEGIN:VCARD\n", "END:VCARD\n", "FN:", "N:", ";", "\\;", "=\n", "=C3", "\n",
              "NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=koi8-r:", "PHOTO;BASE64:", "words",
              "item1.TEL:"],
    "a.srt": ["00:00:01,000 --> 00:00:02,000\n", "\n", "words", "<i>", "{", "}", "{1}{2}", "|",
              "1\n",
              "WEBVTT\n", "Dialogue: 0,0:00:01.00,", ",,,,,,,,", "99:99:99,999 --> "],
    "a.warc": ["WARC/1.0\r\n", "WARC-Type: response\r\n", "Content-Length: 30\r\n", "\r\n", "words",
               "Content-Type: application/http\r\n", "HTTP/1.1 200 OK\r\n", "5\r\n", "-1\r\n",
               "Content-Type: text/html\r\n", "Transfer-Encoding: chunked\r\n", "<title>",
               "Content-Encoding: gzip\r\n", "Content-Length: -3\r\n", "WARC-Date: 2024-13-99\r\n"],
    "a.ipynb": ['{"nbformat":4,', '"cells":[', '{"cell_type":"markdown",', '"source":', '"words"',
                "[", "]", "{", "}", ",", ":", '"outputs":', "null", "1e999",
                  '"\\ud800"', '"data":'],
    "a.xml": ["<a>", "</a>", "<b/>", "words", "&amp;", "&own;", "&#0;", "<![CDATA[", "]]>", "<!--",
              "-->", "<!DOCTYPE a [", "<!ENTITY own 'x'>", "]>", "\n", "<?xml version='1.0'?>",
              "<a b='"],
    "a.html": ["<h1>", "</h1>", "<p>", "<td>", "<tr>", "<pre>", "</pre>", "<script>", "</script>",
               "<svg>", "<title>", "</title", "<!--", "--", ">", "<", "&", "&#x10ffff;", "&#xd800;",
               "<meta name=author content=", '"', "'", "words", "<br>", "<![CDATA[", "</"],
    "a.md": ["---\n", "title:", " x\n", "- ", "author: [", "]", "date: 2024-99-99\n", "# ", "```\n",
             "===\n", "words\n", "...\n", "\n"],
    "word/document.xml": ["<w:p>", "</w:p>", "<w:t>", "</w:t>", "<w:tbl>", "</w:tbl>", "<w:tr>",
                          "</w:tr>", "<w:tc>", "</w:tc>", "<w:br/>", "<Fallback>", "</Fallback>",
                          "words",
                          "<w:numPr/>", '<w:outlineLvl w:val="0"/>'],
    "content.xml": ["<t:p>", "</t:p>", "<t:h>", "</t:h>", "<b:table>", "</b:table>",
                    "<b:table-row>",
                    "</b:table-row>", "<b:table-cell>", "</b:table-cell>", '<t:s t:c="999999999"/>',
                    "<d:page>", "</d:page>", "<annotation>", "</annotation>", "<list-item>",
                    "</list-item>", "words", "<t:tab/>", "<desc>", "</desc>"],
}  # fmt: skip


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@pytest.mark.parametrize("name", WORDS)
@given(data=st.data())
def test_no_order_of_a_formats_own_words_breaks_its_reader(name: str, data: st.DataObject) -> None:
    bits = data.draw(
        st.lists(st.one_of(st.sampled_from(WORDS[name]), st.text(max_size=6)), max_size=40)
    )
    body = "".join(bits)
    if name == "word/document.xml":
        source = Source("a.docx").inner("a.docx", zipped({name: f'<w xmlns:w="w">{body}</w>'}))
    elif name == "content.xml":
        space = 'xmlns:t="t" xmlns:b="b" xmlns:d="d"'
        content = f"<x {space}><body>{body}</body></x>"
        kind = data.draw(st.sampled_from(["odt", "ods", "odp"]))
        source = Source(f"a.{kind}").inner(f"a.{kind}", zipped({name: content}))
    else:
        head = WORDS[name][0]
        source = Source(name).inner(name, (head + body).encode("utf-8", "replace"))
    try:
        document = extract_source(source)
    except FileError as error:
        assert error.reason
        return
    check(document)
    assert document == extract_source(source)
