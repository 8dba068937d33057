"""Text that is stored as text: plain, Markdown, source code, tables with separators."""

from __future__ import annotations

import re

from core.messages import About
from core.text.document import Document, Heading, Limits, clean_title, too_long
from core.text.encoding import decode
from core.text.source import read_bytes

_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_HASHES = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{3,})[ \t]*$")
_FRONT_TITLE = re.compile(r"\A---\n(?:.*\n)*?title:[ \t]*[\"']?(.*?)[\"']?[ \t]*\n(?:.*\n)*?---\n")


def extract_plain(path: str, kind: str, limits: Limits) -> Document:
    """The text of a file as it stands. Raises FileError when it cannot be read or is too long."""
    text = decode(read_bytes(path, limits.max_text_chars * 4))
    if len(text) > limits.max_text_chars:
        raise too_long(path, limits.max_text_chars)
    headings = markdown_headings(text) if kind == "markdown" else ()
    title = headings[0].title if headings else None
    if kind == "markdown" and (front := _FRONT_TITLE.match(text[:4_000])):
        title = front[1]
    return Document(text=text, kind=kind, headings=headings, about=About(clean_title(title)))


def markdown_headings(text: str) -> tuple[Heading, ...]:
    """Headings of a Markdown text, `#` and underlined ones, outside fenced code."""
    found: list[Heading] = []
    fence = ""
    before = ""
    position = 0
    for line in text.split("\n"):
        if mark := _FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence):
                fence = ""
        elif not fence:
            if match := _HASHES.match(line):
                if match[1]:
                    found.append(Heading(position, match[1]))
            elif before.strip() and _UNDERLINE.match(line) and _can_be_title(before):
                found.append(Heading(position - len(before) - 1, before.strip()))
        before = line
        position += len(line) + 1
    return tuple(found)


def _can_be_title(line: str) -> bool:
    return not line.lstrip().startswith(("#", ">", "-", "*", "|", "```", "~~~"))
