"""E-mail: members, attachments, headers, mailboxes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from text_samples import CREATED_S, ICS, docx, mail, mbox, mhtml, xlsx

from core.errors import FileError
from core.messages import About
from core.text.document import Document, Limits
from core.text.formats import extract, extract_source, kind_of, read_passages
from core.text.mail_headers import decode_words
from core.text.source import Source

INES = "Ines Marlow <ines@larkfield.example>"
PLAN = ("application/octet-stream", docx())
PDF = (
    Path(__file__).parents[2] / "resources" / "sample-folder" / "workshop-lease.pdf"
).read_bytes()


def read(name: str, data: bytes) -> Document:
    return extract_source(Source(name).inner(name, data))


def test_each_message_of_a_mailbox_is_a_member() -> None:
    box = mbox(
        mail("The boiler", "It hums.", {"plan.docx": PLAN}),
        mail("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Second.", date="Thu, 1 Feb 2024 12:00:00 +0100"),
        mail("", "No subject.", date="yesterday"),
    )
    document = read("a.mbox", box)
    first = About("The boiler", INES, CREATED_S)
    assert [(one.title, one.about) for one in document.members] == [
        ("The boiler", first),
        ("The boiler > plan.docx", first),
        ("Grüße", About("Grüße", INES, 1_706_785_200)),
        ("(no subject)", About(None, INES)),
    ]
    assert document.about == About()
    assert document.slow
    assert document.breaks() == tuple(one.start for one in document.members)
    for start in document.breaks()[::2]:
        assert document.text[start:].startswith(f"From: {INES}\nTo: tom@")


def test_passages_tell_their_message_and_not_another_ones_heading(tmp_path: Path) -> None:
    html = b"Subject: One\nContent-Type: text/html\n\n<h1>A heading</h1><p>first words\n"
    path = tmp_path / "a.mbox"
    path.write_bytes(mbox(html, mail("Two", "second words")))
    text = extract(str(path)).text
    spans = [
        (text.index(words), text.index(words) + 5) for words in ("first words", "second words")
    ]
    one, two = read_passages(str(path), spans)
    assert (one.locator.member, one.locator.heading) == ("One", "A heading")
    assert (two.locator.member, two.locator.heading) == ("Two", None)
    assert one.about == About("One")
    assert two.about == About("Two", INES, CREATED_S)


def test_attachments_are_read_by_their_type() -> None:
    attachments = {
        "plan.docx": PLAN,
        "parts.xlsx": ("application/octet-stream", xlsx()),
        "lease.pdf": ("application/pdf", PDF),
        "unnamed": ("application/pdf", PDF),
        "page.html": ("text/html", b"<title>x</title><h1>Top</h1>body"),
        "note.txt": ("text/plain; charset=koi8-r", "Привет".encode("koi8_r")),
        "photo.jpg": ("image/jpeg", b"\xff\xd8\xff"),
        "broken.docx": ("application/octet-stream", b"PK\x03\x04 cut"),
        "old.doc": ("application/msword", b"\xd0\xcf\x11\xe0" * 9),
        "notes.zip": ("application/zip", b"PK"),
    }
    document = read("a.eml", mail(attachments=attachments))
    assert [one.title for one in document.members] == [
        "plan.docx", "parts.xlsx > Parts", "lease.pdf", "unnamed", "page.html",
        "note.txt",
    ]  # fmt: skip
    for words in (
        "It hums.", "plan.docx\nThe boiler hums at 62 degrees.", "parts.xlsx\nParts\nValve",
        "anvil of 1887", "note.txt\nПривет",
        "Attachment: photo.jpg (is a picture; Satchel reads text only)",
        "Attachment: broken.docx (is damaged or incomplete;",
        "Attachment: old.doc (needs a converter: install LibreOffice",
        "Attachment: notes.zip (is an archive;",
    ):  # fmt: skip
        assert words in document.text
    assert [one.title for one in document.headings][-1] == "Top"
    assert document.slow
    assert document.about == About("The boiler", INES, CREATED_S)
    assert not read("a.eml", mail()).slow


def test_messages_inside_messages_tell_of_themselves() -> None:
    inner = mail("Inside", "Deep down.", {"plan.docx": PLAN})
    outer = (
        b"Subject: Outside\nContent-Type: multipart/mixed; boundary=o\n\n--o\n\nLook at this.\n"
        b"--o\nContent-Type: message/rfc822\n\n" + inner + b"\n--o--\n"
    )
    inside = About("Inside", INES, CREATED_S)
    document = read("a.eml", outer)
    assert [(one.title, one.about) for one in document.members] == [
        ("Inside", inside),
        ("Inside > plan.docx", inside),
    ]
    as_file = read("a.eml", mail("Outside", attachments={"fwd.eml": ("application/x", inner)}))
    assert [one.title for one in as_file.members] == ["fwd.eml", "fwd.eml > plan.docx"]
    for _ in range(8):
        inner = mail("Again", attachments={"fwd.eml": ("application/octet-stream", inner)})
    assert "fwd.eml (is nested too deeply to be read)" in read("a.eml", inner).text


def test_what_a_message_says_comes_before_what_is_attached() -> None:
    data = (
        b"Subject: s\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nfirst\n--b\n"
        b'Content-Type: text/plain; name="a.txt"\n\nattached\n--b\n\nlist footer\n--b--\n'
    )
    document = read("a.eml", data)
    assert document.text.index("list footer") < document.text.index("a.txt")
    assert [one.title for one in document.members] == ["a.txt"]


def test_of_two_forms_of_the_same_text_one_is_taken_and_an_invitation_with_it() -> None:
    data = (
        b"Subject: s\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nplain words\n--b\n"
        b"Content-Type: text/html\n\n<p>html words\n--b\nContent-Type: text/calendar\n\n"
        + ICS.encode()
        + b"\n--b--\n"
    )
    document = read("a.eml", data)
    assert "plain words" in document.text and "html words" not in document.text
    assert "unnamed.ics > Boiler man, at last" in [one.title for one in document.members]
    assert "html words" in read("a.eml", data.replace(b"plain words", b" ")).text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("plain", "plain"),
        ("=?utf-8?B?R3LDvMOfZQ==?=", "Grüße"),
        ("=?iso-8859-1?Q?Gr=FC=DFe_an_alle?= und Tom", "Grüße an alle und Tom"),
        ("=?utf-8?q?one?= =?utf-8?q?_two?=\t=?utf-8?q?three?=", "one twothree"),
        ("=?utf-8?b?4pyT?= x =?utf-8?b?4pyT?=", "✓ x ✓"),
        ("=?utf-8?q?=E2?= =?utf-8?q?=9C=93?=", "✓"),
        ("=?us-ascii*en?q?words?=", "words"),
        ("=?no-such?q?words?=", "words"),
        ("=?utf-8?x?words?= =?broken", "=?utf-8?x?words?= =?broken"),
    ],
)
def test_encoded_words(written: str, meant: str) -> None:
    assert decode_words(written) == meant


def test_headers_that_are_not_ascii_are_read_all_the_same() -> None:
    for encoding in ("utf-8", "cp1252"):
        document = read("a.eml", "Subject: Grüße aus Überlingen\n\nx".encode(encoding))
        assert document.about.title == "Grüße aus Überlingen"


def test_a_quoted_from_line_ends_no_message() -> None:
    text = "Dear Tom,\n\nFrom here on it hums.\n\n>From the cellar, 12:00\n"
    box = mbox(mail("One", text), mail("Two"))
    document = read("a.mbox", box)
    assert [one.title for one in document.members] == ["One", "Two"]
    assert "\nFrom the cellar, 12:00\n" in document.text
    assert [one.title for one in read("a.mbox", mail("Alone")).members] == ["Alone"]


def test_a_message_too_large_is_told_by_its_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.text.mail._MAX_MESSAGE_BYTES", 1_000_000)
    box = mbox(mail("Large", "x\n" * 600_000), mail("Small"))
    document = read("a.mbox", box)
    assert [one.title for one in document.members] == ["Large", "Small"]
    assert "This message is larger than 1 MB.\n" in document.text
    assert len(document.text) < 1_000


def test_a_large_mailbox_is_read_message_by_message() -> None:
    count = 500
    document = read("a.mbox", mbox(*(mail(f"Number {number}") for number in range(count))))
    assert len(document.members) == count
    assert document.member_at(len(document.text) - 1) == document.members[-1]


def test_a_saved_page() -> None:
    document = read("a.mhtml", mhtml())
    assert document.about == About("The boiler", None, CREATED_S)
    assert document.text == "Heating\n\nIt hums.\n\n"
    assert document.members == ()


@pytest.mark.parametrize(
    ("name", "contents", "kind"),
    [
        ("Inbox", mbox(mail()), "mbox"),
        ("1700000000.M1P2.host:2,S", b"Return-Path: <a@b>\n" + mail(), "eml"),
        ("notes", b"From here on it hums.\n", "text"),
        ("letter", b"Dear Tom,\nSubject: none\n", "text"),
    ],
)
def test_mail_without_a_suffix(tmp_path: Path, name: str, contents: bytes, kind: str) -> None:
    path = tmp_path / (name if os.name != "nt" else name.replace(":", "_"))
    path.write_bytes(contents)
    assert kind_of(str(path)) == kind


def test_the_limits_hold_for_all_attachments_together() -> None:
    attachments = {f"{n}.txt": ("text/plain", b"words " * 10_000) for n in range(40)}
    with pytest.raises(FileError, match="million characters"):
        extract_source(
            Source("a.eml", Limits(max_text_chars=1_000_000)).inner(
                "a.eml", mail(attachments=attachments)
            )
        )
