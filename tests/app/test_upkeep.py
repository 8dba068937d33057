"""A service that meets damage tells of it, answers from the rest, and makes it anew by itself."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from helpers import PATIENCE_S, one_line, satchel, satchel_json
from service_desk import index_state, last, names, search, serving, until_whole

from app import work
from app.service import Service
from app.session import Session
from app.upkeep import Upkeep
from core.errors import UserError
from core.index.segment import Segment
from core.index.segment_format import FORMAT, MAGIC, seal
from core.messages import Index, Report, SettingsSet


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


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let mapped files be cut off")
def test_a_segment_cut_off_in_use_is_made_anew(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "UPKEEP_AFTER_S", 0.5)
    with serving(home) as caller:
        assert names(search(caller))[0] == "boats.txt"
        path = segment_of(home)
        os.truncate(path, 100)
        found = search(caller)
        assert found.hits == ()
        assert found.note is not None
        assert f"{path.name} is cut off" in found.note
        until_whole(caller)
        again = search(caller)
        assert (names(again)[0], again.note) == ("boats.txt", None)
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


def test_what_is_done_unasked_makes_way_and_stops_nobody(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watching client comes while the service brings the index to a level by itself: one of the
    two does it, instead of both making way for each other for ever.
    """
    monkeypatch.setattr(work, "UPKEEP_AFTER_S", 0.01)
    begun, come = threading.Event(), threading.Event()

    def wait_for_people(_service: Service, _longest_s: float) -> None:
        begun.set()
        come.wait(PATIENCE_S)

    monkeypatch.setattr(Service, "wait_for_people", wait_for_people)
    with serving(home) as caller:
        level = SettingsSet(caller.next_id(), "index.level", "embeddings")
        assert isinstance(last(caller, level), Report)
        assert begun.wait(PATIENCE_S)
        session = Session(lambda _reply: None)
        service = caller._service
        service.attach(session)
        service.submit(session, Index(1, watch=True))
        come.set()
        until = time.monotonic() + 30
        while service.engine.store.behind:
            assert time.monotonic() < until, "it goes round in circles"
            time.sleep(0.05)
        service.detach(session)
