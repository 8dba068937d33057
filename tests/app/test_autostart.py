"""What tells a system to start Satchel with the session."""

from __future__ import annotations

import configparser
import plistlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.autostart import (
    EntryFile,
    RunValue,
    entry,
    entry_name,
    start_command,
    start_with_session,
)
from app.identity import APP_ID
from core.errors import UserError
from core.home import Home, find_home

WORDS = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\u2028\u2029\x85"),
    min_size=1,
    max_size=12,
)


def read_exec(content: bytes) -> list[str]:
    """The arguments of the Exec key, read by its specification."""
    line = next(x for x in content.decode().split("\n") if x.startswith("Exec="))
    value = line.removeprefix("Exec=").replace("\\\\", "\\")
    words = re.findall(r'"((?:[^"\\]|\\.)*)"|([^ "]+)', value)
    plain = (re.sub(r"\\(.)", r"\1", quoted) if quoted else bare for quoted, bare in words)
    return [word.replace("%%", "%") for word in plain]


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_a_session_reads_the_command_that_was_meant(command: list[str]) -> None:
    found = entry("linux", "satchel", command, Path("/home/ana"), {})
    assert isinstance(found, EntryFile)
    assert read_exec(found.content) == command


def test_each_system_is_told_in_its_own_way() -> None:
    command = ["/opt/my apps/satchel", "--hidden"]
    user = Path("/home/ana")
    linux = entry("linux", "satchel", command, user, {"XDG_CONFIG_HOME": "/cfg"})
    assert isinstance(linux, EntryFile)
    assert linux.path == Path("/cfg/autostart/satchel.desktop")
    relative = entry("linux", "satchel", command, user, {"XDG_CONFIG_HOME": "cfg"})
    assert isinstance(relative, EntryFile)  # the specification has relative paths ignored
    assert relative.path == Path("/home/ana/.config/autostart/satchel.desktop")
    desktop = configparser.ConfigParser(interpolation=None)
    desktop.read_string(linux.content.decode())
    assert desktop["Desktop Entry"]["Type"] == "Application"
    mac = entry("darwin", "satchel", command, user, {})
    assert isinstance(mac, EntryFile)
    assert plistlib.loads(mac.content)["ProgramArguments"] == command
    assert entry("win32", "satchel", command, user, {}) == RunValue(
        "satchel", '"/opt/my apps/satchel" --hidden'
    )


def test_a_home_of_its_own_is_named_in_its_own_entry(tmp_path: Path) -> None:
    usual, other = find_home(None, {}), find_home(str(tmp_path), {})
    program = Path("/venv/bin/python")
    assert start_command(usual, program, frozen=False) == ["/venv/bin/satchel", "--hidden"]
    assert start_command(other, program, frozen=True) == [
        "/venv/bin/python", "--home", str(tmp_path), "--hidden",
    ]  # fmt: skip
    assert entry_name(usual) == APP_ID
    assert entry_name(other) != "satchel"


def test_it_is_written_and_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("sys.platform", "linux")
    home = Home(tmp_path / "c", tmp_path / "d", tmp_path / "e", tmp_path / "m")
    folder = tmp_path / "config" / "autostart"
    start_with_session(home, wanted=False)  # there was none
    start_with_session(home, wanted=True)
    (written,) = folder.iterdir()
    assert read_exec(written.read_bytes())[-1] == "--hidden"
    start_with_session(home, wanted=False)
    assert not list(folder.iterdir())
    folder.rmdir()
    folder.write_text("in the way")
    with pytest.raises(UserError, match="what starts with the session"):
        start_with_session(home, wanted=True)
