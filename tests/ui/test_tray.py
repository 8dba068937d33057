"""The tray, and what closing the window means with and without one."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtGui import QImage
from scripted import ScriptedClient

from core.messages import IndexProgress, Pause, SettingsSet, State
from ui.client import Link
from ui.icons import Icons
from ui.window import MainWindow

STATES = ("satchel", "satchel-indexing", "satchel-paused", "satchel-attention")


@pytest.fixture
def quits(window: MainWindow) -> list[int]:
    found: list[int] = []
    window.quit_asked.connect(lambda: found.append(1))
    return found


def test_the_menu_searches_pauses_for_an_hour_and_resumes(
    window: MainWindow, client: ScriptedClient
) -> None:
    tray = window.tray
    assert not tray.pause_hour.isEnabled()  # nobody is there to pause yet
    client.lose(Link("ready"))
    client.news.emit(State(0, "idle"))
    window.open_page("settings")
    window.hide()
    tray.search.trigger()
    assert window.isVisible()
    assert window.page() == "search"
    tray.pause_hour.trigger()
    assert client.last(Pause) == Pause(client.last(Pause).id, True, 3600.0)
    client.news.emit(State(0, "paused", "paused until 14:05, as you asked"))
    assert tray.state.text() == "Paused until 14:05, as you asked"
    assert not tray.pause_hour.isVisible()
    tray.pause.trigger()
    assert not client.last(Pause).paused


def test_the_tip_says_the_state_and_nothing_of_the_files(
    window: MainWindow, client: ScriptedClient
) -> None:
    client.news.emit(State(0, "indexing"))
    client.news.emit(IndexProgress(0, "indexing", 3, 4, 1, 4, 9, "/a/<b>x.txt", 5.0, 9.0))
    assert window.tray.icon.toolTip() == "Satchel: Indexing, 75 %"


def test_states_differ_by_shape_also_where_colours_do_not(qapp: object) -> None:  # noqa: ARG001
    icons = Icons()
    pictures: list[QImage] = []
    for name in STATES:
        grey = icons.pixmap(name, "#000000", 22, 1.0).toImage()
        pictures.append(grey.convertToFormat(QImage.Format.Format_Grayscale8))
    for at, one in enumerate(pictures):
        for other in pictures[at + 1 :]:
            different = sum(
                abs(one.pixelColor(x, y).red() - other.pixelColor(x, y).red()) > 40
                for x in range(22)
                for y in range(22)
            )
            assert different >= 12


def test_without_a_tray_closing_says_once_what_it_does(
    window: MainWindow, client: ScriptedClient, quits: list[int]
) -> None:
    window.close()
    assert window.isVisible()
    assert "no tray" in window.banner.accessibleName()
    assert not quits
    window.close()  # once said, closing is as was said
    assert not window.isVisible()
    assert not quits
    assert client.last(SettingsSet).value == "stay"
    window.come_forward()
    assert not window._notice.isVisible()
    window.close()
    assert len(client.all(SettingsSet)) == 1


def test_without_a_tray_one_can_quit_instead(
    window: MainWindow, client: ScriptedClient, quits: list[int]
) -> None:
    window.close()
    window.banner._other.click()
    assert quits == [1]
    assert client.last(SettingsSet).value == "quit"


def test_with_a_tray_nothing_is_asked(
    window: MainWindow, client: ScriptedClient, monkeypatch: Any, quits: list[int]
) -> None:
    monkeypatch.setattr(type(window.tray), "in_tray", True)
    window.close()
    assert not window.isVisible()
    assert not quits
    assert not client.all(SettingsSet)
