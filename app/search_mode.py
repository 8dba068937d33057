"""By what a search finds passages: as it was asked to, or by what there is at this moment."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import UserError
from core.index.view import View
from core.messages import Mode

KEEP_WORDS = "`satchel budget --set index.words=always`"


@dataclass(frozen=True, slots=True)
class Means:
    """What can find passages: words, of how many of them; a model; memory for that."""

    chunks: int
    wordless_chunks: int
    has_model: bool = True
    has_memory: bool = True

    @property
    def has_words(self) -> bool:
        """Whether words find anything."""
        return self.wordless_chunks < self.chunks or not self.chunks


def means(view: View, *, has_model: bool, has_memory: bool) -> Means:
    """What can find the passages of a view."""
    return Means(view.live_chunks, int(view.wordless.sum()), has_model, has_memory)


def choose_mode(asked: Mode, means: Means, *, phrases: bool = False) -> tuple[Mode, str | None]:
    """The mode of a search, and what to say about it; None when that is what was asked for.

    `phrases` says that the query has any: they are looked for in the texts. Raises UserError
    when words were asked for and there are none.
    """
    if asked == "lexical" and not means.has_words and not phrases:
        raise UserError(
            "No word index is kept, so nothing can be found by words alone.",
            f"Search by meaning too, or keep words: {KEEP_WORDS}.",
        )
    if asked == "hybrid" and means.has_words:
        if not means.has_model:
            return "lexical", (
                "Found by words only: the embedding model is missing; choose or fetch one "
                "(`satchel models list`, or Models in the window)."
            )
        if not means.has_memory:
            return "lexical", "Found by words only: other programs need the memory."
    if asked == "semantic" or not means.wordless_chunks:
        return asked, None
    if means.has_words:
        without = f"{means.wordless_chunks:,} of {means.chunks:,} passages"
        return asked, f"Words are kept of a part only; {without} are found by meaning alone."
    return asked, f"Found by meaning only: no word index is kept ({KEEP_WORDS} keeps one)."
