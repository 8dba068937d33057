"""Question -> answer: search results to numbered passages, a streamed answer, checked citations."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.chat.citations import CitationFilter, check_answer
from core.chat.passages import Candidate, Chosen, PassageConfig, choose
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
class Answer:
    """An answer with its citations; `found` is false when the files do not say.

    `recalled_turns` earlier turns were before the model because the question is about them.
    """

    text: str
    found: bool
    citations: tuple[Citation, ...]
    timings_ms: dict[str, float]
    prompt_tokens: int
    answer_tokens: int
    stopped: str
    recalled_turns: int = 0


def choose_passages(
    results: Results, question: str, budget_tokens: int, about_cosine: float
) -> list[tuple[Hit, Chosen]]:
    """The hits that bear on a question, each with what of its text goes into the prompt.

    Under `about_cosine`, and without shared words, a passage is not about the question.
    """
    shown = [
        (hit, Candidate(text, cosine, hit.source != "semantic"))
        for hit, text, cosine in zip(results.hits, results.passages, results.cosines, strict=True)
        if text is not None
    ]
    config = PassageConfig(budget_tokens=budget_tokens, min_cosine=about_cosine)
    chosen = choose([candidate for _, candidate in shown], question, config)
    return [(shown[item.index][0], item) for item in chosen]


def sources(passages: Sequence[tuple[Hit, Chosen]]) -> tuple[Citation, ...]:
    """The passages as numbered sources, to be shown before the first word."""
    return tuple(
        Citation(n, hit.path, hit.locator, chosen.text)
        for n, (hit, chosen) in enumerate(passages, start=1)
    )


def answer_question(
    question: str,
    passages: Sequence[tuple[Hit, Chosen]],
    model: Model,
    history: Sequence[ChatTurn],
    on_text: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> Answer:
    """Let the model answer from the passages and check what it says against them.

    Without passages nothing is asked of the model: the files do not say.
    Raises UserError when the model cannot be used.
    """
    started = time.perf_counter()
    if not passages:
        on_text(NOT_FOUND)
        return Answer(NOT_FOUND, False, (), {"total": 0.0}, 0, 0, "end")
    texts = [chosen.text for _, chosen in passages]
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
    citations = tuple(
        Citation(s.n, passages[s.n - 1][0].path, passages[s.n - 1][0].locator, s.quote)
        for s in checked.citations
    )
    total_ms = 1000 * (time.perf_counter() - started)
    return Answer(
        text=checked.answer,
        found=checked.found,
        citations=citations if checked.found else (),
        timings_ms={
            "first_text": round(first_text_ms[0] if first_text_ms else total_ms, 1),
            "prefill": round(said.prefill_ms, 1),
            "decode": round(said.decode_ms, 1),
            "total": round(total_ms, 1),
        },
        prompt_tokens=said.prompt_tokens,
        answer_tokens=said.answer_tokens,
        stopped=said.stopped,
        recalled_turns=len(said.recalled),
    )
