"""The person's own database: a copy before its schema changes, and what becomes of that."""

from __future__ import annotations

import os
import time
from pathlib import Path

import apsw

from core.store.history import History
from core.store.migrations import HISTORY
from core.store.personal import COPY_SERVES_S

OLD = Path(__file__).parents[1] / "resources" / "history-1.sql"
COPY = f"history-before-{len(HISTORY)}.db"


def old_store(folder: Path) -> Path:
    path = folder / "history.db"
    db = apsw.Connection(str(path))
    db.execute(OLD.read_text())
    db.pragma("user_version", 1)
    db.execute("INSERT OR IGNORE INTO conversation VALUES(77, 'Rent', 1.0, 2.0)")
    db.execute(
        "INSERT INTO turn(conversation, question, answer, found, asked_at) "
        "VALUES(77, 'How much?', 'Cinnabar.', 1, 2.0)"
    )
    db.close()
    return path


def test_a_copy_is_made_before_an_old_store_is_changed(tmp_path: Path) -> None:
    path = old_store(tmp_path)
    (tmp_path / COPY).with_suffix(".tmp").write_bytes(b"a copy that was broken off")
    history = History(path)
    assert {file.name for file in tmp_path.glob("*-before-*")} == {COPY}
    assert (tmp_path / COPY).stat().st_mode & 0o077 == 0
    copy = apsw.Connection(str(tmp_path / COPY))
    assert copy.pragma("user_version") == 1
    assert copy.execute("SELECT answer FROM turn WHERE conversation=77").get == "Cinnabar."
    copy.close()
    assert history.show(77)[0]["answer"] == "Cinnabar."
    history.close()


def test_what_is_deleted_is_not_kept_in_the_copy(tmp_path: Path) -> None:
    history = History(old_store(tmp_path))
    assert (tmp_path / COPY).exists()
    history.delete(77)
    history.close()
    assert not any(b"Cinnabar" in file.read_bytes() for file in tmp_path.iterdir())


def test_a_damaged_file_kept_aside_goes_with_all_conversations_and_not_before(
    tmp_path: Path,
) -> None:
    history = History(old_store(tmp_path))
    for name in ("history-damaged-1.db", "history-damaged-1.db-wal"):
        (tmp_path / name).write_bytes(b"Cinnabar.")
    history.delete(77)
    assert (tmp_path / "history-damaged-1.db").exists()  # of other conversations it may be all
    history.delete_all()
    history.close()
    assert not any(b"Cinnabar" in file.read_bytes() for file in tmp_path.iterdir())


def test_no_copy_where_there_is_no_room_and_none_of_a_new_store(tmp_path: Path) -> None:
    path = old_store(tmp_path)
    history = History(path, room=lambda: 0)
    assert history.show(77)
    history.close()
    History(path).close()
    assert not list(tmp_path.glob("*-before-*"))


def test_a_copy_goes_when_it_has_served_or_room_is_wanted(tmp_path: Path) -> None:
    path, copy = old_store(tmp_path), tmp_path / COPY
    older = tmp_path / "history-before-3.db"
    older.write_bytes(b"from a change before")
    History(path).close()
    assert copy.exists()
    assert not older.exists()
    History(path).close()
    assert copy.exists()
    served_s = time.time() - COPY_SERVES_S - 60
    os.utime(copy, (served_s, served_s))
    History(path).close()
    assert not copy.exists()
    copy.write_bytes(b"another")
    History(path, room=lambda: 0).close()
    assert not copy.exists()
