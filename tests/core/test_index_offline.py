"""Nothing is lost because it cannot be reached."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import ROOT
from survey_desk import Desk

from core.files.changes import EVERYTHING, Changes


def test_a_root_that_is_gone_or_a_file_or_closed_is_offline(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("a.txt")
    desk.write("sub/.hidden")
    desk.survey()
    desk.read()
    away = desk.root / "away"
    desk.files.rename(away)
    for changes in (EVERYTHING, Changes(frozenset((str(desk.files / "a.txt"),)))):
        desk.survey(changes)
        assert desk.counts() == {"offline": 2}
    desk.files.write_text("a file now")
    desk.survey()
    assert desk.counts() == {"offline": 2}
    desk.files.unlink()
    away.rename(desk.files)
    desk.survey(Changes(frozenset((str(desk.files / "sub"),))))
    assert desk.counts() == {"indexed": 1, "skipped": 1}
    real = os.scandir
    monkeypatch.setattr(
        "os.scandir", lambda path: _refuse(5) if str(path) == str(desk.files) else real(path)
    )
    desk.survey()
    assert desk.counts() == {"offline": 2}
    monkeypatch.undo()
    desk.survey()
    assert desk.counts() == {"indexed": 1, "skipped": 1}
    assert desk.hashed == 1


def _refuse(number: int) -> Iterator[os.DirEntry[str]]:
    raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [5, 13, 107, 116])  # EIO, EACCES, ENOTCONN, ESTALE
@pytest.mark.parametrize("whole", [True, False])
def test_a_folder_that_cannot_be_listed_keeps_its_files(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, number: int, whole: bool
) -> None:
    for name in ("a.txt", "sub/b.txt", "sub/deep/c.txt", "sub/node_modules/d.js", "other/e.txt"):
        desk.write(name, name)
    desk.survey()
    desk.read()
    real = os.scandir
    sub = str(desk.files / "sub")
    monkeypatch.setattr(
        "os.scandir", lambda path: _refuse(number) if str(path) == sub else real(path)
    )
    (desk.files / "other" / "e.txt").unlink()
    changes = EVERYTHING if whole else Changes(frozenset((sub, str(desk.files / "other"))))
    found = desk.survey(changes)
    desk.read()
    assert [problem for problem in found.problems if sub in problem]
    assert desk.counts() == {"indexed": 1, "offline": 3}
    refs = desk.catalogue.files_of([desk.catalogue.document_at(f"{sub}/b.txt") or 0])
    assert [ref.offline for held in refs.values() for ref in held] == [True]
    monkeypatch.undo()
    desk.survey(changes)
    assert desk.counts() == {"indexed": 3, "skipped": 1}
    assert desk.hashed == 4


def test_a_file_that_cannot_be_looked_at_is_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.write("a.txt")
    desk.survey()
    desk.read()
    real = Path.lstat
    monkeypatch.setattr(
        Path, "lstat", lambda self: _refuse(5) if self == path else real(self), raising=True
    )
    found = desk.survey(Changes(frozenset((str(path),))))
    assert len(found.problems) == 1
    assert desk.counts() == {"indexed": 1}


def test_a_root_that_vanishes_on_the_way_loses_nothing(desk: Desk) -> None:
    for number in range(700):
        desk.write(f"{number % 4}/{number}.txt")
    desk.survey()
    desk.read()

    def unplug() -> None:
        if desk.files.exists():
            desk.files.rename(desk.root / "away")

    desk.breathe = unplug
    desk.survey()
    desk.read()
    assert desk.counts() == {"offline": 700}


def test_another_drive_at_the_same_place_is_not_taken_for_it(desk: Desk) -> None:
    desk.write("a.txt")
    desk.survey()
    desk.read()
    desk.catalogue.db.execute("UPDATE folder SET device=device+1")
    desk.survey()
    assert desk.counts() == {"indexed": 1}, "one known file is there: it is the same drive"
    desk.catalogue.db.execute("UPDATE folder SET device=device+1")
    (desk.files / "a.txt").rename(desk.files / "z.txt")
    found = desk.survey()
    assert desk.counts() == {"offline": 1}
    assert "not there" in found.problems[0]
    (desk.files / "z.txt").rename(desk.files / "a.txt")
    desk.survey()
    assert desk.counts() == {"indexed": 1}


def test_what_is_away_too_long_is_dropped_if_that_is_wished(desk: Desk) -> None:
    desk.write("a.txt")
    desk.survey()
    desk.read()
    desk.files.rename(desk.root / "away")
    desk.survey(offline_days=2)
    desk.catalogue.db.execute("UPDATE folder SET offline_since_s=offline_since_s-3*86400")
    desk.survey(offline_days=0)
    desk.survey(offline_days=4)
    assert desk.counts() == {"offline": 1}
    desk.survey(offline_days=2)
    assert desk.counts() == {}
    (desk.root / "away").rename(desk.files)
    desk.survey()
    assert desk.counts() == {"waiting": 1}


MOUNTS = """
import os, subprocess, sys
from pathlib import Path
sys.path.insert(0, "tests")
sys.path.insert(0, "tests/core")
from survey_desk import Desk
root = Path(sys.argv[1])

def mount(path):
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", str(path)], check=True)

def umount(path):
    subprocess.run(["umount", str(path)], check=True)

mount(root / "drive")
desk = Desk(root, "drive", "files")
mount(root / "files" / "usb")
desk.write("a.txt", "on the drive")
desk.write("b.txt", "at home", folder=1)
desk.write("usb/c.txt", "on the stick", folder=1)
desk.write("usb/deep/d.txt", "deep on the stick", folder=1)
desk.survey(); desk.read()
print(desk.counts(), [row.mounts for row in desk.catalogue.files.folders()])
umount(root / "files" / "usb")
desk.survey(); print(desk.counts())
(root / "files" / "usb" / "left.txt").write_text("written into the empty mount point")
desk.touch("usb"); desk.survey(); print(desk.counts())
(root / "files" / "usb" / "left.txt").unlink()
(root / "files" / "usb").rmdir()
desk.survey(); print(desk.counts())
umount(root / "drive")
desk.survey(); print(desk.counts())
mount(root / "drive")
print(bool([p for p in desk.survey().problems if "not there" in p]), desk.counts())
(root / "drive" / "a.txt").write_text("on the drive")
mount(root / "files" / "usb")
(root / "files" / "usb" / "c.txt").write_text("on the stick")
desk.survey(); desk.read(); print(desk.counts())
desk.catalogue.db.execute("PRAGMA user_version")
"""


def test_drives_that_are_really_mounted(tmp_path: Path) -> None:
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    try:
        subprocess.run([*unshare, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs unshare and user namespaces, to mount something")
    done = subprocess.run(
        [*unshare, sys.executable, "-c", MOUNTS, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "{'indexed': 4} [('',), ('usb',)]",
        "{'indexed': 2, 'offline': 2}",
        "{'indexed': 2, 'offline': 2}",
        "{'indexed': 2, 'offline': 2}",
        "{'indexed': 1, 'offline': 3}",
        "True {'indexed': 1, 'offline': 3}",
        "{'indexed': 3}",
    ]
