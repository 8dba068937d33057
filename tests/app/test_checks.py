"""`folders check`: the exact rule and file, or what became of the file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.checks import why
from core.files.folders import WatchedFolder
from core.files.rules import Rules, Verdict
from core.index.survey import Surveyor
from core.messages import UNTITLED
from core.store.catalogue import Catalogue
from core.store.rows import FileState, NewDocument


class Desk:
    """A surveyed folder with one indexed file."""

    def __init__(self, root: Path) -> None:
        self.files = root / "files"
        self.catalogue = Catalogue(root / "catalogue.db")
        self.folder = WatchedFolder(str(self.files), ("*.iso",))
        self.catalogue.files.sync_folders([self.folder.path])
        self.write("good.txt")
        self.survey()
        [(number, _)] = self.catalogue.files.waiting()
        document = NewDocument(b"d" * 12, (), 0, UNTITLED, False, b"", [number])
        self.catalogue.publish(None, "none", [document])

    def write(self, name: str, text: str = "x") -> Path:
        path = self.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def rules(self, folder: WatchedFolder) -> Rules:
        return Rules(
            folder.path,
            folder.exclude,
            everywhere=["*.bak"],
            own_home=[str(self.files / "home")],
            max_file_bytes=1_000,
        )

    def survey(self) -> None:
        rules = self.rules(self.folder)
        Surveyor(self.catalogue.survey, self.catalogue.files.folders, lambda _: rules).survey_all()

    def why(self, path: Path | str) -> Verdict:
        return why(str(path), [self.folder], self.rules, self.catalogue.files)

    def settle(self, name: str, state: FileState, reason: str | None, crashes: int = 0) -> None:
        [number] = self.catalogue.files.below(str(self.files / name))
        for _ in range(max(1, crashes)):
            self.catalogue.files.set_state(number, state, reason, crashed=crashes > 0)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.catalogue.close()


def test_the_rule_is_named_with_its_source(desk: Desk, tmp_path: Path) -> None:
    files = desk.files
    desk.write(".gitignore", "# notes\n*.log\n")
    desk.write("proj/package.json", "{}")
    desk.write("big.txt", "x" * 1_001)
    (files / "link.txt").symlink_to(files / "good.txt")
    (files / "linked").symlink_to(tmp_path)
    expected = {
        "a.iso": "your pattern *.iso",
        "a.bak": "your pattern *.bak (setting files.exclude)",
        "sub/a.log": f"line 2 of {files / '.gitignore'}: *.log",
        "id_rsa": "keys, passwords and wallets (id_rsa*)",
        ".hid": "hidden (setting files.hidden)",
        "node_modules/a.js": f"in {files / 'node_modules'}, which is left out: "
        "caches and installed packages (node_modules/)",
        "proj/dist/a.txt": f"in {files / 'proj' / 'dist'}, which is left out: "
        "build output (beside package.json)",
        "home/data/x.db": f"in {files / 'home'}, which is left out: Satchel's own data",
        "big.txt": "larger than 0.001 MB (setting files.max_mb)",
        "link.txt": "a link, which is not followed",
        "linked/good.txt": f"in {files / 'linked'}, a link, which is not followed",
        "none.txt": "there is no such file",
    }
    for name, rule in expected.items():
        assert desk.why(files / name) == Verdict(False, rule), name


def test_places_around_the_watched_folder(desk: Desk, tmp_path: Path) -> None:
    assert desk.why(desk.files) == Verdict(True, "a watched folder")
    assert desk.why(desk.files / "good.txt").indexed
    desk.write("sub/x.txt")
    assert desk.why(desk.files / "sub").indexed
    assert desk.why(tmp_path / "other.txt") == Verdict(False, "not inside a watched folder")
    assert str(desk.files) in desk.why(tmp_path).rule
    assert not desk.why(f"{desk.files}2").indexed


def test_what_became_of_a_file(desk: Desk) -> None:
    for name in ("new.txt", "ocr.pdf", "broken.pdf", "odd.bin", "bad.pdf", "waits.txt"):
        desk.write(name)
    assert "not seen before" in desk.why(desk.files / "new.txt").rule
    desk.survey()
    assert desk.why(desk.files / "new.txt") == Verdict(False, "it waits to be indexed")
    desk.settle("ocr.pdf", FileState.NEEDS_OCR, None)
    desk.settle("broken.pdf", FileState.FAILED, "is damaged")
    desk.settle("odd.bin", FileState.SKIPPED, "no reader for .bin")
    desk.settle("bad.pdf", FileState.FAILED, "made its reader fail", crashes=2)
    assert "OCR" in desk.why(desk.files / "ocr.pdf").rule
    assert desk.why(desk.files / "broken.pdf").rule == "is damaged"
    assert desk.why(desk.files / "odd.bin").rule == "no reader for .bin"
    bad = desk.why(desk.files / "bad.pdf").rule
    assert "made its reader fail" in bad and "failed 2 times" in bad
    desk.write("bad.pdf", "changed")
    desk.survey()
    assert "after all other files" in desk.why(desk.files / "bad.pdf").rule


def test_what_cannot_be_reached(desk: Desk, tmp_path: Path) -> None:
    good = desk.files / "good.txt"
    [row] = desk.catalogue.survey.dirs(1).values()
    desk.catalogue.survey.set_dirs_offline([row.id])
    assert desk.why(good) == Verdict(
        True, f"it stays searchable while {desk.files} cannot be reached"
    )
    desk.survey()
    shutil.move(desk.files, tmp_path / "away")
    desk.survey()
    assert desk.why(good).indexed
    assert "cannot be reached" in desk.why(desk.files / "unknown.txt").rule
    assert desk.why(desk.files) == Verdict(
        False, "a watched folder that cannot be reached now; its files are kept"
    )


def test_names_that_are_not_utf8(desk: Desk) -> None:
    name = os.fsdecode(b"r\xe9sum\xe9.iso")
    assert desk.why(f"{desk.files}/{name}").rule == "your pattern *.iso"
