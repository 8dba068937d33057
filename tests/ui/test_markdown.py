"""The Markdown of answers: what is drawn, what stays text, and that streaming changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ui.markdown import Block, Cell, Run, blocks

ANSWER = """# The *lease*
It ends on **31 May 2028** [1], `not` before.
Two lines.

- first
  - deeper, __really__
2. second

| what | cost |
|:--|--:|
| rent | 540 \\| month |
| heat |

```python
print("*no* **marks**")
```
> quoted
---
The end."""

MARKS = st.text(alphabet="*_`|#->~\\[]()1. \n\tab<", max_size=120)


def words(cell: Cell) -> str:
    return "".join(run.text for run in cell)


def runs(block: Block) -> list[Run]:
    return [*block.runs, *(run for row in block.rows for cell in row for run in cell)]


def test_each_kind_of_block_is_read() -> None:
    found = blocks(ANSWER)
    assert [block.kind for block in found] == [
        "heading", "text", "item", "item", "item", "table", "code", "quote", "rule", "text",
    ]  # fmt: skip
    assert [run.text for run in found[1].runs if run.bold] == ["31 May 2028"]
    assert [run.text for run in found[1].runs if run.code] == ["not"]
    assert words(found[1].runs).endswith("before.\nTwo lines.")
    assert [(one.marker, one.level) for one in found[2:5]] == [("•", 0), ("•", 1), ("2.", 0)]
    assert found[5].sides == ("left", "right")
    assert [[words(cell) for cell in row] for row in found[5].rows] == [
        ["what", "cost"], ["rent", "540 | month"], ["heat", ""],
    ]  # fmt: skip
    assert (found[6].code, found[6].language) == ('print("*no* **marks**")', "python")
    assert not found[6].open
    assert blocks("```\nls")[0].open


@pytest.mark.parametrize(
    "text",
    [
        "2*3*4 is snake_case_name",
        "[x](http://a.b) ![i](f.png) <b>c</b> <script>x</script> &amp;",
        "** not bold ** and *open",
        "a | b without a line under it",
        "#hashtag and 1.5 and -3",
    ],
)
def test_what_is_no_markdown_here_stays_text(text: str) -> None:
    [block] = blocks(text)
    assert block.kind == "text"
    assert block.runs == (Run(text, 0),) or words(block.runs) == text
    assert not any(run.bold or run.italic for run in block.runs)


@given(MARKS)
@settings(deadline=None)
@example("* `a\n")
def test_every_piece_is_the_text_at_its_place(text: str) -> None:
    last = 0
    for block in blocks(text):
        assert last <= block.start <= block.end <= len(text)
        last = block.end
        for run in runs(block):
            assert text[run.start : run.start + len(run.text)] == run.text
            assert block.start <= run.start <= run.start + len(run.text) <= block.end


@given(MARKS, st.lists(st.integers(1, 9), max_size=40))
@settings(deadline=None)
@example(ANSWER, [3] * 200)
def test_streamed_in_pieces_it_becomes_the_same(text: str, steps: list[int]) -> None:
    found: list[Block] = []
    at = 0
    for step in [*steps, len(text)]:
        at = min(len(text), at + step)
        begun = found[-1].start if found else 0
        found = [*found[:-1], *blocks(text[:at], begun)]
    assert found == blocks(text)


@pytest.mark.parametrize(
    "text", ["*a " * 20_000, "a " + "`" * 9999, "|" * 9000, "[" * 20_000, "**_" * 9000]
)
def test_many_marks_are_no_trap(text: str) -> None:
    found = blocks(text)  # would take minutes, were it quadratic
    assert "".join(run.text for block in found for run in runs(block))
