"""A place in a file that the preview can show, and its words as they are quoted elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from core.messages import Citation, Hit, Locator
from ui.text import place_text, split_path, tame, tr


@dataclass(frozen=True, slots=True)
class Target:
    """What to show: a range of a file's text, or the words a citation quotes."""

    path: str
    locator: Locator
    start: int = 0
    end: int = 0
    quote: str | None = None
    # That were looked for, in small letters; the place is the same whichever they are.
    words: frozenset[str] = field(default=frozenset(), compare=False)

    @staticmethod
    def of(what: Hit | Citation) -> Target:
        """The place that a result or a citation points at."""
        if isinstance(what, Hit):
            words = frozenset(
                word.casefold()
                for start, end in what.marks
                for word in re.findall(r"\w+", what.snippet[start:end])
            )
            return Target(what.path, what.locator, what.start, what.end, words=words)
        return Target(what.path, what.locator, quote=what.quote)

    @property
    def is_pdf(self) -> bool:
        """Whether its page can be drawn as a picture."""
        return self.locator.page is not None and self.path.lower().endswith(".pdf")


def quote_with_source(text: str, target: Target) -> str:
    """Words of a file with where they stand, to be pasted elsewhere."""
    words = " ".join(tame(text).split())
    place = place_text(target.locator)
    source = ", ".join(part for part in (split_path(target.path)[1], place) if part)
    return f"{tr('“%1”').replace('%1', words)}\n— {source}\n{writable(target.path)}"


def writable(path: str) -> str:
    """A path as it can be pasted: itself, but for what is no text at all."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
