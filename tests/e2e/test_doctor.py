"""Every fault that a disk or a sudden end leaves in a home is found, and mended without a loss."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from helpers import Indexed, satchel, satchel_json

from app.local import InProcess
from app.requested import report, table
from core.home import Home, find_home
from core.messages import Doctor, Index, Search, SearchResults
from core.store.history import History

QUERY, SAME_SCORE = "rent of the workshop", 0.002
TITLE = "Where is the key of the workshop?"


@dataclass(frozen=True)
class Fault:
    """How a fault is made, the part that `doctor` names, a word of what it says, and whether it is
    mended as the home is opened.
    """

    make: Callable[[Home], None]
    part: str
    says: str
    by_itself: bool = False


def flip(path: Path, at: float) -> None:
    """Alter a byte of a file."""
    data = bytearray(path.read_bytes())
    data[int(at * (len(data) - 1))] ^= 0x10
    path.write_bytes(bytes(data))


def segment(home: Home) -> Path:
    [found] = home.segments.iterdir()
    return found


def write(path: Path, data: bytes = b"broken", mode: int = 0o600) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def sql(database: Path, *statements: str) -> None:
    db = sqlite3.connect(database)
    with db:
        for statement in statements:
            db.execute(statement)
    db.close()


def lose_a_document(home: Home) -> None:
    sql(
        home.catalogue,
        "INSERT INTO document(id, hash, chunks, text_bytes) VALUES(99999, zeroblob(8), 3, 9)",
        "UPDATE file SET document=99999 WHERE id=(SELECT max(id) FROM file WHERE state=1)",
    )


def damage_page(home: Home, of: str) -> None:
    """Overwrite the first page of a table or index of the conversations."""
    size = 2048
    data = bytearray(home.history.read_bytes())
    db = sqlite3.connect(home.history)
    [root] = db.execute("SELECT rootpage FROM sqlite_schema WHERE name=?", (of,)).fetchone()
    db.close()
    data[(root - 1) * size : root * size] = bytes([0x5A]) * size
    home.history.write_bytes(bytes(data))


def damage_the_start(home: Home) -> None:
    data = bytearray(home.history.read_bytes())
    data[:100] = b"not a database".ljust(100)
    home.history.write_bytes(bytes(data))


FAULTS: dict[str, Fault] = {
    "a flipped bit in a segment": Fault(lambda h: flip(segment(h), 0.9), "store", "damaged"),
    "a flipped bit in the codes": Fault(lambda h: flip(segment(h), 0.03), "store", "damaged", True),
    "a segment cut off": Fault(
        lambda h: os.truncate(segment(h), segment(h).stat().st_size // 2), "store", "cut off", True
    ),
    "a row without its segment": Fault(lambda h: segment(h).unlink(), "store", "not there", True),
    "a text that is lost": Fault(lose_a_document, "store", "lost the text"),
    "the catalogue is no database": Fault(
        lambda h: write(h.catalogue, b"not a database" * 300), "store", "damaged", True
    ),
    "a kept text": Fault(lambda h: write(h.text_cache / "7.texts"), "store", "kept text"),
    "a saved part": Fault(lambda h: write(h.saved_kv / "1" / "ab.kv"), "saved", "had read"),
    "traces of experts": Fault(lambda h: write(h.expert_traces / "m.trace"), "saved", "used for"),
    "a digest": Fault(lambda h: write(h.digests / "ab.json"), "saved", "digest"),
    "a kept answer": Fault(
        lambda h: sql(h.history, "UPDATE kept_answer SET rests='{'"), "caches", "kept answers"
    ),
    "speeds of searches": Fault(lambda h: write(h.query_speed), "caches", "cannot be read"),
    "speeds of models": Fault(lambda h: write(h.model_speeds), "caches", "cannot be read"),
    "recent searches": Fault(lambda h: write(h.recent_searches), "searches", "cannot be read"),
    "open to others": Fault(
        lambda h: write(h.config / "mine", mode=0o644), "permissions", "others may read"
    ),
    "the settings": Fault(
        lambda h: write(h.settings, b'[window]\ntheme = "dark"\n[search]\nkeep = = 1\n'),
        "settings", "cannot be read",
    ),
    "a setting out of its range": Fault(
        lambda h: write(h.settings, b'[window]\ntheme = "dark"\n[budget]\ndisk_mb = 1.0\n'),
        "settings", "disk_mb",
    ),
    "the list of folders": Fault(lambda h: write(h.folders), "folders", "cannot be read"),
    "a page of citations": Fault(
        lambda h: damage_page(h, "citation_turn"), "conversations", "damaged"
    ),
    "a page of turns": Fault(
        lambda h: damage_page(h, "turn_conversation"), "store", "kept as", True
    ),
    "the start of the conversations": Fault(damage_the_start, "store", "kept as", True),
}  # fmt: skip
# Those that can be in one home at once, so that one round of commands sees them all.
TOGETHER = (
    "a flipped bit in a segment", "a kept text", "a saved part", "traces of experts", "a digest",
    "a kept answer", "speeds of models", "recent searches", "open to others", "the list of folders",
    "a page of citations",
)  # fmt: skip


@pytest.fixture
def used(
    own_sample: Indexed, models: Path, tmp_path: Path
) -> Iterator[tuple[Home, dict[str, str]]]:
    """A home with an index, conversations, a kept answer and a memory; without language models."""
    store = tmp_path / "models"
    shutil.copytree(models / "embedding" / "all-minilm-l6-v2",
                    store / "embedding" / "all-minilm-l6-v2", copy_function=os.link)  # fmt: skip
    environment = {"SATCHEL_MODELS": str(store)}
    home = find_home(str(own_sample.home), environment)
    history = History(home.history)
    for number in range(40):
        conversation = history.begin(f"{TITLE} {number}")
        history.add_turn(conversation, TITLE, f"It hangs on hook {number}.", True, ())
    with history.own.changing() as db:
        db.execute("INSERT INTO kept_answer VALUES(1, x'', ?, '[]', '[]', 1.0, 1.0, 0, 1.0)",
                   (json.dumps({"model": "m", "settings": "s", "index": "i"}),))  # fmt: skip
    history.close()
    before = os.umask(0o077)  # as every command sets it
    yield home, environment
    os.umask(before)


Hits = dict[tuple[str, int], float]


def found_by_search(home: Home, environment: dict[str, str]) -> Hits:
    body = satchel_json(home.data.parent, "search", QUERY, "-k", "8", environment=environment)
    return {(hit["path"], hit["start"]): hit["score"] for hit in body["results"]}


def doctor(home: Home, environment: dict[str, str], *options: str) -> tuple[int, Any]:
    done = satchel(home.data.parent, "doctor", "--json", *options, environment=environment)
    assert not done.stderr
    return done.returncode, json.loads(done.stdout)


def answers(home: Home) -> list[str]:
    history = History(home.history)
    found = [
        str(turn["answer"])
        for one in history.conversations()
        for turn in history.show(int(str(one["id"])))
    ]
    history.close()
    return sorted(found)


def own_files(home: Home) -> dict[Path, bytes]:
    own = (home.settings, home.folders, home.recent_searches)
    return {path: path.read_bytes() for path in own if path.exists()}


def assert_named(faults: list[Fault], body: Any, mended: bool) -> None:
    for fault in faults:
        named = [
            found
            for found in body["findings"]
            if found["part"] == fault.part and fault.says in found["problem"]
        ]
        assert named, (fault, body["findings"])
        assert {found["repaired"] for found in named} == {mended or fault.by_itself}


def assert_as_before(home: Home, before: tuple[Hits, list[str]], now: Hits) -> None:
    assert set(now) == set(before[0])
    assert all(abs(now[hit] - before[0][hit]) < SAME_SCORE for hit in now)
    assert answers(home) == before[1]


def assert_copied(own: dict[Path, bytes]) -> None:
    for path, data in own.items():
        copies = [p.read_bytes() for p in path.parent.glob(f"{path.stem}*{path.suffix}")]
        assert data in copies, f"{path.name} was touched and no copy was kept"


def test_many_faults_at_once(used: tuple[Home, dict[str, str]]) -> None:
    home, environment = used
    faults = [FAULTS[name] for name in TOGETHER]
    caller = InProcess(home, environment)
    before = in_process(caller), answers(home)
    caller.close()
    for fault in faults:
        fault.make(home)
    own = own_files(home)
    caller = InProcess(home, environment)
    try:
        assert_named(faults, report(caller, Doctor(caller.next_id(), repair=True)), mended=True)
        report(caller, Index(caller.next_id()))
        assert table(report(caller, Doctor(caller.next_id())))["findings"] == []
        now = in_process(caller)
    finally:
        caller.close()
    assert_as_before(home, before, now)
    assert_copied(own)


def in_process(caller: InProcess) -> Hits:
    last = list(caller.ask(Search(caller.next_id(), QUERY, k=8)))[-1]
    assert isinstance(last, SearchResults), last
    return {(hit.path, hit.start): hit.score for hit in last.hits}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_by_itself(used: tuple[Home, dict[str, str]], name: str) -> None:
    home, environment = used
    fault = FAULTS[name]
    before = found_by_search(home, environment), answers(home)
    fault.make(home)
    own = own_files(home)
    code, body = doctor(home, environment)
    assert_named([fault], body, mended=False)
    assert code == (0 if fault.by_itself else 1), body["findings"]
    code, body = doctor(home, environment, "--repair")
    assert code == 0
    if not fault.by_itself:
        assert_named([fault], body, mended=True)
    satchel_json(home.data.parent, "index", environment=environment)
    assert doctor(home, environment) == (0, {**body, "findings": [], "advice": None, "notes": ANY,
                                             "device": ANY})  # fmt: skip
    assert_as_before(home, before, found_by_search(home, environment))
    assert_copied(own)


@pytest.mark.slow
def test_a_copy_made_before_an_update_is_offered_and_stays(
    used: tuple[Home, dict[str, str]],
) -> None:
    home, environment = used
    copy = home.history.with_name("history-before-8.db")
    shutil.copy(home.history, copy)
    kept, own = copy.read_bytes(), answers(home)
    write(home.history, b"not a database" * 300)
    code, body = doctor(home, environment)
    assert code == 1
    assert any("history-before-8.db" in f["problem"] for f in body["findings"])
    code, _ = doctor(home, environment, "--repair")
    assert code == 0
    assert answers(home) == own
    assert copy.read_bytes() == kept
