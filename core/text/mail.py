"""E-mail: single messages, mailboxes and saved web pages (MHTML), by the standard library."""

from __future__ import annotations

import email.errors
import email.policy
import os
import re
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import PurePath

from core.errors import FileError
from core.messages import UNTITLED, About
from core.text import dates
from core.text.document import MEMBER_SEPARATOR, Document, TextBuilder, clean_title
from core.text.encoding import decode
from core.text.html import add_html, html_source
from core.text.mail_headers import about_message, file_name, header
from core.text.source import Source, os_failure

Reader = Callable[[Source], Document]

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_MAX_DEPTH = 10  # of parts in parts, and of messages in messages
_MAX_PARTS = 10_000
_MAX_MESSAGE_BYTES = 80_000_000  # the library needs seven times as much memory
_LONGEST_LINE = 1_000_000
_HEADER_BYTES = 64_000
_FROM_LINE = re.compile(rb"From (?:[^\n]{0,300}\d\d:\d\d|\?\?\?@\?\?\?)")
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.M)
# For parts whose names do not say what they are.
_SUFFIXES = {
    "text/calendar": ".ics",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "text/html": ".html",
    "text/csv": ".csv",
    "text/markdown": ".md",
    "text/rtf": ".rtf",
    "text/xml": ".xml",
    "application/rtf": ".rtf",
    "application/pdf": ".pdf",
    "application/msword": ".doc",
    "application/epub+zip": ".epub",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
}
# Text that says something in a form of its own, even when it is not an attachment.
_FORMS = frozenset(("text/calendar", "text/vcard", "text/x-vcard"))


def extract_mail(source: Source, kind: str, read: Reader) -> Document:
    """Messages as header lines, text and attachments, which `read` reads by their type.

    `kind` is "eml", "mbox" or "mhtml". Each message of a mailbox is a member named
    by its subject, each attachment and each message inside a message one of its
    own, "message > file". An attachment that cannot be read is named with the
    reason. Raises FileError ("failed", "skipped").
    """
    out = TextBuilder(source.path, source.limits)
    writer = _Writer(out, source, read)
    if kind == "mbox":
        for data, whole in _messages(source):
            _add_boxed(writer, out, data, whole)
        return out.document(kind, slow=True)
    data = source.read(min(source.limits.max_expanded_bytes, _MAX_MESSAGE_BYTES))
    message = message_from_bytes(data, policy=email.policy.compat32)
    if kind == "mhtml":
        return out.document(kind, about=writer.web_page(message))
    writer.message(message, "", None)
    return out.document(kind, about=about_message(message), slow=writer.slow)


def _add_boxed(writer: _Writer, out: TextBuilder, data: bytes, whole: bool) -> None:
    """Add one message of a mailbox; of one that is too large what its headers say."""
    try:
        message = message_from_bytes(data, policy=email.policy.compat32)
    except RecursionError:
        out.member_mark("message")
        out.add("A message whose parts are nested too deeply to be read.\n")
        return
    about = about_message(message)
    name = about.title or "(no subject)"
    out.member_mark(name, about)
    if whole:
        writer.message(message, name, about)
    else:
        writer.headers(message)
        out.add(f"This message is larger than {_MAX_MESSAGE_BYTES // 1_000_000} MB.\n")


def _messages(source: Source) -> Iterator[tuple[bytes, bool]]:
    """The messages of an mbox file: each begins with a line "From ..." after an empty one.

    One at a time, so that a large mailbox needs little memory; of a message that
    is too large only the beginning, and False.
    """
    with source.open() as file:
        if file.seek(0, os.SEEK_END) > source.limits.max_expanded_bytes:
            source.read()  # says that it is too large
        file.seek(0)
        message = _Boxed()
        after_empty = True
        try:
            while line := file.readline(_LONGEST_LINE):
                if after_empty and line.startswith(b"From ") and _FROM_LINE.match(line):
                    yield from message.found()
                    message = _Boxed()
                else:
                    message.add(line)
                after_empty = line in (b"\n", b"\r\n")
        except OSError as error:
            raise os_failure(source.path, error) from error
        yield from message.found()


class _Boxed:
    """The lines of one message of a mailbox, as far as they may be kept."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._bytes = 0

    def add(self, line: bytes) -> None:
        self._bytes += len(line)
        if self._bytes <= _MAX_MESSAGE_BYTES:
            self._lines.append(line)

    def found(self) -> Iterator[tuple[bytes, bool]]:
        """The message, if there is any, and whether it is whole."""
        whole = self._bytes <= _MAX_MESSAGE_BYTES
        data = b"".join(self._lines) if whole else b"".join(self._lines[:50])[:_HEADER_BYTES]
        if data.strip():
            yield _QUOTED_FROM.sub(rb"\1", data), whole


class _Writer:
    """Appends messages to a text: first what they say, then what is attached to them."""

    def __init__(self, out: TextBuilder, source: Source, read: Reader) -> None:
        self._out = out
        self._source = source
        self._read = read
        self._parts_left = _MAX_PARTS
        self.slow = False

    def message(self, message: Message, name: str, about: About | None, depth: int = 0) -> None:
        """Add a message. `name` is what its attachments are said to be in, "" for the file."""
        self.headers(message)
        texts: list[Message] = []
        attached: list[Message] = []
        self._sort(message, texts, attached)
        for part in texts:
            self._text(part)
        for part in attached:
            self._attachment(part, name, about, depth)
        self._out.line_break(2)

    def headers(self, message: Message) -> None:
        """Add who wrote when to whom about what."""
        for label in _HEADERS:
            value = header(message, label)
            if value:
                self._out.line_break()
                self._out.add(f"{label}: {value}\n")
        self._out.line_break(2)

    def web_page(self, message: Message) -> About:
        """Add the pages of an MHTML file; gives what the first of them says of itself."""
        texts: list[Message] = []
        self._sort(message, texts, [])
        found = [self._text(part) for part in texts if part.get_content_type() != "text/css"]
        page = next(filter(None, found), UNTITLED)
        date = dates.from_mail(header(message, "Date"))
        return About(
            header(message, "Subject") or page.title,
            page.author,
            date if page.created_s is None else page.created_s,
            page.modified_s,
        )

    def _sort(
        self, part: Message, texts: list[Message], attached: list[Message], depth: int = 0
    ) -> None:
        """Tell what a message says from what is attached to it, both in order."""
        self._parts_left -= 1
        if self._parts_left < 0:
            return
        content = _parts(part)
        kind = part.get_content_type()
        if content is not None and kind != "message/rfc822":
            if depth >= _MAX_DEPTH:
                return
            if kind == "multipart/alternative":
                content = _best(content)
            for one in content:
                self._sort(one, texts, attached, depth + 1)
        elif (
            part.get_content_maintype() == "text"
            and kind not in _FORMS
            and file_name(part) is None
            and part.get_content_disposition() != "attachment"
        ):
            texts.append(part)
        elif content is not None or file_name(part) or kind in _SUFFIXES:
            attached.append(part)

    def _text(self, part: Message) -> About | None:
        self._out.line_break(2)
        declared = part.get_content_charset()
        body = _body(part)
        if part.get_content_type() == "text/html":
            return add_html(self._out, decode(body, declared) if declared else html_source(body))
        self._out.add(decode(body, declared))
        return None

    def _attachment(self, part: Message, inside: str, about: About | None, depth: int) -> None:
        content = _parts(part)
        if content is not None:
            for message in content:
                own = about_message(message)
                name = _joined(inside, own.title or "forwarded message")
                if depth < _MAX_DEPTH:
                    self._out.member_mark(name, own)
                    self.message(message, name, own, depth + 1)
                else:
                    self._unread(name, "is nested too deeply to be read")
            return
        kind = part.get_content_type()
        name = file_name(part) or "unnamed" + _SUFFIXES.get(kind, "")
        body = _body(part)
        if part.get_content_maintype() == "text":
            body = decode(body, part.get_content_charset()).encode("utf-8", "replace")
        suffix = "" if PurePath(name).suffix else _SUFFIXES.get(kind, "")
        try:
            document = self._read(self._source.inner(name + suffix, body))
        except FileError as error:
            self._unread(name, error.reason)
            return
        self.slow = self.slow or document.slow
        self._out.append(document, _joined(inside, name), about)

    def _unread(self, name: str, reason: str) -> None:
        self._out.line_break()
        self._out.add(f"Attachment: {name.rpartition(MEMBER_SEPARATOR)[2]} ({reason})\n")


def _joined(inside: str, name: str) -> str:
    name = clean_title(name) or "unnamed"
    return f"{inside}{MEMBER_SEPARATOR}{name}" if inside else name


def _parts(part: Message) -> list[Message] | None:
    """The parts of a part; None when it is a whole one."""
    content = part.get_payload()
    if not isinstance(content, list):
        return None
    return [one for one in content if isinstance(one, Message)]


def _best(content: list[Message]) -> list[Message]:
    """Of the same text in several forms the plain one when it has words, else the last.

    An invitation is its calendar entry as well.
    """
    plain = [one for one in content if one.get_content_type() == "text/plain"]
    worded = [one for one in plain if _body(one).strip()]
    forms = [one for one in content if one.get_content_type() in _FORMS]
    others = [one for one in content if one.get_content_type() not in _FORMS]
    return (worded[:1] or others[-1:]) + forms


def _body(part: Message) -> bytes:
    """The part's bytes, out of base64 or quoted-printable; empty when they are beyond repair."""
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError, email.errors.MessageError):
        return b""
    return payload if isinstance(payload, bytes) else b""
