"""The text of a file as Satchel sees it, and the limits it is read under."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import FileError
from core.messages import UNTITLED, About


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
class Document:
    """All text of one file. The same bytes give the same characters, every time.

    `page_chars` is the length of each page's text in characters, the newline at
    its end included; it sums to `len(text)`, or is empty where the format has no
    pages. `headings` and `members` (sheets, attachments) are in order of `start`.
    `slow` says that reading a span back means parsing the whole file again.
    """

    text: str
    kind: str
    slow: bool = False
    page_chars: tuple[int, ...] = ()
    headings: tuple[Heading, ...] = ()
    members: tuple[Heading, ...] = ()
    about: About = UNTITLED


def last_at(marks: Sequence[Heading], position: int) -> str | None:
    """The title of the last mark at or before a character; None when all come later."""
    index = bisect_right(marks, position, key=lambda mark: mark.start)
    return marks[index - 1].title if index else None


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

    def member(self, name: str) -> None:
        """Begin a named part (a sheet, an attachment) here, its name on a line of its own."""
        name = " ".join(name.split())
        self.line_break(2)
        self.members.append(Heading(self.chars, name))
        self.add(name + "\n")

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
