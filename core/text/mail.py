"""E-mail: single messages, mailboxes and saved web pages (MHTML), by the standard library."""

from __future__ import annotations

import email.errors
import email.policy
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from typing import Any

from core.messages import About
from core.text.document import Document, Limits, TextBuilder
from core.text.encoding import clean, decode
from core.text.html import add_html, html_source
from core.text.source import read_bytes

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_MAX_DEPTH = 10
_FROM_LINE = re.compile(rb"^From .*\r?\n", re.M)
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bq]\?[^?\s]*\?=", re.I)


def extract_mail(path: str, kind: str, limits: Limits) -> Document:
    """Messages as header lines and text; attachments of text are read, others named.

    `kind` is "eml", "mbox" or "mhtml". Each message of a mailbox is a heading,
    each attachment a member. Raises FileError ("failed", "skipped").
    """
    data = read_bytes(path, limits.max_expanded_bytes)
    out = TextBuilder(path, limits)
    title = None
    for source in _messages(data) if kind == "mbox" else (data,):
        message = message_from_bytes(source, policy=email.policy.compat32)
        subject = _header(message, "Subject")
        title = title or subject
        if kind == "mbox":
            out.heading(subject or "(no subject)")
        _Mail(out, path, web_page=kind == "mhtml").add(message)
    return out.document(kind, about=About(title))


def _messages(data: bytes) -> Iterator[bytes]:
    """The messages of an mbox file: each begins with a line "From ..." after an empty one."""
    marks = [
        mark
        for mark in _FROM_LINE.finditer(data)
        if mark.start() == 0 or data[: mark.start()].endswith((b"\n\n", b"\r\n\r\n"))
    ]
    ends = [mark.start() for mark in marks[1:]] + [len(data)]
    for mark, end in zip(marks, ends, strict=True):
        yield data[mark.end() : end]


class _Mail:
    def __init__(self, out: TextBuilder, path: str, *, web_page: bool) -> None:
        self._out = out
        self._path = path
        self._web_page = web_page

    def add(self, message: Message, depth: int = 0) -> None:
        """Append one message: its header lines, then its parts in order."""
        for name in _HEADERS:
            value = _header(message, name)
            if value and not self._web_page:
                self._out.line_break()
                self._out.add(f"{name}: {value}\n")
        self._out.line_break(2)
        self._part(message, depth)
        self._out.line_break(2)

    def _part(self, part: Message, depth: int) -> None:
        content = part.get_payload()
        if isinstance(content, list):
            if depth < _MAX_DEPTH:
                self._parts(part, content, depth + 1)
            return
        name = _file_name(part)
        kind = part.get_content_type()
        if kind == "text/html":
            self._out.line_break(2)
            if name:
                self._out.member(name)
            add_html(self._out, self._path, self._html(part))
        elif part.get_content_maintype() == "text" and not (self._web_page and kind == "text/css"):
            self._out.line_break(2)
            if name:
                self._out.member(name)
            self._out.add(decode(_body(part), part.get_content_charset()))
        elif name and not self._web_page:
            self._out.line_break(2)
            self._out.add(f"Attachment: {name}\n")

    def _parts(self, part: Message, content: list[Any], depth: int) -> None:
        if part.get_content_type() == "message/rfc822":
            for inner in content:
                self._out.member(_header(inner, "Subject") or "forwarded message")
                self.add(inner, depth)
        elif part.get_content_type() == "multipart/alternative":
            # The same text in several forms: the plain one when it has words, else the best.
            plain = [one for one in content if one.get_content_type() == "text/plain"]
            worded = [one for one in plain if _body(one).strip()]
            for one in worded[:1] or content[-1:]:
                self._part(one, depth)
        else:
            for one in content:
                self._part(one, depth)

    def _html(self, part: Message) -> str:
        declared = part.get_content_charset()
        body = _body(part)
        return decode(body, declared) if declared else html_source(body)


def _body(part: Message) -> bytes:
    """The part's bytes, out of base64 or quoted-printable; empty when they are beyond repair."""
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError, email.errors.MessageError):
        return b""
    return payload if isinstance(payload, bytes) else b""


def _header(message: Message, name: str) -> str | None:
    """A header with its encoded words decoded and folding undone; None when absent."""
    raw = message.get(name)
    if raw is None:
        return None
    text = str(raw)
    pieces: list[str] = []
    try:
        if _ENCODED_WORD.search(text):
            for piece, charset in decode_header(text):
                pieces.append(
                    piece
                    if isinstance(piece, str)
                    else decode(piece, charset if charset != "unknown-8bit" else None)
                )
            text = "".join(pieces)
        else:
            text = decode(text.encode("utf-8", "surrogateescape"))
    except (ValueError, LookupError, email.errors.MessageError):
        pass  # shown as it was written
    return " ".join(clean(text).split()) or None


def _file_name(part: Message) -> str | None:
    try:
        name = part.get_filename()
    except (ValueError, LookupError, TypeError):
        return None
    return " ".join(name.split()) if name else None
