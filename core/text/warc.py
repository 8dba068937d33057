"""Web archives (WARC, ISO 28500): every page that was fetched a member, named by its address."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from core.errors import FileError
from core.messages import UNTITLED
from core.text import dates
from core.text.archive import DAMAGED
from core.text.document import Document, TextBuilder
from core.text.encoding import decode
from core.text.html import add_html, html_source
from core.text.source import Source

_HTML = frozenset(("text/html", "application/xhtml+xml"))
_LONGEST_LINE = 16_000
_MOST_HEADERS = 500
_PIECE_BYTES = 1 << 16

Headers = dict[str, str]


def extract_warc(source: Source) -> Document:
    """The pages and plain texts of a web archive; pictures, redirects and errors are left out.

    An archive that is cut off gives what is there. Raises FileError ("failed" when
    there is nothing to be read, "skipped" over the limits).
    """
    out = TextBuilder(source.path, source.limits)
    any_record = False
    with source.open() as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream = _Stream(source, gzip.GzipFile(fileobj=file) if packed else file)
        try:
            for headers in _records(stream):
                any_record = True
                _add(source, out, headers, stream)
        except (OSError, EOFError, zlib.error) as error:
            if not any_record:
                raise FileError(source.path, DAMAGED) from error
    if not any_record:
        raise FileError(source.path, DAMAGED)
    return out.document("warc", slow=True)


class _Stream:
    """A file that counts what is read from it, and knows how much of a record is left."""

    def __init__(self, source: Source, file: BinaryIO | gzip.GzipFile) -> None:
        self._source = source
        self._file = file
        self.left = 0

    def line(self) -> bytes:
        found = self._file.readline(_LONGEST_LINE)
        self._source.count_unpacked(len(found))
        return found

    def pieces(self) -> Iterator[bytes]:
        """What is left of the record."""
        while self.left > 0 and (piece := self._file.read(min(self.left, _PIECE_BYTES))):
            self.left -= len(piece)
            self._source.count_unpacked(len(piece))
            yield piece

    def rest(self) -> bytes:
        return b"".join(self.pieces())


def _records(stream: _Stream) -> Iterator[Headers]:
    """The headers of each record; what its reader leaves of the record is passed over."""
    while line := stream.line():
        if not line.strip():
            continue
        if not line.startswith(b"WARC/"):
            return
        headers = _headers(iter(stream.line, b""))
        length = headers.get("content-length", "")
        if not length.isdecimal():
            return
        stream.left = int(length)
        yield headers
        for _ in stream.pieces():
            pass


def _headers(lines: Iterator[bytes]) -> Headers:
    """Header lines up to the empty one, names in lower case."""
    found: Headers = {}
    for _, line in zip(range(_MOST_HEADERS), lines, strict=False):
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if not line.strip():
            break
        if colon:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def _add(source: Source, out: TextBuilder, headers: Headers, stream: _Stream) -> None:
    """Add the page of one record, if it is one."""
    kind = _mime(headers)
    body: bytes | None = None
    record = headers.get("warc-type")
    charset = _charset(headers)
    if record == "response" and kind == "application/http":
        answer = stream.rest()
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        fields = _headers(iter(lines))
        status = first.split(b" ", 2)[1:2]
        kind, charset = _mime(fields), _charset(fields)
        if status != [b"200"] or not (kind in _HTML or kind.startswith("text/")):
            return
        body = _unpacked(source, fields, body)
    elif record in ("resource", "conversion") and (kind in _HTML or kind.startswith("text/")):
        body = stream.rest()
    if body is None or kind in ("text/css", "text/javascript"):
        return
    address = headers.get("warc-target-uri", "").strip("<>") or "page"
    out.member(address)
    about = UNTITLED
    if kind in _HTML:
        about = add_html(out, decode(body, charset) if charset else html_source(body))
    else:
        out.add(decode(body, charset))
    taken_s = dates.from_iso(headers.get("warc-date"))
    about = msgspec.structs.replace(
        about,
        title=about.title or address,
        created_s=taken_s if about.created_s is None else about.created_s,
    )
    out.describe_member(about)


def _mime(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _charset(headers: Headers) -> str | None:
    _, found, name = headers.get("content-type", "").lower().partition("charset=")
    return name.strip(" \"'").partition(";")[0][:40] if found else None


def _unpacked(source: Source, fields: Headers, body: bytes) -> bytes | None:
    """The body of an answer as it was before it was sent; None when it was packed too cleverly."""
    if fields.get("transfer-encoding", "").lower() == "chunked":
        body = _without_chunks(body)
    packing = fields.get("content-encoding", "identity").lower()
    if packing in ("identity", ""):
        return body
    if packing not in ("gzip", "x-gzip", "deflate"):
        return None
    # 32 + 15: with a gzip or zlib header, whichever; -15: without, as some servers send it.
    for bits in (32 + 15, -15):
        unpacker = zlib.decompressobj(bits)
        try:
            data = unpacker.decompress(body, source.left_bytes + 1)
        except zlib.error:
            continue
        source.count_unpacked(len(data))
        return data
    return body  # some archives unpack the body and leave the header


def _without_chunks(body: bytes) -> bytes:
    """A body sent in chunks, joined; as it is when it is not in chunks after all."""
    pieces: list[bytes] = []
    at = 0
    while (end := body.find(b"\r\n", at, at + 100)) >= 0:
        try:
            size = int(body[at:end].partition(b";")[0], 16)
        except ValueError:
            break
        if size <= 0:
            return b"".join(pieces)
        pieces.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
    return b"".join(pieces) or body
