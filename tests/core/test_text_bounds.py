"""Nesting and lines without end: time and memory stay in proportion to the file."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from text_samples import mail, mbox, zipped

from core.errors import FileError
from core.text.document import Document, Limits
from core.text.formats import extract, extract_source
from core.text.source import Source

SECONDS = 20.0  # of the processor; what is measured here takes a tenth of it


def read(name: str, data: bytes, limits: Limits) -> Document:
    return extract_source(Source(name, limits).inner(name, data))


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
        assert "fine" in read("a.html", page, Limits()).text
        assert time.process_time() - began < SECONDS
