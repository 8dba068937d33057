"""A service that meets damage tells of it, answers from the rest, and makes it anew by itself."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers import one_line, satchel, satchel_json

from app import work
from app.local import InProcess
from app.upkeep import Upkeep
from core.errors import UserError
from core.home import find_home
from core.index.segment import FORMAT, MAGIC, Segment, seal
from core.messages import Message, Report, Search, SearchResults, StatusRequest

TEXTS = {
    "boats.txt": "The ferry to the island leaves the harbour at noon.",
    "bread.txt": "The dough of the rye bread has to rest overnight.",
    "bicycle.txt": "The spokes of the rear wheel are 288 millimetres long.",
}


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:  # noqa: ARG001
    """A home with a few files indexed."""
    root = tmp_path_factory.mktemp("upkeep")
    (root / "files").mkdir()
    for name, text in TEXTS.items():
        (root / "files" / name).write_text(text)
    satchel_json(root / "home", "folders", "add", str(root / "files"))
    assert satchel_json(root / "home", "index")["chunks"] == len(TEXTS)
    return root / "home"


@pytest.fixture
def home(indexed: Path, tmp_path: Path) -> Path:
    shutil.copytree(indexed, tmp_path / "home", ignore=shutil.ignore_patterns("socket"))
    return tmp_path / "home"


def segment_of(home: Path) -> Path:
    [path] = (home / "data" / "segments").iterdir()
    return path


def damage(path: Path, part: str) -> None:
    """Flip a bit in the middle of a part, where the file is mapped."""
    with path.open("r+b") as file:
        data = file.read()
        parts = Segment(path).header.parts
        place = parts[part]
        at = len(data) - sum(p.length for p in parts.values()) + place.offset + place.length // 2
        file.seek(at)
        file.write(bytes([data[at] ^ 4]))


@contextmanager
def serving(home: Path) -> Iterator[InProcess]:
    caller = InProcess(find_home(str(home), os.environ), os.environ)
    try:
        yield caller
    finally:
        caller.close()


def last(caller: InProcess, request: Message) -> Any:
    return list(caller.ask(request))[-1]


def search(caller: InProcess, query: str = "when does the boat sail") -> SearchResults:
    found = last(caller, Search(caller.next_id(), query, k=3))
    assert isinstance(found, SearchResults), found
    return found


def names(found: SearchResults) -> list[str]:
    return [Path(hit.path).name for hit in found.hits]


def index_state(caller: InProcess) -> dict[str, Any]:
    report = last(caller, StatusRequest(caller.next_id()))
    assert isinstance(report, Report)
    state: dict[str, Any] = report.body["index"]
    return state


def until_whole(caller: InProcess, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while index_state(caller)["damage"] or index_state(caller)["files"]["waiting"]:
        assert time.monotonic() < deadline, index_state(caller)
        time.sleep(0.05)


def test_what_is_found_damaged_in_use_is_made_anew(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "UPKEEP_AFTER_S", 0.5)
    with serving(home) as caller:
        assert index_state(caller)["damage"] is None
        path = segment_of(home)
        damage(path, "spans")
        found = search(caller)
        assert found.hits == ()
        assert found.note is not None
        assert path.name in found.note
        assert "3 files" in found.note
        until_whole(caller)
        again = search(caller)
        assert (names(again)[0], again.note) == ("boats.txt", None)
        assert index_state(caller)["repaired"], "what was done stays to be seen"
    assert satchel_json(home, "doctor")["findings"] == []


def test_what_is_found_damaged_at_opening_is_told_and_made_anew(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(segment_of(home), "codes")
    done = satchel(home, "search", "ferry")
    assert done.returncode == 0
    assert "damaged" in done.stderr
    assert "3 files" in done.stderr
    assert "damaged" in satchel_json(home, "search", "ferry")["note"], "the next one knows it too"
    monkeypatch.setattr(work, "UPKEEP_AFTER_S", 0.1)
    with serving(home) as caller:
        until_whole(caller)
        assert names(search(caller))[0] == "boats.txt"


def test_a_newer_segment_is_refused(home: Path) -> None:
    path = segment_of(home)
    header = seal(b'{"format":%d}' % (FORMAT + 1))
    newer = MAGIC + len(header).to_bytes(4, "little") + header + b"what only that one reads"
    path.write_bytes(newer)
    with pytest.raises(UserError, match="newer version"), serving(home):
        pass
    said = one_line(satchel(home, "doctor", "--repair"))
    assert f"format {FORMAT + 1}" in said
    assert "Update Satchel" in said
    assert path.read_bytes() == newer


def test_upkeep_is_begun_once() -> None:
    upkeep = Upkeep()
    assert not upkeep.due
    upkeep.want("rebuild", "why")
    assert (upkeep.due, upkeep.why) == (True, "why")
    upkeep.begin()
    assert (upkeep.due, upkeep.why) == (False, "why")
    upkeep.want("rebuild", "why")
    assert not upkeep.due, "it was begun and did not come to its end"
    upkeep.again()
    assert upkeep.due
    upkeep.begin()
    upkeep.want("other", "else")
    assert upkeep.due
    upkeep.done("other")
    upkeep.done("rebuild")
    assert (upkeep.due, upkeep.why) == (False, None)
