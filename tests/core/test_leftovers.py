"""Writes that were broken off leave nothing for long, and nobody else's file is taken for one."""

from __future__ import annotations

import os
from pathlib import Path

from core.leftovers import clear_leftovers, leftovers

NOW_S = 1_000_000.0


def made(path: Path, age_s: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    os.utime(path, (NOW_S - age_s, NOW_S - age_s))
    return path


def test_what_was_broken_off_goes_and_the_rest_stays(tmp_path: Path) -> None:
    old = [made(tmp_path / "config" / ".settings.toml.tmp", 60), made(tmp_path / "a" / "b.tmp", 60)]
    others = [made(tmp_path / "a" / "now.tmp", 1), made(tmp_path / "a" / "tmp.txt", 60)]
    link = tmp_path / "a" / "link.tmp"
    link.symlink_to(others[1])
    assert sorted(leftovers([tmp_path], NOW_S)) == sorted(old)
    clear_leftovers([tmp_path / "config", tmp_path / "a", tmp_path / "none"], NOW_S)
    assert [path for path in (*old, *others) if path.exists()] == others
    assert link.is_symlink()


def test_what_cannot_be_removed_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "folder.tmp"
    folder.mkdir()
    os.utime(folder, (0, 0))
    clear_leftovers([tmp_path], NOW_S)
    assert folder.is_dir()
