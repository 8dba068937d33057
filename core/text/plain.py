"""Text that is stored as text: plain, Markdown, source code, tables with separators."""

from __future__ import annotations

import re

import msgspec

from core.messages import UNTITLED, About
from core.text import dates
from core.text.document import (
    Document,
    Heading,
    clean_about,
    clean_title,
    too_long,
    without_surrogates,
)
from core.text.encoding import decode
from core.text.source import Source

_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_HASHES = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{3,})[ \t]*$")
_FRONT = re.compile(r"---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_FRONT_CHARS = 8_000
_PAIR = re.compile(r"([A-Za-z_-]{1,40})[ \t]*:(?:[ \t]+(.*))?$")
_ITEM = re.compile(r"[ \t]*-[ \t]+(?:name:[ \t]*)?(.*)")


def extract_plain(source: Source, kind: str) -> Document:
    """The text of a file as it stands. Raises FileError when it cannot be read or is too long."""
    limits = source.limits
    text = decode(source.read(min(limits.max_expanded_bytes, limits.max_text_chars * 4)))
    if len(text) > limits.max_text_chars:
        raise too_long(source.path, limits.max_text_chars)
    text = without_surrogates(text)
    if kind != "markdown":
        return Document(text=text, kind=kind)
    front = _FRONT.match(text[:_FRONT_CHARS])
    headings = markdown_headings(text, front.end() if front else 0)
    about = _front_matter(front[1]) if front else UNTITLED
    if not about.title and headings:
        about = msgspec.structs.replace(about, title=clean_title(headings[0].title))
    return Document(text=text, kind=kind, headings=headings, about=about)


def _front_matter(front: str) -> About:
    """What the lines between "---" at the beginning of a Markdown file say; no YAML beyond that.

    A list of authors may be written in brackets or as items below.
    """
    found: dict[str, str] = {}
    key = ""
    for line in front.split("\n"):
        if pair := _PAIR.match(line):
            key = pair[1].lower()
            found.setdefault(key, _unquoted(pair[2] or ""))
        elif (item := _ITEM.match(line)) and key:
            found[key] = ", ".join(filter(None, (found[key], _unquoted(item[1]))))

    def first(*names: str) -> str | None:
        return next((found[name] for name in names if found.get(name)), None)

    return clean_about(
        About(
            first("title"),
            first("author", "authors"),
            dates.from_words(first("date", "created", "published")),
            dates.from_words(first("modified", "updated", "lastmod", "last_modified")),
        )
    )


def _unquoted(value: str) -> str:
    """A value without its quotes, a list in brackets without those."""
    value = value.strip()
    if value.startswith("[") and value.endswith("]"):
        return ", ".join(filter(None, (_unquoted(one) for one in value[1:-1].split(","))))
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] in "\"'" else value


def markdown_headings(text: str, begin: int = 0) -> tuple[Heading, ...]:
    """Headings of a Markdown text from `begin` on, `#` and underlined ones, outside fenced code."""
    found: list[Heading] = []
    fence = ""
    before = ""
    position = begin
    for line in text[begin:].split("\n"):
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
