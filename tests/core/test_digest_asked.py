"""Which questions want a whole file read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.digest.asked import task_asked


@pytest.mark.parametrize(
    ("question", "files", "task"),
    [
        ("summarize this", 1, "summarize"),
        ("Please summarise the whole document for me.", 1, "summarize"),
        ("TL;DR", 1, "summarize"),
        ("Can you give me a summary of this file?", 1, "summarize"),
        ("list all dates", 1, "dates"),
        ("Which dates are mentioned in it?", 1, "dates"),
        ("what changed between these", 2, "changes"),
        ("What are the differences between the two versions?", 2, "changes"),
        ("Compare these files", 2, "changes"),
        ("compare this", 1, None),
        ("summarize these", 2, None),
        ("summarize this", 0, None),
        ("summarize the rent clause", 1, None),
        ("what changed in the rent between these", 2, None),
        ("what is the date of this letter?", 1, None),
        ("summary of all dates", 1, None),
        ("what is in this file?", 1, None),
        ("", 1, None),
    ],
)
def test_only_a_request_for_the_whole_is_one(question: str, files: int, task: str | None) -> None:
    assert task_asked(question, files) == task


@given(st.text(max_size=300), st.integers(0, 3))
def test_any_text_is_taken(question: str, files: int) -> None:
    task = task_asked(question, files)
    assert task is None or files in (1, 2)
