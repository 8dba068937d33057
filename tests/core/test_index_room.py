"""At the limit of the disk: nothing is half-written, what can be spared goes, the rest waits."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import Lab

from core.budget.facts import Corpus, Limits, Speeds, Wishes
from core.budget.plan import make_plan
from core.errors import NoRoomError
from core.home import find_home
from core.index.codes import Rotation
from core.index.kept import Kept
from core.index.levels import DEFAULT_LEVEL, LEVELS, WHERE_ROOM, cheaper_level, level_named
from core.index.limit import Limit
from core.index.room import LEAST_ROOM_BYTES, STEP_BYTES, Growth, Room, budget_used_up, log_reserve
from core.index.text_cache import TextCache
from core.settings import Settings
from core.store.catalogue import Catalogue
from core.store.database import LOG_BYTES, open_database
from core.store.history import History


def fill(lab: Lab, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        lab.write(f"{number}.txt", "\n".join(f"marker{number}x{n} harbour boat" for n in range(9)))


def test_the_room_is_what_budget_and_disk_leave(tmp_path: Path) -> None:
    home = find_home(str(tmp_path / "home"), os.environ)
    home.create()
    room = Room(home, lambda: 5_000_000)
    empty = room()
    assert empty == 5_000_000 - LEAST_ROOM_BYTES - LOG_BYTES
    (home.cache / "x").write_bytes(bytes(1000))
    assert room() == empty - 1000
    home.catalogue.write_bytes(bytes(10_000))
    assert room() == empty - 1000 - 2 * 10_000, "its log may become as large"
    home.catalogue.with_name("catalogue.db-wal").write_bytes(bytes(4_000))
    assert room() == empty - 1000 - 2 * 10_000, "what the log has it does not take once more"
    assert log_reserve(home.catalogue) == LOG_BYTES + 6_000
    assert room.to_talk()
    (home.cache / "y").write_bytes(bytes(room() + 200_000))
    assert not room.to_talk()
    assert "budget" in str(room.error())
    assert "disk is full" in str(Room(home, lambda: 10**18).error())


def test_small_things_are_asked_for_now_and_then() -> None:
    asked = 0

    def room() -> int:
        nonlocal asked
        asked += 1
        return 10**6 if asked < 3 else -LEAST_ROOM_BYTES - LOG_BYTES

    growth = Growth(room, budget_used_up)
    for _ in range(2 * STEP_BYTES // 1000):
        growth(1000)
    assert asked == 2
    with pytest.raises(NoRoomError):
        for _ in range(STEP_BYTES // 1000):
            growth(1000)


def test_a_few_files_are_noted_in_what_is_kept_free() -> None:
    left = -LEAST_ROOM_BYTES
    Growth(lambda: left, budget_used_up)(1000)
    with pytest.raises(NoRoomError):
        Growth(lambda: left, budget_used_up)(STEP_BYTES + 1)


def test_a_transaction_leaves_the_log_within_what_is_reserved(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    db = open_database(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x BLOB)")
    for number in range(3_000):
        db.execute("INSERT INTO t VALUES(?, randomblob(300))", (number,))
        if number % 300 == 0:
            assert path.with_name("some.db-wal").stat().st_size <= LOG_BYTES
    size = path.stat().st_size
    db.execute("UPDATE t SET x=randomblob(300)")
    assert path.with_name("some.db-wal").stat().st_size <= 1.02 * size + LOG_BYTES
    db.execute("VACUUM")
    assert path.with_name("some.db-wal").stat().st_size <= 1.02 * size + LOG_BYTES
    db.close()


def test_what_comes_out_larger_than_was_thought_is_not_written(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lab, 4)
    lab.index()
    before = {path.name for path in lab.segments.iterdir()}
    fill(lab, 4, first=4)
    monkeypatch.setattr(lab.store, "fits", lambda *_: True)
    lab.room = 500
    outcome = lab.index()
    assert isinstance(outcome.stopped, NoRoomError)
    assert {path.name for path in lab.segments.iterdir()} == before
    assert lab.catalogue.files.coverage()["waiting"] == 4
    assert lab.names("marker1x1")[0] == "1.txt"
    lab.room = 10**9
    assert lab.index().stopped is None
    assert lab.names("marker5x1")[0] == "5.txt"


def test_forgetting_needs_no_room(lab: Lab) -> None:
    fill(lab, 6)
    lab.index()
    lab.room = 0
    lab.catalogue.files.remove(lab.catalogue.files.below(str(lab.files / "2.txt")))
    lab.store.refresh()
    lab.store.rewrite_without(set(dict(lab.store.view.segments)))
    assert not any(b"marker2x1" in path.read_bytes() for path in lab.segments.iterdir())
    assert list(lab.segments.iterdir()) == []
    lab.room = 10**9
    assert lab.catalogue.files.coverage()["waiting"] == 5


def test_a_survey_that_finds_no_room_stops_and_goes_on_later(lab: Lab) -> None:
    fill(lab, 3)
    lab.index()
    fill(lab, 9, first=3)

    def full(_bytes: int) -> None:
        raise budget_used_up()

    lab.catalogue.survey.check_growth = full
    outcome = lab.index()
    assert isinstance(outcome.stopped, NoRoomError)
    assert sum(lab.catalogue.files.coverage().values()) == 3
    lab.catalogue.survey.check_growth = lambda _bytes: None
    assert lab.index().stopped is None
    assert lab.catalogue.files.coverage()["indexed"] == 12


def test_kept_texts_take_no_more_than_there_is_room_for(tmp_path: Path) -> None:
    room = 10
    cache = TextCache(tmp_path / "texts", 100_000, lambda: room)
    cache.put(1, ["some text that is kept"])
    assert cache.is_empty
    room = 1000
    cache.put(1, ["some text that is kept"])
    assert cache.get(1) == ["some text that is kept"]
    assert not cache.is_empty
    cache.resize(0)
    assert cache.is_empty


def test_only_kept_embeddings_can_be_given_up_without_embedding() -> None:
    assert {level.name for level in LEVELS if cheaper_level(level)} == {"hubs", "embeddings"}
    for level in LEVELS:
        cheaper = cheaper_level(level)
        assert cheaper is None or cheaper.name == DEFAULT_LEVEL
        assert cheaper is None or cheaper.bytes_a_chunk < level.bytes_a_chunk


def test_a_history_without_room_is_scrubbed_all_the_same(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db", lambda: 0)
    kept = history.begin("keep this one")
    history.add_turn(kept, "keep this one", "yes", True, ())
    gone = history.begin("a secret walrus")
    history.add_turn(gone, "a secret walrus", "no", True, ())
    assert history.delete(gone)
    for path in tmp_path.iterdir():
        assert b"walrus" not in path.read_bytes()
    assert [entry["id"] for entry in history.conversations()] == [kept]
    history.close()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 400 kB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(mount)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here (needs the rights of root)")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def test_a_disk_that_another_fills_is_told_and_nothing_is_half_written(
    tiny_disk: Path, rotation: Rotation
) -> None:
    lab = Lab(tiny_disk, rotation)
    try:
        fill(lab, 4)
        lab.index()
        found = lab.names("marker1x1")
        filler = tiny_disk / "filler"
        fill(lab, 8, first=4)
        with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1024))
        outcome = lab.index()
        assert isinstance(outcome.stopped, NoRoomError)
        assert "disk is full" in str(outcome.stopped)
        assert not list(lab.segments.glob("*.tmp"))
        assert lab.names("marker1x1") == found
        assert lab.store.verify() == {}
        filler.unlink()
        lab.reopen()
        assert lab.index().stopped is None
        assert lab.catalogue.files.coverage()["indexed"] == 12
    finally:
        lab.close()


def test_words_are_given_up_last_and_only_where_they_may(tmp_path: Path) -> None:
    home = find_home(str(tmp_path / "home"), os.environ)
    home.create()
    settings = Settings(home.settings)
    plan = make_plan(Limits(10**9, 10**9), Corpus(), Wishes(level_named("embeddings")), Speeds(),
                     None)  # fmt: skip
    limit, catalogue = Limit(home, settings, None), Catalogue(home.catalogue)
    kept, notes = Kept(home, plan, limit.room, None), catalogue.notes
    found = limit.give_up(kept, level_named("embeddings"), True, notes)
    assert found is not None
    level = found[1]
    assert (level.name, found[2]) == (DEFAULT_LEVEL, True)
    assert limit.give_up(kept, level, True, notes) is None, "words are always kept"
    settings.set({"index.words": WHERE_ROOM})
    assert limit.words_within(True, notes)
    found = limit.give_up(kept, level, True, notes)
    assert found is not None
    assert "by their meaning only" in found[0]
    assert found[1:] == (level, False)
    assert not limit.words_within(True, notes)
    assert limit.give_up(kept, level, False, notes) is None
    settings.set({"budget.disk_mb": 900.0})
    assert limit.words_within(True, notes)
    assert not limit.words_within(False, notes)
    catalogue.close()
