"""From bytes to characters, whatever encoding a person's old files are in."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import CharsetMatch, from_bytes

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What personal files are really written in. Fewer candidates, fewer absurd guesses.
_LEGACY = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258",
    "iso8859_2", "koi8_r", "mac_roman", "cp437", "cp850", "cp866", "cp037", "cp500",
    "shift_jis", "cp932", "euc_jp", "gb18030", "big5", "euc_kr", "cp949", "tis_620",
]  # fmt: skip
_RANK = {name: number for number, name in enumerate(_LEGACY)}
_SAMPLE_BYTES = 64_000
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_BLANKS = str.maketrans({"\x00": " ", "\x0b": " ", "\x0c": " "})


def looks_binary(head: bytes) -> bool:
    """Whether the first bytes of a file are no text in any encoding Satchel reads."""
    if not head or any(head.startswith(mark) for mark, _ in _BOMS):
        return False
    if _utf16_without_mark(head):
        return False
    if b"\x00" in head:
        return True
    controls = sum(byte < 9 or 13 < byte < 32 for byte in head)
    # EBCDIC has its newline and tab among the controls; ISO-2022 has escapes.
    return controls > len(head) * 0.05 and controls != head.count(b"\x1b") + head.count(b"\x15")


def decode(data: bytes, declared: str | None = None) -> str:
    """The characters of a text file, newlines as "\\n", byte order mark dropped.

    A mark wins, then UTF-8 if all of it is valid, then the `declared` encoding,
    then UTF-16 by its zero bytes, then a guess among the usual legacy
    encodings, then cp1252. Never raises; what cannot be decoded becomes U+FFFD.
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
    try:
        # Japanese mail is pure ASCII to look at, but for its escapes.
        return data.decode("iso2022_jp" if b"\x1b$" in data else "utf-8")
    except UnicodeDecodeError:
        pass
    if declared:
        try:
            return data.decode(declared, errors="replace")
        except (LookupError, ValueError):
            pass  # a name nobody knows, or a codec that is not for text
    wide = _utf16_without_mark(data[:_SAMPLE_BYTES])
    return data.decode(wide, errors="replace") if wide else _by_guess(data)


def _by_guess(data: bytes) -> str:
    """Decode with the most plausible legacy encoding; cp1252 when none stands out."""
    sample = _sample(data)
    high = sum(byte >= 0x80 for byte in sample)
    # Few high bytes among plain words fit a dozen encodings equally well, so a
    # statistical guess is a coin toss there; Western European is the likeliest.
    if not (high <= 8 and high * 10 <= len(sample)):
        found = list(from_bytes(sample, cp_isolation=_LEGACY))
        if found:
            # Several often fit alike (French reads well in cp1250 too): the commoner one then.
            alike = [one for one in found if _fit(one) == _fit(found[0])]
            best = min(alike, key=lambda one: _RANK.get(one.encoding, 0))
            return data.decode(best.encoding, errors="replace")
    return data.decode("cp1252", errors="replace")


def _fit(match: CharsetMatch) -> tuple[float, float]:
    return match.chaos, match.coherence


def _sample(data: bytes) -> bytes:
    """Enough to guess by: the beginning, and the lines with high bytes if that is all ASCII."""
    head = data[:_SAMPLE_BYTES]
    if len(data) <= _SAMPLE_BYTES or not head.isascii():
        return head
    first = re.search(rb"[\x80-\xff]", data)
    start = max(0, first.start() - 2_000) if first else 0
    return data[start : start + _SAMPLE_BYTES]


def _utf16_without_mark(head: bytes) -> str | None:
    """UTF-16 shows as zeros in every other byte where the text is mostly Latin."""
    if len(head) < 4 or b"\x00" not in head:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    for zeros, others, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros > half * 0.4 and others * 20 < zeros:
            text = head[: half * 2].decode(name, errors="replace")
            if len(_CONTROLS.findall(text)) * 50 < len(text):
                return name
    return None
