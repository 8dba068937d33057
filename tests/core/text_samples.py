"""A small file of every format, made here, for the tests of the readers."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from base64 import b64encode
from functools import cache
from pathlib import Path

SAMPLE_FOLDER = Path(__file__).parents[2] / "resources" / "sample-folder"

CORE = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/'
    'core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:dcterms="http://purl.org/dc/terms/"><dc:title>The boiler</dc:title>'
    "<dc:creator>Ines Marlow</dc:creator><dcterms:created>2024-01-31T12:00:00Z</dcterms:created>"
    "<dcterms:modified>2024-02-29T08:30:00Z</dcterms:modified></cp:coreProperties>"
)
META = (
    '<office:document-meta xmlns:office="o" xmlns:meta="m" xmlns:dc="d"><office:meta>'
    "<dc:title>The boiler</dc:title><meta:initial-creator>Ines Marlow</meta:initial-creator>"
    "<meta:creation-date>2024-01-31T12:00:00.123Z</meta:creation-date>"
    "<dc:date>2024-02-29T09:30:00+01:00</dc:date></office:meta></office:document-meta>"
)
CREATED_S, MODIFIED_S = 1_706_702_400, 1_709_195_400


def zipped(members: dict[str, str | bytes]) -> bytes:
    """A zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def docx(body: str = "<w:p><w:r><w:t>The boiler hums at 62 degrees.</w:t></w:r></w:p>") -> bytes:
    """A Word document with properties."""
    return zipped(
        {
            "word/document.xml": f'<w:document xmlns:w="w"><w:body>{body}</w:body></w:document>',
            "docProps/core.xml": CORE,
        }
    )


def pptx() -> bytes:
    """Two slides, the second with notes."""
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"

    def slide(title: str, text: str) -> str:
        return (
            '<p:sld xmlns:p="p" xmlns:a="a"><p:sp><p:nvPr><p:ph type="title"/></p:nvPr><a:p><a:r>'
            f"<a:t>{title}</a:t></a:r></a:p></p:sp><p:sp><a:p><a:t>{text}</a:t></a:p></p:sp></p:sld>"
        )

    def rels(*targets: tuple[str, str, str]) -> str:
        inside = "".join(
            f'<Relationship Id="{name}" Type="{relations}{kind}" Target="{target}"/>'
            for name, kind, target in targets
        )
        return f"<Relationships>{inside}</Relationships>"

    return zipped(
        {
            "ppt/presentation.xml": '<p:presentation xmlns:p="p" xmlns:r="r"><p:sldId r:id="a"/>'
            '<p:sldId r:id="b"/></p:presentation>',
            "ppt/_rels/presentation.xml.rels": rels(
                ("a", "slide", "slides/slide1.xml"), ("b", "slide", "slides/slide2.xml")
            ),
            "ppt/slides/slide1.xml": slide("Heating", "The boiler hums."),
            "ppt/slides/slide2.xml": slide("Water", "The pump is new."),
            "ppt/slides/_rels/slide2.xml.rels": rels(("n", "notesSlide", "../notesSlides/n.xml")),
            "ppt/notesSlides/n.xml": slide("Notes", "Say thanks."),
            "docProps/core.xml": CORE,
        }
    )


def xlsx(
    rows: str = '<row r="1"><c r="A1" t="inlineStr"><is><t>Valve</t></is></c></row>',
) -> bytes:
    """A workbook of one sheet."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    return zipped(
        {
            "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="r" '
            f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
            '<sheet name="Parts" sheetId="1" r:id="r"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="r" '
            f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData>'
            "</worksheet>",
            "docProps/core.xml": CORE,
        }
    )


def odf(body: str) -> bytes:
    """An OpenDocument file with this inside its body."""
    return zipped(
        {
            "content.xml": '<office:document-content xmlns:office="o" xmlns:text="t" '
            'xmlns:table="b" xmlns:draw="d"><office:body>'
            f"{body}</office:body></office:document-content>",
            "meta.xml": META,
        }
    )


ODT = odf('<text:h text:outline-level="1">Heating</text:h><text:p>The boiler hums.</text:p>')
ODS = odf(
    '<table:table table:name="Parts"><table:table-row><table:table-cell><text:p>Valve</text:p>'
    "</table:table-cell></table:table-row></table:table>"
)
ODP = odf("<draw:page><text:p>One</text:p></draw:page><draw:page><text:p>Two</text:p></draw:page>")

EPUB = zipped(
    {
        "META-INF/container.xml": '<container><rootfile full-path="b/c.opf"/></container>',
        "b/c.opf": '<package xmlns:dc="d" xmlns:opf="o"><metadata><dc:title>The boiler</dc:title>'
        "<dc:creator>Ines Marlow</dc:creator><dc:creator>Tom Quill</dc:creator>"
        '<dc:date opf:event="publication">2024-01-31T12:00:00Z</dc:date>'
        '<meta property="dcterms:modified">2024-02-29T08:30:00Z</meta></metadata>'
        '<manifest><item id="1" href="one.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="1"/></spine></package>',
        "b/one.xhtml": "<html><head><title/></head><body><h1>Heating</h1><p>The boiler hums.</p>",
    }
)

HTML = (
    "<!DOCTYPE html><html><head><title>The boiler &amp; I</title>"
    '<meta name="author" content="Ines Marlow"><meta property="article:published_time" '
    'content="2024-01-31T12:00:00Z"><meta property="article:modified_time" '
    'content="2024-02-29T08:30:00Z"></head><body><h1>Heating</h1><p>The boiler hums.</p>'
)

RTF = (
    rb"{\rtf1\ansi{\info{\title The boiler}{\author Ines Marl\'f6w}"
    rb"{\creatim\yr2024\mo1\dy31\hr12\min0}{\revtim\yr2024\mo2\dy29\hr8\min30}}"
    rb"The boiler {\b hums}.\par Second \u8364?line.}"
)

MARKDOWN = (
    '---\ntitle: "The boiler"\nauthor:\n  - Ines Marlow\n  - Tom Quill\n'
    "date: 2024-01-31T12:00:00Z\nlastmod: 2024-02-29 08:30:00\ntags: [a, b]\n---\n"
    "# Heating\n\nThe boiler hums.\n"
)

ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-WR-CALNAME:House\r\nBEGIN:VEVENT\r\n"
    "DTSTART;TZID=Europe/London:20251126T193000\r\nDTEND;TZID=Europe/London:20251126T213000\r\n"
    "SUMMARY:Boiler man\\, at last\r\nLOCATION:The cellar\r\nCREATED:20240131T120000Z\r\n"
    "LAST-MODIFIED:20240229T083000Z\r\nORGANIZER;CN=Ines Marlow:mailto:ines@larkfield.example\r\n"
    'ATTENDEE;CN="Quill; Tom";ROLE=REQ-PARTICIPANT:mailto:tom@larkfield.example\r\n'
    "DESCRIPTION:He comes from Wexcombe and brings\r\n  the valve.\\nKey is with Ines.\r\n"
    "BEGIN:VALARM\r\nDESCRIPTION:Beep\r\nEND:VALARM\r\nEND:VEVENT\r\n"
    "BEGIN:VTODO\r\nSUMMARY:Pay him\r\nDUE;VALUE=DATE:20251201\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"
)

VCF = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Marlow;Ines;;;\r\nFN:Ines Marlow\r\nORG:Larkfield;Repairs\r\n"
    "TEL;TYPE=HOME:+44 1632 960123\r\nEMAIL:ines@larkfield.example\r\n"
    "ADR;TYPE=HOME:;;2 Anvil Yard;Wexcombe;;;\r\nNOTE:Sings alto\\, has the key.\r\n"
    "PHOTO;ENCODING=b;TYPE=JPEG:AAAA\r\nREV:20240229T083000Z\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\r\nVERSION:2.1\r\nN;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:K=C3=B6hler;K=\r\n"
    "=C3=A4the\r\nEND:VCARD\r\n"
)

NOTEBOOK = json.dumps(
    {
        "nbformat": 4,
        "metadata": {"authors": [{"name": "Ines Marlow"}], "date": "2024-01-31T12:00:00Z"},
        "cells": [
            {"cell_type": "markdown", "source": ["# Spokes\n", "How long?\n", "## Data\n", "Few."]},
            {
                "cell_type": "code",
                "source": "print(length)",
                "outputs": [
                    {"output_type": "stream", "text": ["\x1b[31m291 mm\x1b[0m\n"]},
                    {
                        "output_type": "display_data",
                        "data": {"image/png": "iVBORw0KGgo", "text/plain": "<Figure size 1x1>"},
                    },
                    {
                        "output_type": "execute_result",
                        "data": {"text/html": "<table><tr><td>rim</td><td>622</td></tr></table>"},
                    },
                    {"output_type": "error", "ename": "ValueError", "evalue": "no hub"},
                ],
            },
        ],
    }
)

XML = (
    '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE book [<!ENTITY own "expanded">\n'
    '<!ENTITY far SYSTEM "file:///etc/passwd">]>\n<book id="secret">\n  <title>The boiler</title>\n'
    "  <para>Water is H<sub>2</sub>O &amp; hot,\n  says <b>Ines</b> <i>Marlow</i>.&own;&far;</para>"
    "<para>Second&nbsp;one.</para>\n  <![CDATA[1 < 2]]><!-- unseen -->\n</book>\n"
)

SRT = (
    "1\r\n00:12:03,500 --> 00:12:05,000\r\n<i>The boiler</i>\r\nhums.\r\n\r\n"
    "2\r\n00:12:06,000 --> 00:12:08,000\r\nAnd stops.\r\n"
)
VTT = (
    "WEBVTT\n\nNOTE not spoken\n\nintro\n12:03.500 --> 12:05.000 align:start\n"
    "<v Ines>The boiler<00:12:04.000> hums.\n\n01:00:00.000 --> 01:00:02.000\nThe boiler hums.\n"
    "And stops.\n"
)
ASS = (
    "[Script Info]\nTitle: x\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Dialogue: 0,0:12:03.50,0:12:05.00,Default,,0,0,0,,{\\i1}The boiler{\\i0}\\Nhums, loud.\n"
)
SUB = "{100}{150}The boiler|hums.\n{200}{250}And stops.\n"


def warc_record(kind: str, address: str, body: bytes, mime: str = "application/http") -> bytes:
    """One record of a web archive."""
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {address}\r\n"
        f"WARC-Date: 2024-01-31T12:00:00Z\r\nContent-Type: {mime}; msgtype=response\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def warc_records() -> list[bytes]:
    """A page, its picture, a redirect, a page in chunks and packed, a plain text."""
    page = HTML.replace("12:00", "13:00").encode()
    packed = gzip.compress(b"<title>Second</title><p>Sent in chunks.</p>", mtime=0)
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(packed[at : at + 20]), packed[at : at + 20])
        for at in range(0, len(packed), 20)
    )
    ok = b"HTTP/1.1 200 OK\r\nContent-Type: "
    return [
        warc_record("warcinfo", "", b"software: x\r\n", "application/warc-fields"),
        warc_record("response", "http://larkfield.example/", ok + b"text/html\r\n\r\n" + page),
        warc_record("response", "http://larkfield.example/a.png", ok + b"image/png\r\n\r\n\x89PNG"),
        warc_record(
            "response",
            "http://larkfield.example/old",
            b"HTTP/1.1 301 Moved\r\nContent-Type: text/html\r\n\r\n<p>Moved</p>",
        ),
        warc_record(
            "response",
            "http://larkfield.example/two",
            ok + b"text/html; charset=utf-8\r\nContent-Encoding: gzip\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n",
        ),
        warc_record(
            "resource", "http://larkfield.example/n.txt", "Schöner Gruß.".encode(), "text/plain"
        ),
    ]


def mail(
    subject: str = "The boiler",
    text: str = "It hums.",
    attachments: dict[str, tuple[str, bytes]] | None = None,
    date: str = "Wed, 31 Jan 2024 12:00:00 +0000",
) -> bytes:
    """A message with attachments: name -> content type and bytes."""
    head = (
        f"From: Ines Marlow <ines@larkfield.example>\nTo: tom@larkfield.example\nDate: {date}\n"
        f"Subject: {subject}\nMIME-Version: 1.0\n"
    )
    if not attachments:
        return (head + f"Content-Type: text/plain; charset=utf-8\n\n{text}\n").encode()
    parts = [f"--=b\nContent-Type: text/plain; charset=utf-8\n\n{text}\n".encode()]
    for name, (kind, data) in attachments.items():
        lines = b64encode(data)
        body = b"\n".join(lines[at : at + 76] for at in range(0, len(lines), 76))
        parts.append(
            f'--=b\nContent-Type: {kind}; name="{name}"\nContent-Transfer-Encoding: base64\n'
            f'Content-Disposition: attachment; filename="{name}"\n\n'.encode()
            + body
            + b"\n"
        )
    head += 'Content-Type: multipart/mixed; boundary="=b"\n\n'
    return head.encode() + b"".join(parts) + b"--=b--\n"


def mbox(*messages: bytes) -> bytes:
    """A mailbox of these messages."""
    first = b"From ines@larkfield.example Wed Jan 31 12:00:00 2024\n"
    return b"\n".join(first + message for message in messages) + b"\n"


def mhtml() -> bytes:
    """A saved page with a picture."""
    return (
        b"From: <Saved by a browser>\nSubject: The boiler\nDate: Wed, 31 Jan 2024 12:00:00 +0000\n"
        b'MIME-Version: 1.0\nContent-Type: multipart/related; boundary="=m"\n\n--=m\n'
        b"Content-Type: text/html; charset=utf-8\n\n<html><body><h1>Heating</h1><p>It hums.</p>\n"
        b"--=m\nContent-Type: image/png\nContent-Location: a.png\n\nx\n--=m--\n"
    )


@cache
def all_samples() -> dict[str, bytes]:
    """A file of each format, by a name with the suffix that it is known by."""
    attachments = {
        "plan.docx": ("application/octet-stream", docx()),
        "parts.xlsx": ("application/octet-stream", xlsx()),
        "note.txt": ("text/plain", b"A note."),
        "photo.jpg": ("image/jpeg", b"\xff\xd8\xff"),
        "inner.eml": ("application/octet-stream", mail("Inside", "Deep down.")),
    }
    made: dict[str, bytes] = {
        "a.docx": docx(),
        "a.pptx": pptx(),
        "a.xlsx": xlsx(),
        "a.odt": ODT,
        "a.ods": ODS,
        "a.odp": ODP,
        "a.epub": EPUB,
        "a.html": HTML.encode(),
        "a.rtf": RTF,
        "a.md": MARKDOWN.encode(),
        "a.ics": ICS.encode(),
        "a.vcf": VCF.encode(),
        "a.ipynb": NOTEBOOK.encode(),
        "a.xml": XML.encode(),
        "a.srt": SRT.encode(),
        "a.vtt": VTT.encode(),
        "a.ass": ASS.encode(),
        "a.sub": SUB.encode(),
        "a.warc": b"".join(warc_records()),
        "a.warc.gz": b"".join(gzip.compress(record, mtime=0) for record in warc_records()),
        "a.eml": mail(attachments=attachments),
        "a.mbox": mbox(mail(attachments=attachments), mail("Second")),
        "a.mhtml": mhtml(),
        "a.txt": "Schöne Grüße aus Überlingen, das Frühstück war üppig.".encode("cp1252"),
    }
    return made | {path.name: path.read_bytes() for path in SAMPLE_FOLDER.iterdir()}
