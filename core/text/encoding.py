"""From bytes to characters, whatever encoding a person's old files are in."""

from __future__ import annotations

import codecs
import re

from core.text.document import words
from core.text.guess import guess_encoding, looks_written

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Python has codecs that are no encodings of text; some of them take the square of the time.
_NO_TEXT = words("idna punycode unicode-escape raw-unicode-escape undefined")
# What writers call these and really mean, as browsers have it (https://encoding.spec.whatwg.org).
_MEANT = {
    "ascii": "",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "x-sjis": "cp932",
    "x-gbk": "gb18030",
    "utf-16": "utf-16-le",
    "utf-32": "utf-32-le",
}
# Encodings whose bytes are all ASCII to look at.
_SEVEN_BITS = ("iso2022", "hz", "utf-7")
_NO_FIRST_BYTES = bytes(range(0xC2))  # in UTF-8 those of characters above ASCII are not these
_SAMPLE_BYTES = 64_000
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_BLANKS = str.maketrans({"\x00": " ", "\x0b": " ", "\x0c": " "})
_MOST_DAMAGE = 0.02  # of the characters above ASCII, in what is UTF-8 all the same
_FEWEST_LINES = 2  # of UTF-8 in a text that is partly that
_FEW = 4  # among so many one may be broken


def looks_binary(head: bytes) -> bool:
    """Whether the first bytes of a file are no text in any encoding Satchel reads."""
    if not head or any(head.startswith(mark) for mark, _ in _BOMS):
        return False
    if _wide_without_mark(head):
        return False
    if b"\x00" in head:
        return True
    controls = sum(byte < 9 or 13 < byte < 32 for byte in head)
    # EBCDIC has its newline and tab among the controls; ISO-2022 has escapes.
    return controls > len(head) * 0.05 and controls != head.count(b"\x1b") + head.count(b"\x15")


def decode(data: bytes, declared: str | None = None) -> str:
    """The characters of a text file, newlines as "\\n", byte order mark dropped.

    A mark wins, then UTF-16 and UTF-32 by their zero bytes, then UTF-8 if all of
    it is valid, then the `declared` encoding if all of it is valid in that, then
    UTF-8 with a little damage or with lines of something older, then the likeliest
    of the usual legacy encodings, then cp1252. Never raises; what cannot be decoded becomes U+FFFD.
    """
    return clean(_decode(data, declared))


def clean(text: str) -> str:
    """The text with newlines as "\\n" and with NUL, vertical tab and form feed as blanks."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x00" in text or "\x0b" in text or "\x0c" in text:
        text = text.translate(_BLANKS)
    return text


def _decode(data: bytes, declared: str | None) -> str:
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, errors="replace")
    wide = _wide_without_mark(data[:_SAMPLE_BYTES])
    if wide:
        return data.decode(wide, errors="replace")
    meant = _codec(declared)
    # Japanese mail is pure ASCII to look at, but for its escapes.
    seven_bits = meant.startswith(_SEVEN_BITS)
    first = "iso2022_jp" if b"\x1b$" in data and not seven_bits else meant if seven_bits else ""
    for name in (first, "utf-8", "" if seven_bits else meant):
        if name:
            try:
                return data.decode(name)
            except (UnicodeError, ValueError):
                pass
    return _repaired(data) or _mixed(data) or _by_guess(data, meant)


def _codec(declared: str | None) -> str:
    """The codec that a declared name means; "" when there is none that is for text."""
    if not declared:
        return ""
    lowered = declared.strip().lower()
    try:
        name = codecs.lookup(_MEANT.get(lowered) or lowered).name
        "".encode(name)  # some are for bytes only
    except (LookupError, ValueError, TypeError):
        return ""
    return "" if name in _NO_TEXT else _MEANT.get(name, name)


def _repaired(data: bytes) -> str | None:
    """UTF-8 with a few broken characters; None when it is something else."""
    text = ""
    for part in (_sample(data), data):
        text = part.decode("utf-8", errors="replace")
        high = len(part.translate(None, _NO_FIRST_BYTES))
        if text.count("\ufffd") > max(high * _MOST_DAMAGE, high >= _FEW):
            return None
    return text


def _mixed(data: bytes) -> str | None:
    """Lines of UTF-8 among lines of something older, as in logs; None when it is not so."""
    high_lines = [line for line in _sample(data).split(b"\n") if not line.isascii()]
    valid = sum(map(_is_utf8, high_lines))
    if valid < _FEWEST_LINES or valid * 4 < len(high_lines):
        return None
    lines = data.split(b"\n")
    older = b"\n".join(line for line in lines if not _is_utf8(line))
    name = guess_encoding(older[:_SAMPLE_BYTES]) or "cp1252"
    return "\n".join(
        line.decode("utf-8" if _is_utf8(line) else name, errors="replace") for line in lines
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _by_guess(data: bytes, declared: str) -> str:
    """Decode with the most plausible legacy encoding; cp1252 when none stands out."""
    name = guess_encoding(_sample(data)) or declared or "cp1252"
    text = data.decode(name, errors="replace")
    # Mainframes end a line with NEL.
    return text.replace("\x85", "\n") if name == "cp500" else text


def _sample(data: bytes) -> bytes:
    """Enough to guess by: the beginning, and the lines with high bytes if that is all ASCII."""
    head = data[:_SAMPLE_BYTES]
    if len(data) <= _SAMPLE_BYTES or not head.isascii():
        return head
    first = re.search(rb"[\x80-\xff]", data)
    start = max(0, first.start() - 2_000) if first else 0
    return data[start : start + _SAMPLE_BYTES]


def _wide_without_mark(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: blanks, digits and newlines have zeros in them.

    Text of mostly Latin letters has one in every other byte; of other scripts it
    must look like a language.
    """
    if len(head) < 4 or b"\x00" not in head:
        return None
    quarter, half = len(head) // 4, len(head) // 2
    for name, top, second in (("utf-32-le", 3, 2), ("utf-32-be", 0, 1)):
        tops, seconds = head[top : quarter * 4 : 4], head[second : quarter * 4 : 4]
        if tops.count(0) == quarter > 1 and seconds.count(0) * 10 > quarter * 9:
            return name if _is_text(head[: quarter * 4], name) else None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    for zeros, others, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if others * 3 < zeros and _is_text(head[: half * 2], name):
            latin = zeros > half * 0.4 and others * 20 < zeros
            if latin or looks_written(head[: half * 2].decode(name, "replace")):
                return name
    return None


def _is_text(data: bytes, name: str) -> bool:
    text = data.decode(name, errors="replace")
    return len(_CONTROLS.findall(text)) * 50 < len(text) > text.count("\ufffd") * 50
