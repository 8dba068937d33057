"""Prompts of parts: nothing is computed twice, nothing is lost, the room is kept."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from cells_made import MadeCells
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.llm.kv.cells import Ability
from core.llm.kv.memory import KvMemory
from core.llm.kv.prompts import END, PromptMemory, PromptPart, part_name, system_part
from core.llm.kv.saved import Origin, SavedKv

ORIGIN = Origin("made", "fingerprint", "build", "q8_0", "flash")
SYSTEM = system_part(range(10))


def turn(
    number: int, length: int = 8, conversation: int = 1, *, recalled: bool = False
) -> PromptPart:
    tokens = tuple(range(1000 * number, 1000 * number + length))
    name = part_name(f"turn-{conversation}-{number}", tokens)
    return PromptPart(name, number, tokens, conversation, number + 1e9 * recalled)


def prompts_over(
    cells: MadeCells, folder: Path | None = None, trained: int = 0, limit_bytes: int = 10**6
) -> PromptMemory:
    """Of which a computation takes the longer the more there have been."""
    clock = (calls**2 for calls in itertools.count())
    prompts = PromptMemory(KvMemory(cells, 1, 4), trained, clock.__next__)
    if folder is not None:
        prompts.saved = SavedKv(folder, ORIGIN, limit_bytes, itertools.count(2e9).__next__)
    return prompts


def content(prompts: PromptMemory) -> list[int]:
    return [token for run in prompts.memory.runs for token in run.tokens]


def test_what_is_there_is_not_computed_again() -> None:
    cells = MadeCells(100)
    prompts = prompts_over(cells)
    prompts.bring([SYSTEM, turn(1)], [5, 6, 7], 10)
    assert cells.computed == 21
    again = prompts.bring([SYSTEM, turn(1)], [5, 6, 8], 10)
    assert (again.reused, again.computed) == (20, 1)
    more = prompts.bring([SYSTEM, turn(1), turn(2)], [9], 10)
    assert (more.reused, more.computed) == (18, 9)
    assert content(prompts) == [*range(10), *range(1000, 1008), *range(2000, 2008), 9]


def test_old_turns_leave_as_wholes_and_come_back_to_their_place(tmp_path: Path) -> None:
    cells = MadeCells(60)
    prompts = prompts_over(cells, tmp_path)
    for number in range(1, 12):
        prompts.bring([SYSTEM, *(turn(n) for n in range(max(1, number - 2), number))], [number], 10)
        prompts.settle()
        assert prompts.memory.tokens <= 50
    before, end = cells.computed, prompts.memory.end
    asked = [SYSTEM, turn(2, recalled=True), turn(9), turn(10)]
    brought = prompts.bring(asked, [77], 10)
    assert brought.recalled == 8
    assert turn(2).name in brought.held
    assert cells.computed - before == brought.computed == 1
    assert prompts.memory.end == end
    assert cells.at[10 + 8] == 2000
    assert content(prompts)[:18] == [*range(10), *range(2000, 2008)]


def test_beyond_the_trained_positions_all_is_renumbered(tmp_path: Path) -> None:
    cells = MadeCells(60)
    prompts = prompts_over(cells, tmp_path, trained=64)
    for number in range(1, 20):
        prompts.bring([SYSTEM, *(turn(n) for n in range(max(1, number - 2), number))], [number], 10)
        prompts.settle()
        assert max(cells.at) < 64
    before = cells.computed
    prompts.bring([SYSTEM, turn(3, recalled=True), turn(17), turn(18)], [77], 10)
    assert cells.computed - before == 1
    assert max(cells.at) < 64


@settings(deadline=None)
@given(st.data())
def test_whatever_is_asked_memory_holds_the_prompt(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    pages = data.draw(st.booleans())
    ability = Ability(pages, shifts=pages and data.draw(st.booleans()))
    cells = MadeCells(64, ability, rewinds=pages or data.draw(st.booleans()))
    folder = tmp_path_factory.mktemp("saved") if data.draw(st.booleans()) else None
    prompts = prompts_over(cells, folder, trained=80, limit_bytes=data.draw(st.integers(0, 9000)))
    for step in range(data.draw(st.integers(1, 8))):
        conversation = data.draw(st.integers(1, 2))
        numbers = sorted(data.draw(st.sets(st.integers(1, 9), max_size=5)))
        parts = [SYSTEM, *(turn(n, n, conversation) for n in numbers)]
        end = list(range(9000 + step, 9000 + step + data.draw(st.integers(1, 30))))
        brought = prompts.bring(parts, end, 6)
        held = [part for part in parts if part.name in brought.held]
        named = [run for run in prompts.memory.runs if run.name in {part.name for part in held}]
        assert [run.tokens for run in named] == [part.tokens for part in held]
        assert prompts.memory.runs[-1].name == END
        assert prompts.memory.runs[-1].tokens == tuple(end)
        assert prompts.memory.room >= 6
        assert prompts.memory.end + 6 <= 80
        assert {
            r.first + i: t for r in prompts.memory.runs for i, t in enumerate(r.tokens)
        } == cells.at
        if data.draw(st.booleans()):
            prompts.settle()
        if data.draw(st.booleans()):
            parked = prompts.park()
            prompts.bring([SYSTEM, turn(5, 5, 3)], [1, 2], 6)
            prompts.unpark(parts, parked)


def test_a_part_is_computed_behind_a_gap_that_what_left_has_made(tmp_path: Path) -> None:
    prompts = prompts_over(MadeCells(64, Ability(shifts=False)), tmp_path)
    prompts.bring([SYSTEM, turn(1), turn(2)], [5, 6], 6)
    parked = prompts.park()
    prompts.bring([SYSTEM], [7], 6)
    assert prompts.saved is not None
    prompts.saved.remove(turn(2).name)
    prompts.unpark([SYSTEM, turn(1)], parked)
    assert [run.first for run in prompts.memory.runs] == [0, 10, 26]
    prompts.bring([SYSTEM, turn(1), turn(3)], [8], 6)
    assert content(prompts) == [*range(10), *range(1000, 1008), *range(3000, 3008), 8]
    assert [run.name for run in prompts.memory.runs] == [
        *(part.name for part in (SYSTEM, turn(1), turn(3))),
        END,
    ]


def test_what_a_model_without_a_way_back_forgot_is_computed_again() -> None:
    cells = MadeCells(64, Ability(pages=False, shifts=False), rewinds=False)
    prompts = prompts_over(cells)
    prompts.bring([SYSTEM, turn(1)], [5, 6], 6)
    again = prompts.bring([SYSTEM, turn(1)], [7], 6)
    assert content(prompts) == [*range(10), *range(1000, 1008), 7]
    assert (again.reused, again.computed) == (0, 19)


def test_a_text_longer_than_memory_goes_through_it(tmp_path: Path) -> None:
    cells = MadeCells(64)
    prompts = prompts_over(cells, tmp_path, trained=100)
    text = list(range(5000, 5500))
    brought = prompts.bring([SYSTEM, turn(1)], text, 10)
    assert cells.computed == 510
    assert content(prompts)[:10] == list(range(10))
    assert content(prompts)[10:26] == text[:16]
    assert content(prompts)[-20:] == text[-20:]
    assert brought.dropped_tokens == 510 - prompts.memory.tokens
    assert prompts.memory.room >= 10
    for token in range(30):
        assert prompts.extend(token)
    assert content(prompts)[-30:] == list(range(30))
    again = prompts.bring([SYSTEM], [3], 10)
    assert again.computed == 1


def test_a_long_text_that_is_paused_goes_on_where_it_was(tmp_path: Path) -> None:
    cells = MadeCells(64)
    prompts = prompts_over(cells, tmp_path, trained=100)
    text = list(range(5000, 5500))
    prompts.bring([SYSTEM], text, 10)
    prompts.extend(1)
    there, before = content(prompts), cells.computed
    parked = prompts.park()
    assert content(prompts) == list(range(10))
    prompts.bring([SYSTEM, turn(1)], [5], 10)
    prompts.unpark([SYSTEM], parked)
    prompts.bring([SYSTEM], [*text, 1], 9, goes_on=True)
    assert content(prompts) == there
    assert cells.computed - before <= 8 + 1 + 1 + 1
    prompts.bring([SYSTEM], [6], 10)
    assert not any(
        path.is_file()
        for path in tmp_path.glob("shared/*")
        if "parked" in path.read_text("latin-1")
    )


def test_a_model_that_cannot_let_parts_go_says_so() -> None:
    prompts = prompts_over(MadeCells(32, Ability(pages=False, shifts=False, why="It cannot.")))
    assert prompts.bring((), range(20), 20).computed == 20
    with pytest.raises(UserError, match=r"too long.*It cannot"):
        prompts.bring((), range(40), 4)
