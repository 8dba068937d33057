"""Which memories bear on a question, and how they are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.chat.memories import MOST_USED, MOST_WISHES, Memory, as_turns, bearing_on
from core.chat.noticing import kind_of_memory
from core.errors import UserError
from core.store.history import History
from core.store.memories import MemoryTable

QUESTION = np.array([1.0, 0.0], dtype=np.float32)


def memory(number: int, text: str, cosine: float = 0.0) -> Memory:
    vector = np.array([cosine, np.sqrt(1 - cosine**2)], dtype=np.float32)
    return Memory(number, text, kind_of_memory(text), 0.0, vector, "model")


def test_the_nearest_are_used_and_wishes_about_answers_always() -> None:
    near = [memory(n, f"I own boat {n}.", 0.4 + n / 20) for n in range(1, 6)]
    far = memory(9, "I live in Bergen.", 0.1)
    wish = memory(10, "I prefer short answers.", 0.0)
    used = bearing_on(QUESTION, [*near, far, wish])
    assert [one.id for one in used] == [10, 5, 4, 3]
    assert len(used) == MOST_USED + 1
    wishes = [memory(n, f"Use format {n} from now on.") for n in range(20, 26)]
    assert bearing_on(QUESTION, wishes) == wishes[-MOST_WISHES:]
    assert bearing_on(np.empty(0, dtype=np.float32), [*near, wish]) == [wish]


def test_the_model_is_told_as_if_the_person_had_said_it_before() -> None:
    turns = as_turns([memory(1, "I live in Bergen"), memory(2, "I own a boat.")])
    assert [turn.role for turn in turns] == ["user", "assistant"]
    assert turns[0].text == "About me: I live in Bergen. I own a boat."
    assert as_turns([]) == []


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    found = History(tmp_path / "history.db")
    yield found
    found.close()


def test_memories_are_kept_changed_and_gone_for_good(history: History, tmp_path: Path) -> None:
    table = MemoryTable(history.own)
    table.add("  I live in\n Bergen. ")
    table.add("I live in Bergen.")
    table.add("I prefer short answers.")
    first, second = table.all()
    assert (first.text, first.kind, second.kind) == ("I live in Bergen.", "fact", "preference")
    table.set_vector(first.id, first.text, np.array([0.5, 0.25], dtype=np.float32), "model")
    assert table.all()[0].vector.tolist() == [0.5, 0.25]
    table.edit(first.id, "I live in Trondheim.")
    changed = table.all()[0]
    assert (changed.text, changed.vector.size, changed.model) == ("I live in Trondheim.", 0, "")
    table.remove(second.id)
    assert [one.text for one in table.all()] == ["I live in Trondheim."]
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"Trondheim" in kept
    assert b"Bergen" not in kept
    assert b"short answers" not in kept


def test_what_was_refused_is_not_new_until_it_is_added(history: History, tmp_path: Path) -> None:
    table = MemoryTable(history.own)
    assert table.is_new("I own a boat.")
    table.refuse("I own a  boat.")
    assert not table.is_new("i own a boat.")
    assert b"boat" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    table.add("I own a boat.")
    assert not table.is_new("I own a boat.")
    table.remove(table.all()[0].id)
    assert table.is_new("I own a boat.")


def test_bad_input_is_told(history: History) -> None:
    table = MemoryTable(history.own)
    table.add("I own a boat.")
    table.add("I own a car.")
    for wrong in (
        lambda: table.add("  "),
        lambda: table.add("x" * 401),
        lambda: table.edit(99, "I fly."),
        lambda: table.remove(99),
        lambda: table.edit(table.all()[0].id, "I own a car."),
    ):
        with pytest.raises(UserError):
            wrong()
    assert [one.text for one in table.all()] == ["I own a boat.", "I own a car."]
