"""Headers of e-mail: encoded words, raw bytes, names of attachments."""

from __future__ import annotations

import binascii
import re
from email.message import Message

from core.messages import About
from core.text import dates
from core.text.document import clean_title
from core.text.encoding import clean, decode

_LONGEST = 20_000
# RFC 2047: =?charset*language?encoding?text?=
_ENCODED_WORD = re.compile(r"=\?([^?*\s]{1,40})(?:\*[^?\s]*)?\?([bq])\?([^?\n]*)\?=", re.I)


def header(message: Message, name: str) -> str | None:
    """A header on one line, its encoded words decoded; None when absent."""
    # As it was written: the library's usual way loses bytes that are not ASCII.
    wanted = name.lower()
    raw = next((value for key, value in message.raw_items() if key.lower() == wanted), None)
    if raw is None:
        return None
    text = decode(str(raw)[:_LONGEST].encode("utf-8", "surrogateescape"))
    return " ".join(clean(decode_words(text)).split()) or None


def file_name(part: Message) -> str | None:
    """What a part of a message is to be called when it is saved."""
    try:
        name = part.get_filename()
    except (ValueError, LookupError, TypeError):
        return None
    return clean_title(decode_words(name)) if name else None


def about_message(message: Message) -> About:
    """Subject, sender and date of a message."""
    return About(
        clean_title(header(message, "Subject")),
        clean_title(header(message, "From")),
        dates.from_mail(header(message, "Date")),
    )


def decode_words(text: str) -> str:
    """A header with its encoded words decoded; one beyond repair stays as it was written.

    Blanks between two encoded words are none, and a character may begin in one
    and end in the next.
    """
    pieces: list[str] = []
    waiting = b""
    charset = ""
    end = 0
    for match in _ENCODED_WORD.finditer(text):
        gap, end = text[end : match.start()], match.end()
        data = _word_bytes(match[2], match[3])
        if waiting and (gap.strip() or match[1] != charset or data is None):
            pieces.append(decode(waiting, charset))
            waiting = b""
        if gap.strip() or not charset or data is None:
            pieces.append(gap)
        waiting, charset = waiting + (data or b""), match[1] if data is not None else ""
        if data is None:
            pieces.append(match[0])
    if waiting:
        pieces.append(decode(waiting, charset))
    return "".join([*pieces, text[end:]])


def _word_bytes(encoding: str, text: str) -> bytes | None:
    try:
        data = text.encode("ascii")
        if encoding in "qQ":
            return binascii.a2b_qp(data, header=True)
        return binascii.a2b_base64(data + b"===")
    except (binascii.Error, UnicodeEncodeError):
        return None
