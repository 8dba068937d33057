"""SIGKILL while a service brings an old home's databases to the present schema."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import apsw
import pytest
from helpers import ROOT
from old_stores import QUESTIONS, names, unpack
from running import Running

from core.messages import ConversationGet, ConversationsList
from core.store.migrations import CATALOGUE, HISTORY

pytestmark = pytest.mark.timeout(1800)
TURNS, FILES = 3000, 6000
OLD_TURNS = "SELECT question, answer FROM turn ORDER BY id"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The oldest home, with so much in it that its migration takes a while."""
    root = unpack(names()[0], tmp_path_factory.mktemp("old")).home.parent
    history = apsw.Connection(str(root / "home" / "data" / "history.db"))
    with history:
        history.executemany(
            "INSERT INTO turn(conversation, question, answer, found, asked_at) VALUES(1,?,?,1,2.0)",
            ((f"What is said of {n}?", f"Of {n}: " + "as it was before, " * 20)
             for n in range(TURNS)),
        )  # fmt: skip
    history.close()
    catalogue = apsw.Connection(str(root / "home" / "data" / "catalogue.db"))
    with catalogue:
        catalogue.executemany(
            "INSERT INTO document(hash, first_chunk, chunks, text_bytes, kind, slow) "
            "VALUES(?,0,0,100,'text',0)",
            ((n.to_bytes(16, "big"),) for n in range(FILES)),
        )
        catalogue.execute(
            "INSERT INTO file(dir, name, size, mtime_ns, state, document) "
            "SELECT 1, CAST('empty' || id AS BLOB), 100, 1, 1, id FROM document WHERE chunks=0"
        )
    catalogue.close()
    return root


def start(home: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "app.service_process", "--home", str(home)], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def version(home: Path, name: str) -> int:
    db = apsw.Connection(str(home / "data" / f"{name}.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return int(db.pragma("user_version"))
    finally:
        db.close()


def look(home: Path, name: str, query: str) -> list[Any]:
    """What a query finds in a database, which has to be sound."""
    db = apsw.Connection(str(home / "data" / f"{name}.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        assert db.execute("PRAGMA integrity_check").get == "ok"
        return db.execute(query).fetchall()
    finally:
        db.close()


def survive(old: Path, root: Path, kills: int) -> None:
    seed = int(os.environ.get("SATCHEL_KILL_SEED", random.randrange(10**6)))
    print(f"seed {seed} (SATCHEL_KILL_SEED={seed} plays it again)")
    chance = random.Random(seed)
    newest = {"catalogue": len(CATALOGUE), "history": len(HISTORY)}
    home = root / "home"
    turns = look(old / "home", "history", OLD_TURNS)
    began = ended = 0.0
    left: dict[str, int] = {}
    for number in range(kills + 1):
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(old / "home", home)
        started = time.monotonic()
        process = start(home)
        log = home / "data" / "catalogue.db-wal"
        while not log.exists():
            assert process.poll() is None
            time.sleep(0.002)
        if not number:  # how long it takes undisturbed
            began = time.monotonic() - started
            while {name: version(home, name) for name in newest} != newest:
                assert process.poll() is None
                time.sleep(0.01)
            ended = time.monotonic() - started
            kill(process)
            continue
        time.sleep(chance.uniform(0, ended - began))
        kill(process)
        for name, last in newest.items():
            found = version(home, name)
            assert found in (1, last), "it is neither the old nor the new"
            what = f"{name} {'old' if found == 1 else 'new'}"
            left[what] = left.get(what, 0) + 1
        assert look(home, "history", OLD_TURNS) == turns
        assert look(home, "catalogue", "SELECT count(*) FROM file") == [(FILES + 3,)]
    print(f"{kills} kills in migrations of {ended - began:.2f} s; left were {left}")
    running = Running(home, {}, window=False)  # nobody has to mend anything
    try:
        listed = running.report(ConversationsList(running.next_id()))["conversations"]
        assert {row["title"] for row in listed} == set(QUESTIONS)
        shown = running.report(ConversationGet(running.next_id(), 1))["turns"]
        assert len(shown) == TURNS + 1
    finally:
        running.end()
    assert {name: version(home, name) for name in newest} == newest


def test_killed_while_old_databases_are_migrated(old: Path, tmp_path: Path) -> None:
    survive(old, tmp_path, 2)


@pytest.mark.slow
def test_killed_forty_times_while_old_databases_are_migrated(old: Path, tmp_path: Path) -> None:
    survive(old, tmp_path, 40)
