"""What is kept of the person: shown, deleted for good; and their instructions."""

from __future__ import annotations

from pathlib import Path

import pytest
from service_desk import last, serving

from app.crash_reports import keep_report, report_of
from core.chat.instructions import LONGEST_INSTRUCTIONS, instructions_as_turns
from core.messages import (
    Failed,
    KeptRequest,
    MemoriesRequest,
    Pause,
    Report,
    SearchesRequest,
    SettingsSet,
)

SECRET = "cormorants nest under the pier"


def counts(report: object) -> dict[str, int]:
    assert isinstance(report, Report), report
    return {row["kind"]: row.get("count", 0) for row in report.body["kept"]}


def test_each_kind_is_counted_and_leaves_the_disk_when_deleted(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as caller:
        service = caller._service
        conversation = service.history.begin(SECRET)
        service.history.add_turn(conversation, SECRET, "Yes.", True, [])
        last(caller, MemoriesRequest(caller.next_id(), "add", text=f"I know that {SECRET}."))
        last(caller, SearchesRequest(caller.next_id(), "note", SECRET))
        found = last(caller, KeptRequest(caller.next_id()))
        seen = counts(found)
        assert (seen["conversations"], seen["memories"], seen["searches"]) == (1, 1, 1)
        assert found.body["about"]["data"] == str(tmp_path / "home" / "data")
        assert found.body["about"]["crash_reports"] == []
        path = keep_report(service.home, report_of(KeyError(SECRET), "window"))
        [report] = last(caller, KeptRequest(caller.next_id())).body["about"]["crash_reports"]
        assert report["path"] == str(path)
        assert report["text"].startswith("Satchel ")
        assert "KeyError" in report["text"]
        assert all(row["bytes"] > 0 for row in found.body["kept"] if row["kind"] != "memories"
                   and row["kind"] not in ("answers", "models"))  # fmt: skip
        for kind in ("conversations", "memories", "searches", "answers"):
            after = counts(last(caller, KeptRequest(caller.next_id(), kind)))
            assert after[kind] == 0
        data = b"".join(
            path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()
        )
        assert SECRET.encode() not in data


def test_starting_with_the_session_is_set_where_the_system_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("sys.platform", "linux")
    with serving(tmp_path / "home") as caller:
        folder = tmp_path / "config" / "autostart"
        assert isinstance(
            last(caller, SettingsSet(caller.next_id(), "window.autostart", True)), Report
        )
        assert len(list(folder.iterdir())) == 1
        last(caller, SettingsSet(caller.next_id(), "window.autostart", False))
        assert not list(folder.iterdir())
        folder.rmdir()
        folder.write_text("in the way")
        refused = last(caller, SettingsSet(caller.next_id(), "window.autostart", True))
        assert isinstance(refused, Failed)
        assert caller._service.settings.get("window.autostart") is False


def test_a_pause_for_a_while_says_until_when(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as caller:
        last(caller, Pause(caller.next_id(), True, 3600.0))
        state, reason = caller._service.work.standing.now()
        assert state == "paused"
        assert (reason or "").startswith("paused until")


def test_instructions_are_bounded_and_told_as_the_persons(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as caller:
        long = "x" * (LONGEST_INSTRUCTIONS + 1)
        refused = last(caller, SettingsSet(caller.next_id(), "assistant.instructions", long))
        assert isinstance(refused, Failed)
        assert str(LONGEST_INSTRUCTIONS) in refused.advice
    assert instructions_as_turns(" \n ") == []
    told = instructions_as_turns("Answer\nin Welsh. ")
    assert [turn.role for turn in told] == ["user", "assistant"]
    assert told[0].text == "For every answer: Answer in Welsh."
