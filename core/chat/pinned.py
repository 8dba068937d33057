"""Answers about one document that is before the model as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.chat.assistant import Answer, Gathered, ModelAnswer, Shown, as_said, led_by
from core.chat.citations import CheckedAnswer, CitationFilter, check_answer, drop_unknown
from core.errors import UserError
from core.messages import Citation, PassageText

NOT_IN_DOCUMENT = "Not found in this document."

# Question, numbered passages, what to do with pieces: the answer of a model that has the document.
AnswersWhole = Callable[[str, Sequence[str], Callable[[str], None]], ModelAnswer]


class Whole(Protocol):
    """What a document says, passage by passage."""

    @property
    def path(self) -> str:
        """The file."""
        ...

    @property
    def passages(self) -> tuple[PassageText, ...]:
        """Its passages in order, with their places."""
        ...


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer checked against a whole document, and its citations."""

    answer: CheckedAnswer
    citations: tuple[Citation, ...]


def document_too_long(name: str, tokens: int, room_tokens: int) -> UserError:
    """What to say of a document that does not fit as a whole.

    Its middle is never left out silently: what stands there would not be found.
    """
    return UserError(
        f"{name} is too long to be pinned: with the question it takes {tokens} tokens, and there "
        f"is room for {room_tokens}.",
        "Ask without pinning it, which looks for its passages, or have it summarized; or give "
        "the model more room (assistant.context_tokens, and memory with `satchel budget --ram`).",
    )


def answer_pinned(
    question: str,
    gathered: Gathered,
    whole: Whole,
    ask: AnswersWhole,
    on_text: Callable[[str], None],
) -> Answer:
    """Let a model that has a whole document before it answer, and check that against all of it.

    `gathered` are passages of the document that bear on the question, which the model sees with
    numbers. Where nothing of the answer has support, and no sentence answers likely, the document
    does not say. Raises UserError when the model cannot be used.
    """
    started = time.perf_counter()
    texts = gathered.texts
    filtered = CitationFilter(len(texts))
    first_text_ms: list[float] = []

    def show(piece: str) -> None:
        if shown := filtered.feed(piece):
            if not first_text_ms:
                first_text_ms.append(1000 * (time.perf_counter() - started))
            on_text(shown)

    said = ask(question, texts, show)
    if rest := filtered.finish():
        on_text(rest)
    checked = check_whole(said.text, question, gathered, whole)
    stopped = said.stopped == "cancelled"
    extract = gathered.extract
    citations = checked.citations
    found = True
    if extract is not None:
        text, unsupported = led_by(extract, checked.answer, whole=not stopped)
        citations = (extract, *(one for one in citations if one.n != extract.n))
    elif citations or stopped:
        text, unsupported = checked.answer.answer, checked.answer.unsupported
        found = bool(citations)
    else:
        text, unsupported, found = NOT_IN_DOCUMENT, (), False
    return as_said(
        said,
        Shown(text, found, citations, unsupported),
        first_text_ms[0] if first_text_ms else None,
        1000 * (time.perf_counter() - started),
    )


def check_whole(answer: str, question: str, gathered: Gathered, whole: Whole) -> Checked:
    """The answer with marks for what the numbered passages support, and for what the rest of the
    document does: its passages are numbered after them, only those that are cited.
    """
    texts = gathered.texts
    shown = drop_unknown(answer, len(texts))
    every = [*texts, *(passage.text for passage in whole.passages)]
    first = check_answer(shown, question, every)
    beyond = [one.n - len(texts) - 1 for one in first.citations if one.n > len(texts)]
    rest = [whole.passages[at] for at in beyond]
    checked = check_answer(shown, question, [*texts, *(one.text for one in rest)])
    places = [(hit.path, hit.locator) for hit, _ in gathered.passages]
    places += [(whole.path, one.locator) for one in rest]
    citations = tuple(Citation(one.n, *places[one.n - 1], one.quote) for one in checked.citations)
    return Checked(checked, citations)
