"""Conversations as trees: branches, versions, what forgetting does to them, and old databases."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.messages import Citation, Locator, Scope
from core.store.history import History

RESOURCES = Path(__file__).parents[1] / "resources"


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    found = History(tmp_path / "history.db")
    yield found
    found.close()


def say(history: History, conversation: int, text: str, after: int | None = None) -> int:
    return history.add_turn(conversation, text, f"{text}!", True, (), (), after=after)


def asked(history: History, conversation: int, tip: int | None = None) -> list[str]:
    return [turn.text for turn in history.turns(conversation, tip)[::2]]


def test_a_branch_has_its_own_turns_and_the_other_stays(history: History) -> None:
    number = history.begin("a")
    a, b, c = (say(history, number, name) for name in "abc")
    other = say(history, number, "B", after=a)
    below = say(history, number, "d")
    assert asked(history, number) == ["a", "B", "d"]
    assert history.versions(b) == [b, other]
    assert history.versions(c) == [c]
    assert history.show_branch(number, b)
    assert asked(history, number) == ["a", "b", "c"]
    assert history.tip(number) == c
    assert history.show_branch(number, other)
    assert history.tip(number) == below
    assert asked(history, number, a) == ["a"]
    assert asked(history, number, 0) == []
    assert not history.show_branch(number, 999)
    first = say(history, number, "A", after=0)
    assert history.versions(a) == [a, first]
    assert [turn["question"] for turn in history.show(number)] == ["A"]
    assert len(history.show(number, whole=True)) == 6
    assert history.following(number, a, "B") == 1


def test_a_turn_of_another_conversation_is_followed_by_none(history: History) -> None:
    one, two = history.begin("one"), history.begin("two")
    foreign = say(history, one, "one")
    say(history, two, "two", after=foreign)
    assert asked(history, two) == ["two"]
    assert not history.show_branch(two, foreign)


def test_what_followed_a_forgotten_turn_follows_the_one_before(history: History) -> None:
    number = history.begin("a")
    a = say(history, number, "a")
    citation = Citation(1, "/docs/b.txt", Locator(), "words")
    history.add_turn(number, "b", "b!", True, [citation])
    c = say(history, number, "c")
    scoped = Scope(None, ("/docs/no-utf8-\udcff.txt",))
    history.add_turn(number, "d", "d!", True, (), scope=scoped)
    assert history.show(number)[-1]["scope"] == {"folder": None, "files": list(scoped.files)}
    assert history.forget("/docs") == 2
    assert asked(history, number) == ["a", "c"]
    assert history.versions(c) == [c]
    assert asked(history, number, a) == ["a"]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=14))
@settings(max_examples=30, deadline=None)
def test_every_turn_stays_reachable_however_it_branches(
    steps: list[tuple[bool, int]],
) -> None:
    folder = tempfile.mkdtemp()
    history = History(Path(folder) / "history.db")
    try:
        number = history.begin("q")
        parents: dict[int, int] = {}
        for forgets, choice in steps:
            known = [0, *parents]
            at = known[choice % len(known)]
            if forgets and at:
                history.forget(f"/f/{at}")
                parents = {n: parents[at] if p == at else p for n, p in parents.items() if n != at}
                if not parents:
                    number = history.begin("q")
            else:
                turn = history.add_turn(number, "q", "a", True, (), (), after=at)
                history.own.db.execute(
                    "INSERT INTO source VALUES(?,?)", (turn, f"/f/{turn}".encode())
                )
                parents[turn] = at
        for turn, parent in parents.items():
            assert history.show_branch(number, turn)
            line = [one["turn"] for one in history.show(number)]
            assert turn in line
            assert (line[line.index(turn) - 1] if line.index(turn) else 0) == parent
            versions = [n for n, p in parents.items() if p == parent]
            assert history.versions(turn) == sorted(versions)
    finally:
        history.close()
        shutil.rmtree(folder)


def test_conversations_are_found_by_title_question_and_answer_and_renamed(
    history: History,
) -> None:
    one, two = history.begin("Die Straße"), history.begin("boats")
    say(history, one, "Wo?")
    history.add_turn(two, "When?", "At NOON, by Åse.", True, ())
    assert [row["id"] for row in history.conversations("STRASSE wo")] == [one]
    assert [row["id"] for row in history.conversations("åse noon")] == [two]
    assert history.conversations("noon strasse") == []
    assert [row["turns"] for row in history.conversations()] == [1, 1]
    assert history.rename(two, "  The\n ferry ") == "The ferry"
    assert [row["title"] for row in history.conversations("ferry")] == ["The ferry"]
    assert history.rename(two, " ") == "When?"
    assert history.rename(99, "x") is None


@pytest.mark.parametrize("version", [1, 6])
def test_every_database_that_ever_was_still_opens(tmp_path: Path, version: int) -> None:
    path = tmp_path / "history.db"
    db = apsw.Connection(str(path))
    db.execute((RESOURCES / f"history-{version}.sql").read_text("utf-8"))
    db.close()
    history = History(path)
    try:
        questions = ["When does the lease end?", "And the rent?"][: 2 if version == 6 else 1]
        assert asked(history, 1) == questions
        assert [turn["stopped"] for turn in history.show(1)] == ["end"] * len(questions)
        last = history.tip(1)
        again = say(history, 1, questions[-1], after=0 if version == 1 else 1)
        assert history.versions(again) == [last, again]
        if version == 6:
            assert asked(history, 2) == ["Hvem eier båten?"]
            assert history.vectors(1, "all-minilm-l6-v2") == {1: b"\x01\x02"}
            assert history.forget("/docs/rent.txt") == 1
            assert asked(history, 1) == questions
    finally:
        history.close()
