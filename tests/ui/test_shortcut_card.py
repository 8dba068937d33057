"""A key that works everywhere: why the window cannot have one, and the command to give it to."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QLabel

from app.window import start_command
from ui.shortcut_card import ShortcutCard, why_not


def test_the_command_names_the_home_and_the_program(tmp_path: Path) -> None:
    assert start_command(None, {}, "/usr/bin/satchel", tmp_path) == "satchel"
    (tmp_path / "satchel").touch()
    program = str(tmp_path / "satchel")
    assert start_command(None, {}, None, tmp_path) == shlex.quote(program)
    command = start_command(
        "/srv/my files", {"SATCHEL_HOME": "/other"}, "/usr/bin/satchel", tmp_path
    )
    assert shlex.split(command) == ["satchel", "--home", "/srv/my files"]
    command = start_command(None, {"SATCHEL_HOME": "/other"}, "/usr/bin/satchel", tmp_path)
    assert shlex.split(command) == ["satchel", "--home", "/other"]


def test_the_card_shows_and_copies_it(qtbot: Any) -> None:
    card = ShortcutCard("satchel --home '/srv/my files'")
    qtbot.addWidget(card)
    said = " ".join(label.text() for label in card.findChildren(QLabel))
    assert "--home '/srv/my files'" in said
    assert why_not(QApplication.platformName()) in said
    card.by_hand.copy_button.click()
    assert QApplication.clipboard().text() == card.by_hand.command


@pytest.mark.parametrize(
    ("platform", "named"), [("wayland", "Wayland"), ("wayland-egl", "Wayland"), ("xcb", "Satchel")]
)
def test_it_says_why_there_is_none(platform: str, named: str) -> None:
    assert named in why_not(platform)
