"""Reads the pages of the documentation: their code, links and headings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from helpers import ROOT

_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_BETWEEN = {"|", "||", ";", "&&", "&"}


@dataclass(frozen=True)
class Page:
    """One page of Markdown."""

    path: Path

    @property
    def name(self) -> str:
        """Its path below the project."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    def fences(self) -> list[tuple[str, str]]:
        """Its blocks of code: what stands behind the backticks, and the code."""
        return [(m[1].strip(), m[2]) for m in _FENCE.finditer(self.text)]

    def shell(self, run_only: bool = False) -> list[str]:
        """The lines of its shell blocks, or of those that are marked to be run."""
        wanted = ("sh run",) if run_only else ("sh", "sh run")
        return [
            line for info, code in self.fences() if info in wanted for line in code.splitlines()
        ]

    def prose(self) -> str:
        """Its text without the blocks of code."""
        return _FENCE.sub("", self.text)

    def inline(self) -> list[str]:
        """The pieces of code inside its sentences."""
        return _INLINE.findall(self.prose())

    def links(self) -> list[str]:
        """Where its links and pictures lead."""
        return [m[2] for m in _LINK.finditer(_INLINE.sub("code", self.prose()))]

    def pictures(self) -> list[str]:
        """Where its pictures are."""
        return [m[2] for m in _LINK.finditer(self.prose()) if m[1]]

    def anchors(self) -> set[str]:
        """The names that links use for its headings."""
        return {anchor(heading) for heading in _HEADING.findall(self.prose())}


def anchor(heading: str) -> str:
    """The name of a heading in a link: small letters, blanks as hyphens, no other signs."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def pages() -> list[Page]:
    """Every page that a reader is led to."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("packaging/*.md")]
    return [Page(path) for path in sorted(found)]


def guide() -> list[Page]:
    """The pages of the guide in the order in which the index lists them, behind the README."""
    index = Page(ROOT / "docs" / "README.md")
    listed = [ROOT / "docs" / link for link in index.links() if link.startswith("guide/")]
    return [Page(path) for path in (ROOT / "README.md", *dict.fromkeys(listed))]


def satchel_commands(line: str) -> Iterator[list[str]]:
    """The arguments of each call of satchel in a line for the shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""  # a file's #page=3 is no comment
    words: list[str] = []
    for token in [*lexer, ";"]:
        if token in _BETWEEN:
            if words and Path(words[0]).name == "satchel":
                yield words[1 : words.index(">")] if ">" in words else words[1:]
            words = []
        else:
            words.append(token)
