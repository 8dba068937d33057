"""Kept answers on disk: they come back, and go with their turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import numpy as np
import pytest

from core.chat.answer_cache import FileMark, KeptAnswer, Rests
from core.messages import Citation, Locator
from core.store.history import History
from core.store.kept_answers import KeptAnswerTable

OLD = Path(__file__).parents[1] / "resources" / "history-1.sql"


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    found = History(tmp_path / "history.db")
    yield found
    found.close()


def kept(turn: int) -> KeptAnswer:
    return KeptAnswer(
        turn,
        "When?",
        np.array([0.25, -0.5], dtype=np.float32),
        Rests("model", "settings", "7-1-1"),
        (FileMark("/docs/no-utf8-\udcff.txt", 3, 2**60),),
        ('{"a":"caf\\u00e9"}', "{}"),
        1234.5,
        1e9,
        0,
        1e9,
    )


def ask(history: History, path: str = "/docs/a.txt") -> int:
    citation = Citation(1, path, Locator(), "on Monday")
    return history.add_turn(history.begin("When?"), "When?", "Then.", True, [citation], [path])


def test_an_answer_comes_back_as_it_was_and_counts_its_uses(history: History) -> None:
    table = KeptAnswerTable(history.own)
    answer = kept(ask(history))
    table.add(answer)
    [found] = table.all()
    assert found.vector.tolist() == answer.vector.tolist()
    assert replace(found, vector=answer.vector) == answer
    table.note_use(answer.turn)
    table.confirm(answer.turn, Rests("model", "settings", "8-1-1"))
    [found] = table.all()
    assert (found.used, found.rests.index) == (1, "8-1-1")
    assert found.used_at_s > answer.used_at_s
    table.drop([answer.turn])
    assert table.all() == []
    assert len(history.conversations()) == 1


def test_an_answer_goes_with_its_conversation_and_with_its_file(history: History) -> None:
    table = KeptAnswerTable(history.own)
    turns = [ask(history, f"/docs/{name}.txt") for name in "ab"]
    for turn in turns:
        table.add(kept(turn))
    assert history.forget("/docs/a.txt") == 1
    assert [one.turn for one in table.all()] == turns[1:]
    [conversation] = history.conversations()
    assert isinstance(conversation["id"], int)
    history.delete(conversation["id"])
    assert table.all() == []


def test_conversations_of_the_first_version_still_open(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    db = apsw.Connection(str(path))
    db.execute(OLD.read_text("utf-8"))
    db.close()
    history = History(path)
    [turn] = history.show(1)
    assert turn["answer"] == "On 31 May 2028 [1]."
    assert history.knows("/docs/lease.pdf")
    table = KeptAnswerTable(history.own)
    table.add(kept(1))
    assert [one.turn for one in table.all()] == [1]
    assert history.forget("/docs") == 1
    assert table.all() == []
    history.close()
