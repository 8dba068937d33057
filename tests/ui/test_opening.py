"""Opening files at their place with the programs of the desktop."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from core.messages import Locator
from ui.opening import Opener
from ui.viewers import viewer_call

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks xdg-mime")
PAGE = Locator(page=7)


@pytest.mark.parametrize(
    ("viewer", "place", "wanted"),
    [
        ("org.gnome.Evince.desktop", PAGE, ("evince", ["--page-index=7", "/a b.pdf"])),
        ("okularApplication_pdf.desktop", PAGE, ("okular", ["--page", "7", "/a b.pdf"])),
        ("firefox-esr.desktop", PAGE, ("firefox", ["file:///a%20b.pdf#page=7"])),
        (r"C:\Tools\SumatraPDF.exe", PAGE, ("SumatraPDF", ["-page", "7", "/a b.pdf"])),
        ("org.kde.kate.desktop", Locator(line=3), ("kate", ["--line", "3", "/a b.pdf"])),
        ("org.kde.kate.desktop", PAGE, None),
        ("libreoffice-draw.desktop", PAGE, None),
        ("", PAGE, None),
        ("evince.desktop", Locator(), None),
    ],
)
def test_each_program_is_told_in_its_way(viewer: str, place: Locator, wanted: object) -> None:
    assert viewer_call(viewer, "/a b.pdf", place) == wanted


def test_no_path_is_taken_for_an_option() -> None:
    assert viewer_call("evince.desktop", "--help", PAGE) is None


class Desktop:
    """A folder of programs that note how they are called, before all others on the path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.calls = folder / "calls"
        self.opened: list[str] = []

    def add(self, name: str, text: str) -> None:
        program = self._folder / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)

    def open_plainly(self, url: QUrl) -> bool:
        self.opened.append(url.toLocalFile())
        return True


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desktop:
    made = Desktop(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(QDesktopServices, "openUrl", made.open_plainly)
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4")
    return made


@LINUX
def test_the_viewer_is_asked_for_once_and_told_the_page(
    qtbot: Any, desktop: Desktop, tmp_path: Path
) -> None:
    desktop.add("xdg-mime", f'echo "$*" >> {tmp_path}/asked; echo org.gnome.Evince.desktop')
    desktop.add("evince", f'echo "$*" >> {desktop.calls}')
    opener, path = Opener(), str(tmp_path / "a.pdf")
    told: list[str] = []
    assert opener.open(path, PAGE, told.append) == ""
    qtbot.waitUntil(desktop.calls.exists)
    assert opener.open(path, Locator(page=8), told.append) == ""
    wanted = f"--page-index=7 {path}\n--page-index=8 {path}\n"
    qtbot.waitUntil(lambda: desktop.calls.read_text() == wanted)
    assert (tmp_path / "asked").read_text() == "query default application/pdf\n"
    assert told == desktop.opened == []


@LINUX
@pytest.mark.parametrize("said", ["echo libreoffice-draw.desktop", "exit 3", "exec sleep 5"])
def test_where_the_place_cannot_be_told_the_person_is(
    qtbot: Any, desktop: Desktop, tmp_path: Path, said: str
) -> None:
    desktop.add("xdg-mime", said)
    told: list[str] = []
    assert Opener().open(str(tmp_path / "a.pdf"), PAGE, told.append) == ""
    qtbot.waitUntil(lambda: bool(told))
    assert "page 7" in told[0]
    assert desktop.opened == [str(tmp_path / "a.pdf")]


def test_a_file_that_is_gone_or_has_no_place(desktop: Desktop, tmp_path: Path) -> None:
    assert "no longer there" in Opener().open(str(tmp_path / "none.pdf"), PAGE)
    assert Opener().open(str(tmp_path / "a.pdf")) == ""
    assert desktop.opened == [str(tmp_path / "a.pdf")]
