"""HTML to text: blocks as lines, headings kept, nothing that is not shown."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from core.errors import FileError
from core.messages import About
from core.text.document import Document, Limits, TextBuilder, words
from core.text.encoding import decode
from core.text.source import read_bytes

_UNSEEN = words("script style head noscript template svg math iframe object select")
_BLOCKS = words(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset "
    "figcaption figure footer form header hgroup hr legend li main nav ol option p pre "
    "search section summary table tbody tfoot thead tr ul"
)
_PARAGRAPHS = words("p blockquote pre table ul ol dl section article")
_HEADINGS = words("h1 h2 h3 h4 h5 h6")
_CELLS = frozenset(("td", "th"))
_SPACES = re.compile(r"[ \t\n\r\f]+")
_META = re.compile(rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,40})", re.I)
_XML = re.compile(rb"<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9_:.-]{2,40})", re.I)


def extract_html(path: str, limits: Limits) -> Document:
    """What a browser would show of a page, as text.

    Raises FileError when it cannot be read or is too long.
    """
    data = read_bytes(path, min(limits.max_expanded_bytes, limits.max_text_chars * 4))
    out = TextBuilder(path, limits)
    title = add_html(out, path, html_source(data))
    return out.document("html", about=About(title))


def html_source(data: bytes) -> str:
    """The characters of an HTML or XHTML file, by its mark or declaration or by guess."""
    match = _XML.search(data[:200]) or _META.search(data[:4_096])
    return decode(data, match[1].decode("ascii") if match else None)


def add_html(out: TextBuilder, path: str, source: str) -> str | None:
    """Append the visible text of an HTML page; gives its title.

    Raises FileError when the page is too deep or too broken to parse.
    """
    try:
        tree = LexborHTMLParser(source)
        head = tree.css_first("head > title")
        root = tree.root
    except SelectolaxError as error:
        raise FileError(path, "is damaged: its HTML cannot be parsed") from error
    if root is not None:
        _Walk(out).run(root)
    return head.text() if head is not None else None


class _Walk:
    """One pass over the tree, without recursion: pages may be nested as deep as they like."""

    def __init__(self, out: TextBuilder) -> None:
        self._out = out
        self._space = False  # a blank is due before the next word of the line
        self._fresh = True  # the line, or the cell, has no words yet
        self._tab = False  # a tab is due before the next word of the line
        self._pre = 0
        self._heading: list[str] | None = None

    def run(self, root: LexborNode) -> None:
        node = root
        while True:
            child = self._enter(node)
            if child is not None:
                node = child
                continue
            while True:
                self._leave(node)
                if node.mem_id == root.mem_id:
                    return
                following = node.next
                if following is not None:
                    node = following
                    break
                parent = node.parent
                if parent is None:
                    return
                node = parent

    def _enter(self, node: LexborNode) -> LexborNode | None:
        tag = node.tag
        if tag == "-text":
            self._text(node.text_content or "")
            return None
        if tag is None or tag in _UNSEEN or tag.startswith(("-", "_", "!")):
            return None
        if tag == "br":
            self._break()
        elif tag in _HEADINGS:
            self._break()
            self._heading = []
        elif tag in _CELLS:
            self._cell()
        elif tag in _BLOCKS:
            self._break(2 if tag in _PARAGRAPHS else 1)
            self._pre += tag == "pre"
            if tag == "li":
                self._text("- ", literal=True)
        return node.first_child

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag
        if tag in _HEADINGS:
            title, self._heading = "".join(self._heading or ()), None
            self._out.heading(title)
            self._fresh, self._space = True, False
        elif tag in _BLOCKS:
            self._pre -= tag == "pre"
            self._break(2 if tag in _PARAGRAPHS else 1)

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
        if self._heading is not None:
            self._heading.append(text)
        elif literal or self._pre:
            self._out.add(text)
            self._fresh, self._space = literal, False
        else:
            line = _SPACES.sub(" ", text)
            if not line:
                return
            if line != " ":
                lead = " " if (self._space or line[0] == " ") and not self._fresh else ""
                self._out.add(("\t" if self._tab else lead) + line.strip(" "))
                self._fresh = self._tab = False
            self._space = line[-1] == " "
