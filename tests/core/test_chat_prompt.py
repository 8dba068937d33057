"""The prompt fits, whatever is asked for."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chat.prompt import PromptTemplate, build_prompt, load_template, parse_template
from core.llm.chat_message import ChatMessage
from core.messages import ChatTurn

TEMPLATE = PromptTemplate("Be brief.", "[{n}] {text}", "{passages}\n\nQuestion: {question}")
TURNS = (ChatTurn("user", "old question"), ChatTurn("assistant", "old answer"))


def count(messages: Sequence[ChatMessage]) -> int:
    """Characters stand for tokens, with a frame of four around each message."""
    return sum(len(message.text) + 4 for message in messages)


def test_holds_all_that_fits() -> None:
    prompt = build_prompt(
        "Why?", ["one", "two"], TURNS, template=TEMPLATE, prompt_tokens=500, count_tokens=count
    )
    assert [message.role for message in prompt.messages] == ["system", "user", "assistant", "user"]
    assert prompt.messages[-1].text == "[1] one\n\n[2] two\n\nQuestion: Why?"
    assert prompt.passages_used == 2
    assert prompt.tokens == count(prompt.messages)


def test_drops_old_turns_then_last_passages_then_trims() -> None:
    passages = ["a" * 100, "b" * 100]

    def build(limit: int) -> tuple[int, int, int]:
        prompt = build_prompt(
            "Why?", passages, TURNS, template=TEMPLATE, prompt_tokens=limit, count_tokens=count
        )
        assert prompt.tokens <= limit
        return len(prompt.messages), prompt.passages_used, prompt.messages[-1].text.count("a")

    assert build(300) == (4, 2, 100)
    assert build(265) == (3, 2, 100)
    assert build(250) == (2, 2, 100)
    assert build(200) == (2, 1, 100)
    messages, used, letters = build(90)
    assert (messages, used) == (2, 1)
    assert 0 < letters < 100
    assert build(33) == (2, 0, 0)


def test_a_file_cannot_fill_in_the_template() -> None:
    prompt = build_prompt(
        "Why {n}?", ["{question} {passages}"], (), template=TEMPLATE, prompt_tokens=500,
        count_tokens=count,
    )  # fmt: skip
    assert prompt.messages[-1].text == "[1] {question} {passages}\n\nQuestion: Why {n}?"


@given(st.text(max_size=200), st.lists(st.text(max_size=200), max_size=5), st.integers(0, 1000))
def test_never_fails_and_fits_where_it_can(question: str, passages: list[str], limit: int) -> None:
    prompt = build_prompt(
        question, passages, TURNS, template=TEMPLATE, prompt_tokens=limit, count_tokens=count
    )
    assert prompt.tokens <= max(limit, 80)
    assert prompt.passages_used <= len(passages)


def test_the_shipped_template_is_whole() -> None:
    template = load_template()
    assert "{question}" in template.user
    with pytest.raises(ValueError, match="passages"):
        parse_template("== passage\n[{n}] {text}\n== user\n{question}\n")
