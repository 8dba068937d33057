"""HTML to text: blocks as lines, headings kept, nothing that is not shown.

One pass over the tags, without a tree: a text needs to know where lines end, not
what is inside of what, and a tree's cost grows with the square of its depth.
"""

from __future__ import annotations

import re
from html import unescape

from core.messages import About
from core.text import dates
from core.text.document import Document, Limits, TextBuilder, clean_title, words
from core.text.encoding import decode
from core.text.source import Source

_TOKEN = re.compile(
    r"((?:[^<]++|<(?![a-zA-Z/!?]))++)"  # 1: text
    r"|<(/?)([a-zA-Z][^\s/>]*+)"  # 2, 3: a tag and its name
    r"((?:[^>\"'=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+')|[\"'=])*+)>"  # 4: its attributes
    r"|(<(?:!--|[!?/])?+)"  # 5: a comment, a declaration, or a tag that does not end
)
_ATTRIBUTE = re.compile(r"([^\s=\"'/>]++)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++))")
_CHARSET = re.compile(rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,40})", re.I)
_XML = re.compile(rb"<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9_:.-]{2,40})", re.I)

_UNSEEN = words(
    "script style noscript template svg math iframe object select noembed noframes title"
)
_BLOCKS = words(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset "
    "figcaption figure footer form header hgroup hr legend li main nav ol option p pre "
    "search section summary table tbody tfoot thead tr ul"
)
_PARAGRAPHS = words("p blockquote pre table ul ol dl section article")
_HEADINGS = words("h1 h2 h3 h4 h5 h6")
_OTHERS = words("br td th meta")
_KNOWN = _UNSEEN | _BLOCKS | _HEADINGS | _OTHERS
_LONGEST_HEADING = 500  # longer ones were never closed
_MOST_META = 200
_MOST_BROKEN = 100  # each is looked at to the page's end

# What the names mean; the first one that is there counts.
_AUTHORS = ("author", "article:author", "dc.creator", "dcterms.creator", "parsely-author")
_CREATED = (
    "article:published_time", "datepublished", "date", "dc.date", "dc.date.issued",
    "dcterms.created", "dcterms.issued", "dc.date.created", "pubdate", "created",
)  # fmt: skip
_MODIFIED = (
    "article:modified_time", "datemodified", "dcterms.modified", "dc.date.modified",
    "last-modified", "og:updated_time", "revised", "changed",
)  # fmt: skip


def extract_html(source: Source) -> Document:
    """What a browser would show of a page, as text.

    Raises FileError when it cannot be read or is too long.
    """
    limits = source.limits
    data = source.read(min(limits.max_expanded_bytes, limits.max_text_chars * 4))
    out = TextBuilder(source.path, limits)
    about = add_html(out, html_source(data))
    return out.document("html", about=about)


def html_source(data: bytes) -> str:
    """The characters of an HTML or XHTML file, by its mark or declaration or by guess."""
    match = _XML.search(data[:200]) or _CHARSET.search(data[:4_096])
    return decode(data, match[1].decode("ascii") if match else None)


def add_html(out: TextBuilder, source: str) -> About:
    """Append the visible text of an HTML page; gives what it says of itself.

    Raises FileError when the text gets too long.
    """
    page = _Page(out)
    page.run(source)
    return page.about()


def html_text(source: str, limits: Limits | None = None) -> str:
    """The visible text of a piece of HTML. Raises FileError when it is too long."""
    if "<" not in source and "&" not in source:
        return source
    out = TextBuilder("", limits or Limits())
    add_html(out, source)
    return out.text().strip()


class _Page:
    def __init__(self, out: TextBuilder) -> None:
        self._out = out
        self._first_heading = len(out.headings)
        self._space = False  # a blank is due before the next word of the line
        self._fresh = True  # the line, or the cell, has no words yet
        self._tab = False  # a tab is due before the next word of the line
        self._pre = 0
        self._heading: list[str] | None = None
        self._heading_chars = 0
        self._title: str | None = None
        self._meta: dict[str, str] = {}
        self._never_closed: set[str] = set()
        self._broken = 0

    def run(self, source: str) -> None:
        """Read all of a page."""
        at: int | None = 0
        while at is not None:
            at = self._until_jump(source, at)
        self._end_heading()

    def about(self) -> About:
        """Title, author and dates of the page's head, or its first heading for a title."""

        def first(names: tuple[str, ...]) -> str | None:
            return next((self._meta[name] for name in names if name in self._meta), None)

        headings = self._out.headings[self._first_heading :]
        title = clean_title(self._title) or first(("og:title", "dc.title", "dcterms.title"))
        return About(
            title or (headings[0].title if headings else None),
            first(_AUTHORS),
            dates.from_words(first(_CREATED)),
            dates.from_words(first(_MODIFIED)),
        )

    def _until_jump(self, source: str, start: int) -> int | None:
        """Read until something is to be left out; gives where to go on, None at the end."""
        for match in _TOKEN.finditer(source, start):
            text, slash, name, attributes, other = match.groups()
            if text is not None:
                self._text(text)
            elif name is not None:
                name = name.lower()
                if name not in _KNOWN:
                    continue
                if slash:
                    self._end(name)
                elif name in _UNSEEN:
                    end = self._skip(source, name, match.end(), attributes)
                    if end > match.end():
                        return end
                else:
                    self._start(name, attributes)
            else:
                end = match.end()
                if other == "<!--":
                    # "<!-->" is a whole comment, too.
                    return _after(source, "-->", end - 2)
                if other != "<":
                    return _after(source, ">", end)
                return self._broken_tag(source, match.start())
        return None

    def _broken_tag(self, source: str, at: int) -> int | None:
        """Go on after a tag whose quotes are never closed; one without an end is text."""
        self._broken += 1
        end = _after(source, ">", at) if self._broken <= _MOST_BROKEN else None
        if end is None:
            self._text(source[at:])
        return end

    def _skip(self, source: str, name: str, at: int, attributes: str) -> int:
        """Where an element that is not shown ends; `at` when it ends at once or never."""
        if attributes.endswith("/") or name in self._never_closed:
            return at
        depth = 1
        for match in _ends_of(name).finditer(source, at):
            depth += -1 if match[1] else 1
            if depth == 0 or name in ("script", "style", "title"):
                if name == "title" and self._title is None:
                    self._title = unescape(source[at : match.start()])
                # To the bracket that closes the end tag.
                return _after(source, ">", match.end()) or len(source)
        self._never_closed.add(name)
        return at

    def _start(self, name: str, attributes: str) -> None:
        if name == "br":
            self._break()
        elif name in _HEADINGS:
            self._break()
            self._end_heading()
            self._heading, self._heading_chars = [], 0
        elif name in ("td", "th"):
            self._cell()
        elif name == "meta":
            self._add_meta(attributes)
        else:
            self._break(2 if name in _PARAGRAPHS else 1)
            self._pre += name == "pre"
            if name == "li":
                self._text("- ", literal=True)

    def _end(self, name: str) -> None:
        if name in _HEADINGS:
            self._end_heading()
        elif name in _BLOCKS:
            self._pre = max(0, self._pre - (name == "pre"))
            self._break(2 if name in _PARAGRAPHS else 1)

    def _end_heading(self) -> None:
        if self._heading is not None:
            title, self._heading = "".join(self._heading), None
            self._out.heading(title)
            self._fresh, self._space = True, False

    def _cell(self) -> None:
        """Cells of a row stand on one line, a tab between them."""
        if not self._fresh:
            self._tab, self._fresh, self._space = True, True, False

    def _break(self, lines: int = 1) -> None:
        if self._heading is not None:
            self._heading.append(" ")
        else:
            self._out.line_break(lines)
            self._fresh, self._space, self._tab = True, False, False

    def _text(self, text: str, *, literal: bool = False) -> None:
        if "&" in text:
            text = unescape(text)
        if self._heading is not None:
            self._heading.append(text)
            self._heading_chars += len(text)
            if self._heading_chars > _LONGEST_HEADING:
                text, self._heading = "".join(self._heading), None
            else:
                return
        if literal or self._pre:
            self._out.add(text)
            self._fresh, self._space = literal, False
            return
        line = " ".join(text.split())
        if line:
            lead = " " if (self._space or text[0].isspace()) and not self._fresh else ""
            self._out.add(("\t" if self._tab else lead) + line)
            self._fresh = self._tab = False
            self._space = text[-1].isspace()
        else:
            self._space = True

    def _add_meta(self, attributes: str) -> None:
        if len(self._meta) > _MOST_META:
            return
        found = {
            match[1].lower(): unescape(match[2] or match[3] or match[4] or "")
            for match in _ATTRIBUTE.finditer(attributes)
        }
        content = clean_title(found.get("content"))
        for key in ("name", "property", "itemprop", "http-equiv"):
            if key in found and content:
                self._meta.setdefault(found[key].lower(), content)


def _after(source: str, mark: str, at: int) -> int | None:
    """The character after the next `mark`; None when there is none."""
    found = source.find(mark, at)
    return None if found < 0 else found + len(mark)


def _ends_of(name: str) -> re.Pattern[str]:
    """Starts and ends of elements of this name."""
    return re.compile(rf"<(/?){name}(?=[\s/>])", re.I)
