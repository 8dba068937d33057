"""Builds the prompt of a question: the chat messages that fit the model's context. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.llm.chat_message import ChatMessage
from core.messages import ChatTurn

CountTokens = Callable[[Sequence[ChatMessage]], int]

PROMPT_PATH = Path(__file__).resolve().parents[2] / "resources" / "prompts" / "answer.txt"
_SECTION = re.compile(r"^== (\w+)\n", re.MULTILINE)
_FIELD = re.compile(r"\{(n|name|text|passages|question)\}")

PLAIN_DOCUMENT = "{name}\n\n{text}"


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """The wording around a question. An empty `system` sends no system message.

    `passage` holds {n} and {text}; `user` holds {passages} and {question}. `document` is the
    system message where a whole document is before the model: it holds {name} and {text}.
    """

    system: str
    passage: str
    user: str
    document: str = PLAIN_DOCUMENT


@dataclass(frozen=True, slots=True)
class Prompt:
    """The messages to send, how many passages they hold, and their length in tokens."""

    messages: tuple[ChatMessage, ...]
    passages_used: int
    tokens: int


def parse_template(text: str) -> PromptTemplate:
    """The template in a text of sections, each after a line "== name".

    Raises ValueError when a section or a field is missing: the file is part of
    the program, so that is a bug.
    """
    parts = _SECTION.split(text)
    sections = dict(zip(parts[1::2], (part.strip("\n") for part in parts[2::2]), strict=True))
    template = PromptTemplate(
        system=sections.get("system", ""),
        passage=sections.get("passage", ""),
        user=sections.get("user", ""),
        document=sections.get("document", PLAIN_DOCUMENT),
    )
    for body, fields in (
        (template.passage, ("n", "text")),
        (template.user, ("passages", "question")),
        (template.document, ("name", "text")),
    ):
        for field in fields:
            if f"{{{field}}}" not in body:
                raise ValueError(f"the prompt template lacks {{{field}}}")
    return template


def load_template(path: Path = PROMPT_PATH) -> PromptTemplate:
    """The template that ships with Satchel."""
    return parse_template(path.read_text(encoding="utf-8"))


def build_prompt(
    question: str,
    passages: Sequence[str],
    history: Sequence[ChatTurn],
    *,
    template: PromptTemplate,
    prompt_tokens: int,
    count_tokens: CountTokens,
    keeps_question: bool = False,
) -> Prompt:
    """A prompt of at most `prompt_tokens` tokens, as far as that can be had.

    What does not fit goes in this order: the oldest turns of the history, the
    last passages, the end of the only passage left, the beginning of the
    question. Never fails: with a limit too small for the bare frame, the frame
    with the last characters of the question is what comes. With `keeps_question`
    the question is never cut, for the model takes in what is too long block by block.
    """

    def attempt(n_passages: int, n_turns: int, only: str | None = None) -> Prompt:
        kept = tuple(passages[:n_passages]) if only is None else (only,)
        turns = tuple(history[len(history) - n_turns :])
        messages = compose(question, kept, turns, template)
        return Prompt(messages, len(kept), count_tokens(messages))

    for turns in range(len(history), -1, -1):
        prompt = attempt(len(passages), turns)
        if prompt.tokens <= prompt_tokens:
            return prompt
    for count in range(len(passages) - 1, 0, -1):
        prompt = attempt(count, 0)
        if prompt.tokens <= prompt_tokens:
            return prompt
    if passages:
        text = _longest(
            passages[0], lambda part: attempt(1, 0, part).tokens <= prompt_tokens, keep_end=False
        )
        if text:
            return attempt(1, 0, text)
    bare = attempt(0, 0)
    if bare.tokens <= prompt_tokens or keeps_question:
        return bare

    def asks(part: str) -> tuple[ChatMessage, ...]:
        return compose(part, (), (), template)

    shorter = _longest(
        question, lambda part: count_tokens(asks(part)) <= prompt_tokens, keep_end=True
    )
    messages = asks(shorter or question[-40:])
    return Prompt(messages, 0, count_tokens(messages))


def with_document(template: PromptTemplate, name: str, text: str) -> PromptTemplate:
    """The template of a conversation that has a whole document before its turns."""
    system = template.document.rstrip()
    return replace(template, system=_fill(system, name=name, text=text.strip()))


def compose(
    question: str,
    passages: Sequence[str],
    history: Sequence[ChatTurn],
    template: PromptTemplate,
) -> tuple[ChatMessage, ...]:
    """The messages for a question, without regard to their length.

    The passages go with the question, not with the history, so that the earlier
    turns stay the same from question to question and their state can be reused.
    """
    listed = "\n\n".join(
        _fill(template.passage, n=str(n), text=text.strip())
        for n, text in enumerate(passages, start=1)
    )
    head = [ChatMessage("system", template.system)] if template.system else []
    turns = [ChatMessage(turn.role, turn.text) for turn in history]
    user = _fill(template.user, passages=listed, question=question.strip()).strip()
    return (*head, *turns, ChatMessage("user", user))


def _fill(template: str, **fields: str) -> str:
    """The template with its fields set; braces inside the values mean nothing."""
    return _FIELD.sub(lambda match: fields.get(match.group(1), match.group()), template)


def _longest(text: str, fits: Callable[[str], bool], *, keep_end: bool) -> str:
    """About the longest beginning (or end) of `text` that fits, empty when none does."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(text[len(text) - middle :] if keep_end else text[:middle]):
            low = middle
        else:
            high = middle - 1
    return (text[len(text) - low :] if keep_end else text[:low]).strip()
