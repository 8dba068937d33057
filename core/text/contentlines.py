"""Content lines of calendars and address books (RFC 5545, RFC 6350; vCard 2.1 as well)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.text.encoding import decode
from core.text.source import Source

_NAME = re.compile(r"(?:[\w-]{1,60}\.)?([\w-]{1,60})")
_PARAMETER = re.compile(
    r";([\w-]{1,60})(?:=((?:\"[^\"]*\"|[^\";:,]*)(?:,(?:\"[^\"]*\"|[^\";:,]*))*))?"
)
_ESCAPE = re.compile(r"\\(.)")
_MOST_PARAMETERS = 50


@dataclass(frozen=True, slots=True)
class ContentLine:
    """One property: its name in capitals, its parameters, its value as written, its line."""

    name: str
    parameters: dict[str, str]
    value: str
    line: int

    def text(self) -> str:
        """The value with its escapes undone."""
        return unescape(self.value).strip()

    def fields(self) -> list[str]:
        """What semicolons separate in a name or an address, without the empty parts."""
        parts = [part.replace("\0", ";") for part in self.value.replace("\\;", "\0").split(";")]
        return [text for part in parts if (text := " ".join(unescape(part).split()))]


def content_lines(source: Source) -> Iterator[ContentLine]:
    """The properties of a file in order, folded lines joined; what is none is left out.

    Raises FileError when it cannot be read or is too large.
    """
    limits = source.limits
    text = decode(source.read(min(limits.max_expanded_bytes, limits.max_text_chars * 2)))
    for number, line in _unfolded(text):
        name = _NAME.match(line)
        if name is None:
            continue
        parameters: dict[str, str] = {}
        at = name.end()
        while len(parameters) < _MOST_PARAMETERS and (match := _PARAMETER.match(line, at)):
            # vCard 2.1 writes the value of TYPE and ENCODING alone.
            key, value = match[1].upper(), (match[2] or "").strip('"')
            parameters[key] = value
            at = match.end()
        if line[at : at + 1] != ":":
            continue
        value = line[at + 1 :]
        encoding = parameters.get("ENCODING", "").upper()
        if encoding == "QUOTED-PRINTABLE" or "QUOTED-PRINTABLE" in parameters:
            raw = binascii.a2b_qp(value.encode("utf-8", "surrogateescape"))
            value = decode(raw, parameters.get("CHARSET"))
        elif encoding in ("B", "BASE64") or "BASE64" in parameters:
            continue  # pictures, sounds, keys
        yield ContentLine(name[1].upper(), parameters, value, number)


def unescape(value: str) -> str:
    """A value as it was meant: \\n is a new line, other escaped characters are themselves."""
    return _ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers (from 1), continuations joined to the line that they continue."""
    parts: list[str] = []
    began = 1
    soft = False  # the line so far ends in a soft break of quoted-printable
    for number, line in enumerate(text.split("\n"), 1):
        if parts and soft:
            parts[-1] = parts[-1][:-1]
            parts.append(line)
        elif parts and line[:1] in (" ", "\t"):
            parts.append(line[1:])
        else:
            if parts:
                yield began, "".join(parts)
            parts, began = [line], number
        soft = line.endswith("=") and "QUOTED-PRINTABLE" in parts[0][:300].upper()
    if parts:
        yield began, "".join(parts)
