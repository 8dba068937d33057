"""XML of any kind: its text in order, without tags and attributes.

Attribute values are left out: they are mostly names for programs, and nothing in
XML tells the others apart. No entity is expanded but the five of XML itself, no
DTD or file is ever fetched.
"""

from __future__ import annotations

import re
from html import unescape
from xml.parsers import expat

from core.text.document import Document, TextBuilder
from core.text.encoding import decode
from core.text.html import extract_html
from core.text.plain import extract_plain
from core.text.source import Source

_DECLARED = re.compile(rb"<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9_:.-]{2,40})", re.I)
_HTML = re.compile(rb"<(?:!doctype\s+)?html[\s>]", re.I)
_PIECE_CHARS = 1 << 16
_MAX_DEPTH = 10_000


def extract_xml(source: Source) -> Document:
    """The text of an XML file, with the lines it comes from.

    A web page is read as one, and a file that is not well-formed as plain text.
    Raises FileError when it cannot be read or is too long.
    """
    head = source.head(2_000)
    if _HTML.search(head):
        return extract_html(source)
    data = source.read(min(source.limits.max_expanded_bytes, source.limits.max_text_chars * 8))
    declared = _DECLARED.search(head)
    text = decode(data, declared[1].decode("ascii") if declared else None)
    del data
    out = TextBuilder(source.path, source.limits)
    reader = _Reader(out)
    try:
        reader.run(text)
    except expat.ExpatError:
        return extract_plain(source, "code")
    return out.document("xml")


class _Reader:
    """Joins text that stands together; a line ends between elements that do not mix with text."""

    def __init__(self, out: TextBuilder) -> None:
        self._out = out
        self._ended = False  # an element ended here, and no text has come since
        self._space = False  # a blank is due before the next word
        self._fresh = True  # the line has no words yet
        self._line = 1
        self._depth = 0
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        # Entities that a DTD elsewhere may define are no error then.
        self._parser.UseForeignDTD(True)
        self._parser.StartElementHandler = lambda _name, _attributes: self._tag(starts=True)
        self._parser.EndElementHandler = lambda _name: self._tag(starts=False)
        self._parser.CharacterDataHandler = self._text
        # With this handler expat leaves entities as they are written.
        self._parser.DefaultHandler = self._other

    def run(self, text: str) -> None:
        """Read all of it. Raises ExpatError when it is not well-formed."""
        for at in range(0, len(text), _PIECE_CHARS):
            self._parser.Parse(text[at : at + _PIECE_CHARS].encode("utf-8", "replace"))
        self._parser.Parse(b"", True)

    def _tag(self, *, starts: bool) -> None:
        self._depth += 1 if starts else -1
        if self._depth > _MAX_DEPTH:
            raise expat.ExpatError("elements in elements without end")
        if starts and self._ended:
            self._break()
        self._ended = not starts
        self._line = self._parser.CurrentLineNumber

    def _break(self) -> None:
        if not self._fresh:
            self._out.add("\n")
            self._fresh, self._space = True, False

    def _text(self, text: str) -> None:
        """Blanks that hold a new line end the line, other blanks are one."""
        self._ended = False
        for number, line in enumerate(text.split("\n")):
            if number:
                self._break()
            words = " ".join(line.split())
            if words:
                if self._fresh:
                    self._out.from_line(self._line + number)
                elif self._space or line[0].isspace():
                    self._out.add(" ")
                self._out.add(words)
                self._fresh = False
            self._space = line[-1:].isspace()
        self._line += text.count("\n")

    def _other(self, text: str) -> None:
        """Declarations, comments and entities; of these the names that web pages know."""
        self._line = self._parser.CurrentLineNumber + text.count("\n")
        if text.startswith("&") and (known := unescape(text)) != text:
            self._text(known)
