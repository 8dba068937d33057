"""Question -> answer: search results to numbered passages, a streamed answer, checked citations."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.chat.citations import CheckedAnswer, CitationFilter, Support, check_answer
from core.chat.evidence import Evidence, EvidenceModel, together, weigh
from core.chat.passages import Chosen, PassageConfig, choose, quoted
from core.chat.reading import Compares, read_results
from core.chat.words import Span
from core.index.search import Results
from core.messages import ChatTurn, Citation, Hit

NOT_FOUND = "Not found in your files."
PASSAGES_SEARCHED = 8


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What a model said. Times in milliseconds; the rest as in messages.Generated."""

    text: str
    stopped: str
    passages_used: int
    prompt_tokens: int
    answer_tokens: int
    prefill_ms: float
    decode_ms: float
    reused_tokens: int = 0
    restored_tokens: int = 0
    dropped_tokens: int = 0
    recalled: tuple[int, ...] = ()


class Model(Protocol):
    """A language model in a process of its own."""

    def answer(
        self,
        question: str,
        passages: Sequence[str],
        history: Sequence[ChatTurn],
        on_text: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> ModelAnswer:
        """Answer from numbered passages; pieces go to `on_text` as they come. Raises UserError."""
        ...


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the files say about a question: numbered passages, best first.

    `extract` is what answers most likely, in the words of passage 1; None where
    nothing answers likely enough. `odds` is how likely it is that the passages answer (0 to 1).
    """

    passages: tuple[tuple[Hit, Chosen], ...] = ()
    extract: Citation | None = None
    odds: float = 0.0

    @property
    def texts(self) -> list[str]:
        """What the model is shown."""
        return [chosen.text for _, chosen in self.passages]

    @property
    def sources(self) -> tuple[Citation, ...]:
        """The passages as numbered sources, to be shown before the first word."""
        return tuple(
            Citation(n, hit.path, hit.locator, chosen.text)
            for n, (hit, chosen) in enumerate(self.passages, start=1)
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its citations; `found` is false when the files do not say.

    `recalled_turns` earlier turns were before the model because the question is about them.
    `unsupported` are the parts of the text that no passage supports. `restored_tokens` of the
    prompt came from disk.
    """

    text: str
    found: bool
    citations: tuple[Citation, ...]
    timings_ms: dict[str, float]
    prompt_tokens: int
    answer_tokens: int
    stopped: str
    recalled_turns: int = 0
    unsupported: tuple[Span, ...] = ()
    restored_tokens: int = 0


def gather(
    results: Results,
    question: str,
    embedder: Compares | None,
    model: EvidenceModel,
    budget_tokens: int,
    about_cosine: float | None = None,
    bare: str | None = None,
) -> Gathered:
    """The sentences of the hits that bear on a question, within a budget of tokens.

    `bare` is the question as it was asked, when `question` has more words for what it leans on:
    those find the passages, and both together the sentence.
    `about_cosine` is given where `model` was not fitted to the embeddings in use: from that
    cosine on a passage is about the question.
    """
    hits, reads = read_results(results, question, embedder)
    evidence: Evidence = weigh(question, reads, model, about_cosine)
    if bare is not None and bare != question:
        _, again = read_results(results, bare, embedder)
        evidence = together(evidence, weigh(bare, again, model, about_cosine))
    chosen = choose(reads, evidence, PassageConfig(budget_tokens=budget_tokens))
    passages = tuple((results.hits[hits[one.index]], one) for one in chosen)
    if not passages or not evidence.enough:
        return Gathered(passages, None, evidence.odds)
    hit, first = passages[0]
    text = reads[first.index].text
    quote = text[slice(*quoted(text, evidence.sentences, first.best))]
    return Gathered(passages, Citation(1, hit.path, hit.locator, quote), evidence.odds)


def answer_question(
    question: str,
    gathered: Gathered,
    model: Model,
    history: Sequence[ChatTurn],
    on_text: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> Answer:
    """Let the model answer from the passages and check what it says against them.

    Where the files do not say, nothing is asked of the model. What it says beside the point
    never takes the place of the extract: that is cited first, and leads where no sentence of
    the model has support. Raises UserError when the model cannot be used.
    """
    started = time.perf_counter()
    extract = gathered.extract
    if extract is None:
        on_text(NOT_FOUND)
        return Answer(NOT_FOUND, False, (), {"total": 0.0}, 0, 0, "end")
    texts = gathered.texts
    filtered = CitationFilter(len(texts))
    first_text_ms: list[float] = []

    def show(piece: str) -> None:
        shown = filtered.feed(piece)
        if shown:
            if not first_text_ms:
                first_text_ms.append(1000 * (time.perf_counter() - started))
            on_text(shown)

    said = model.answer(question, texts, history, show, cancelled)
    rest = filtered.finish()
    if rest:
        on_text(rest)
    checked = check_answer(said.text, question, texts)
    text, unsupported = led_by(extract, checked, whole=said.stopped != "cancelled")
    return as_said(
        said,
        Shown(text, True, _citations(extract, checked.citations, gathered.passages), unsupported),
        first_text_ms[0] if first_text_ms else None,
        1000 * (time.perf_counter() - started),
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """What of an answer is shown, after it was checked."""

    text: str
    found: bool
    citations: tuple[Citation, ...]
    unsupported: tuple[Span, ...]


def as_said(
    said: ModelAnswer, shown: Shown, first_text_ms: float | None, total_ms: float
) -> Answer:
    """An answer with what the model tells of its work; a first text of None came at the end."""
    return Answer(
        text=shown.text,
        found=shown.found,
        citations=shown.citations,
        timings_ms={
            "first_text": round(total_ms if first_text_ms is None else first_text_ms, 1),
            "prefill": round(said.prefill_ms, 1),
            "decode": round(said.decode_ms, 1),
            "total": round(total_ms, 1),
        },
        prompt_tokens=said.prompt_tokens,
        answer_tokens=said.answer_tokens,
        stopped=said.stopped,
        recalled_turns=len(said.recalled),
        unsupported=shown.unsupported,
        restored_tokens=said.restored_tokens,
    )


def led_by(
    extract: Citation, checked: CheckedAnswer, whole: bool = True
) -> tuple[str, tuple[Span, ...]]:
    """The answer to show and its parts without support.

    A model that does not know, or says nothing, leaves the extract; words of which none has
    support come after it. One that was stopped is left as it is.
    """
    if checked.citations or not whole:
        return checked.answer, checked.unsupported
    quoted = f"{' '.join(extract.quote.split())} [{extract.n}]"
    if not checked.found or not checked.answer:
        return quoted, ()
    lead = f"{quoted}\n\n"
    return lead + checked.answer, tuple(
        (start + len(lead), end + len(lead)) for start, end in checked.unsupported
    )


def _citations(
    extract: Citation, supports: Sequence[Support], passages: Sequence[tuple[Hit, Chosen]]
) -> tuple[Citation, ...]:
    """The extract, then a quote from each other passage that supports the answer."""
    others = (
        Citation(one.n, passages[one.n - 1][0].path, passages[one.n - 1][0].locator, one.quote)
        for one in supports
        if one.n != extract.n
    )
    return (extract, *others)
