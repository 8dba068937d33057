"""The manager and the cells always say the same; what left comes back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cells_made import MadeCells
from hypothesis import given
from hypothesis import strategies as st

from core.llm.experts.manager import Residency
from core.llm.kv.cells import CellType
from core.llm.kv.memory import KvMemory
from core.llm.native import ContextShape, NativeContext, NativeModel, StopFlag

NAMES = ("system", "one", "two", "three")
BATCH = 4


def agree(memory: KvMemory, cells: MadeCells) -> None:
    held = {run.first + at: token for run in memory.runs for at, token in enumerate(run.tokens)}
    assert held == cells.at
    assert memory.tokens == len(held)
    assert memory.end == max(held, default=-1) + 1
    assert [run.first for run in memory.runs] == sorted(run.first for run in memory.runs)


@given(st.data())
def test_memory_and_cells_agree_whatever_is_done(data: st.DataObject) -> None:
    cells = MadeCells(64)
    memory = KvMemory(cells, 1, BATCH)
    left = []
    for step in range(data.draw(st.integers(1, 12))):
        doing = data.draw(st.sampled_from("append drop rewind out recall keep gaps".split()))
        name = data.draw(st.sampled_from(NAMES))
        first, end = sorted((data.draw(st.integers(0, 70)), data.draw(st.integers(0, 70))))
        if doing == "append":
            count = data.draw(st.integers(0, min(20, memory.room)))
            memory.append(name, range(100 * step, 100 * step + count))
        elif doing == "drop":
            memory.drop(first, end)
        elif doing == "rewind":
            memory.rewind(first)
        elif doing == "out":
            left += memory.page_out(name)
            assert not memory.holds(name)
        elif doing == "recall" and left:
            saved = left.pop()
            before = memory.runs
            place = data.draw(st.sampled_from([None, saved.run.first, first]))
            if memory.recall(saved, place):
                agree(memory, cells)
            else:
                assert memory.runs == before
        elif doing == "keep":
            memory.keep({name})
        elif doing == "gaps":
            memory.close_gaps(first)
        agree(memory, cells)


@pytest.fixture(params=["f16", "q8_0", "q8_q4", "q4_0"])
def context(request: pytest.FixtureRequest, starter: Path) -> Iterator[NativeContext]:
    kind: CellType = request.param
    model = NativeModel(starter, StopFlag())
    shape = ContextShape(512, 2, 64, kind, key_size=64)
    context = NativeContext(model, shape, Residency(starter, None, None, "plain", None))
    assert context.cell_type == kind
    yield context
    context.close()
    model.close()


def test_what_left_and_came_back_gives_the_same_logits_to_the_last_bit(
    context: NativeContext,
) -> None:
    memory = KvMemory(context.cells, 1, 64)
    for name, first in (("system", 100), ("old", 1000), ("new", 3000)):
        memory.append(name, range(first, first + 70))

    def logits() -> np.ndarray:
        memory.append("probe", [500])
        found = np.array(context.logits())
        memory.rewind(memory.end - 1)
        return found

    before = logits()
    [old] = memory.page_out("old")
    assert memory.tokens == 140
    assert (logits() != before).any()
    cut = memory.recall(type(old)(old.run, old.state[:-100]))
    assert not cut
    assert memory.tokens == 140
    assert memory.recall(old)
    assert (logits() == before).all()
    [old], [new] = memory.page_out("old"), memory.page_out("new")
    assert memory.recall(new), "it takes the cells of the other"
    assert memory.recall(old)
    memory.tidy()
    assert (logits() == before).all()
    memory.drop(70, 140)
    memory.close_gaps()
    assert memory.end == 140
    assert context.cells.end == 140
    assert memory.save("new") == [], "its keys are turned with the next computation"
    assert np.isfinite(logits()).all()
    memory.tidy()
    turned = logits()
    [new] = memory.page_out("new")
    assert memory.recall(new)
    assert (logits() == turned).all()
