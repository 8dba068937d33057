"""What the model says follows a grammar; one that nobody understands ends in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.children import python_child
from app.model import ModelWorker
from core.errors import UserError
from core.llm.grammar import numbers_grammar, numbers_said


@pytest.fixture(scope="module")
def worker(models: Path) -> Iterator[ModelWorker]:
    made = ModelWorker(python_child("app.worker"), 512, 40, 2, 60.0)
    made.use(models / "llm" / "smollm2-135m-instruct.gguf")
    yield made
    made.close()


def said(worker: ModelWorker, grammar: str, most: int = 12) -> tuple[str, str]:
    answer = worker.complete_in_background("", "Say hello.", most, lambda: False, grammar=grammar)
    return answer.text, answer.stopped


def test_only_what_a_grammar_allows_is_said(worker: ModelWorker) -> None:
    text, stopped = said(worker, numbers_grammar(3, 2))
    assert text in {"none", "1", "2", "3", *(f"{a}, {b}" for a in (1, 2, 3) for b in (1, 2, 3))}
    assert stopped == "end"
    assert said(worker, 'root ::= "\\u2603" "ab"') == ("\u2603ab", "end")
    assert set(said(worker, "root ::= [x]+")[0]) == {"x"}


def test_a_grammar_that_is_none_ends_in_words_and_the_model_goes_on(worker: ModelWorker) -> None:
    for grammar in ("root ::= (", "nothing", "other ::= [a]"):
        with pytest.raises(UserError, match="does not understand the grammar"):
            said(worker, grammar)
    assert said(worker, "")[0]


@given(st.integers(1, 30), st.text(max_size=30))
def test_whatever_is_said_numbers_are_in_bounds(count: int, text: str) -> None:
    found = numbers_said(text, count)
    assert list(found) == sorted(set(found))
    assert all(1 <= number <= count for number in found)
    assert numbers_said(f" {count}, 1,1", count) == ((1, count) if count > 1 else (1,))
    assert numbers_said("none", count) == ()
