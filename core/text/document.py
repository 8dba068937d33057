"""The text of a file as Satchel sees it, and the limits it is read under."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.errors import FileError
from core.messages import UNTITLED, About

MEMBER_SEPARATOR = " > "


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading, or the name of a part, that begins at character `start`.

    `about` is what a part says of itself, where a part is a document of its own
    (a message of a mailbox, a page of a web archive).
    """

    start: int
    title: str
    about: About | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file may be unfolded: characters of text, pages, bytes out of archives."""

    max_text_chars: int = 50_000_000
    max_pages: int = 20_000
    max_expanded_bytes: int = 400_000_000


@dataclass(frozen=True, slots=True)
class LineMap:
    """Which line of the file (from 1) the text comes from, at some characters in order."""

    starts: array[int] = field(default_factory=lambda: array("I"))
    lines: array[int] = field(default_factory=lambda: array("I"))

    def add(self, start: int, line: int) -> None:
        """Character `start`, which comes after all others so far, stands in this line."""
        self.starts.append(start)
        self.lines.append(line)

    def line_at(self, text: str, position: int) -> int | None:
        """The file's line of a character of `text`; None before the first one known."""
        index = bisect_right(self.starts, position) - 1
        if index < 0:
            return None
        first = self.lines[index]
        line = first + text.count("\n", self.starts[index], position)
        after = self.lines[index + 1] if index + 1 < len(self.lines) else line
        return min(line, after) if after >= first else line  # a calendar's lines are reordered


@dataclass(frozen=True, slots=True)
class Document:
    """All text of one file. The same bytes give the same characters, every time.

    `page_chars` is the length of each page's text in characters, the newline at
    its end included; it sums to `len(text)`, or is empty where the format has no
    pages. `pages_without_text` (from 1) are those that show something and say
    nothing: pictures of text. `headings` and `members` (sheets, messages,
    attachments) are in order of `start`. `line_map` is there where the text is not
    the file's own, but has lines to open it at. `slow` says that reading a span
    back means parsing the whole file again.
    """

    text: str
    kind: str
    slow: bool = False
    page_chars: tuple[int, ...] = ()
    pages_without_text: tuple[int, ...] = ()
    headings: tuple[Heading, ...] = ()
    members: tuple[Heading, ...] = ()
    line_map: LineMap | None = None
    about: About = UNTITLED

    def breaks(self) -> tuple[int, ...]:
        """The characters at which a chunk may begin but none may go across: where members do."""
        return tuple(member.start for member in self.members)

    def member_at(self, position: int) -> Heading | None:
        """The member that a character stands in."""
        return _last(self.members, position)

    def heading_at(self, position: int) -> str | None:
        """The heading above a character, in the same member; None without one."""
        heading, member = _last(self.headings, position), self.member_at(position)
        if heading is None or (member is not None and heading.start < member.start):
            return None
        return heading.title


def _last(marks: Sequence[Heading], position: int) -> Heading | None:
    """The last mark at or before a character."""
    index = bisect_right(marks, position, key=lambda mark: mark.start)
    return marks[index - 1] if index else None


class TextBuilder:
    """Collects text in order and refuses to grow past a limit.

    Raises FileError (problem "skipped") from `add` when the text gets longer
    than `limits.max_text_chars`: documents are indexed whole or not at all.
    """

    def __init__(self, path: str, limits: Limits) -> None:
        self._path = path
        self._max_chars = limits.max_text_chars
        self._pieces: list[str] = []
        self.chars = 0
        self.headings: list[Heading] = []
        self.members: list[Heading] = []
        self.line_map = LineMap()

    def add(self, text: str) -> None:
        """Append text as it is."""
        if not text:
            return
        self.chars += len(text)
        if self.chars > self._max_chars:
            raise too_long(self._path, self._max_chars)
        self._pieces.append(text)

    def line_break(self, lines: int = 1) -> None:
        """Make sure that the text so far ends in at least `lines` newlines, unless it is empty."""
        if not self.chars:
            return
        have = 0
        for piece in reversed(self._pieces):
            body = piece.rstrip("\n")
            have += len(piece) - len(body)
            if body or have >= lines:
                break
        self.add("\n" * (lines - have))

    def heading(self, title: str) -> None:
        """Append a heading as a paragraph of its own and remember where it stands."""
        title = " ".join(title.split())
        if not title:
            return
        self.line_break(2)
        self.headings.append(Heading(self.chars, title))
        self.add(title + "\n\n")

    def heading_mark(self, title: str) -> None:
        """Name what follows without adding words to the text: a time, the number of a cell."""
        self.headings.append(Heading(self.chars, title))

    def member(self, name: str, about: About | None = None) -> None:
        """Begin a named part (a sheet, an attachment) here, its name on a line of its own."""
        name = clean_title(name) or "?"
        self.member_mark(name, about)
        self.add(name + "\n")

    def member_mark(self, name: str, about: About | None = None) -> None:
        """Begin a named part here; its name is in its text already, or goes without saying."""
        self.line_break(2)
        self.members.append(Heading(self.chars, clean_title(name) or "?", about))

    def describe_member(self, about: About) -> None:
        """Say what the last member is about, once that is known."""
        self.members[-1] = replace(self.members[-1], about=clean_about(about))

    def from_line(self, line: int) -> None:
        """What is added next comes from this line of the file (from 1)."""
        self.line_map.add(self.chars, line)

    def append(self, document: Document, name: str, about: About | None = None) -> None:
        """Add a document as a part called `name`; its own parts become "name > part"."""
        self.member_mark(name, about)
        self.add(name.rpartition(MEMBER_SEPARATOR)[2] + "\n")
        base = self.chars
        self.add(document.text)
        self.headings += [replace(one, start=base + one.start) for one in document.headings]
        inner = [
            Heading(base + one.start, name + MEMBER_SEPARATOR + one.title, one.about or about)
            for one in document.members
        ]
        if inner and inner[0].start == base:
            # Its first part takes the name's line, which would else stand alone.
            inner[0] = replace(inner[0], start=self.members.pop().start)
        self.members += inner

    def text(self) -> str:
        """Everything so far. Never holds half a surrogate pair."""
        return without_surrogates("".join(self._pieces))

    def document(
        self, kind: str, *, about: About = UNTITLED, slow: bool = False, pages: Sequence[int] = ()
    ) -> Document:
        """The finished document."""
        return Document(
            text=self.text(),
            kind=kind,
            slow=slow,
            page_chars=tuple(pages),
            headings=tuple(self.headings),
            members=tuple(self.members),
            line_map=self.line_map if self.line_map.starts else None,
            about=clean_about(about),
        )


def without_surrogates(text: str) -> str:
    """The text with lone surrogates, which no encoding can carry, as U+FFFD; same length."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text


def words(text: str) -> frozenset[str]:
    """The blank-separated words of a constant table."""
    return frozenset(text.split())


def clean_title(title: str | None) -> str | None:
    """A title on one line, at most 300 characters; None when nothing is left of it."""
    words = " ".join(without_surrogates(title or "").replace("\x00", "").split())
    return words[:300] or None


def clean_about(about: About) -> About:
    """The same with title and author on one line each, or None where nothing is left."""
    return About(
        clean_title(about.title), clean_title(about.author), about.created_s, about.modified_s
    )


def too_long(path: str, max_chars: int) -> FileError:
    """The error for a file whose text is over the limit."""
    return FileError(
        path,
        f"holds more than {max_chars // 1_000_000} million characters of text; "
        "split it into smaller files to have it searched",
        "skipped",
    )
