"""Larger and smaller text: every page holds, and nothing that is written is cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gallery_stage import number, usual
from PySide6.QtWidgets import QLabel, QPushButton, QScrollArea, QWidget
from samples import settings
from scripted import ScriptedClient

from core.messages import Report, SettingsGet, State
from ui.client import Link
from ui.parts import Elided, Look
from ui.window import MainWindow

PERCENT = 150


@pytest.fixture
def sized(look: Look) -> Iterator[Look]:
    yield look
    look.theme.scale_text(100)


def cut(page: QWidget) -> list[str]:
    """The labels and buttons of a page that have less room than their text needs."""
    found = []
    for part in page.findChildren(QWidget):
        if not part.isVisible() or isinstance(part, Elided):
            continue
        if isinstance(part, QPushButton):
            if part.minimumWidth() != 1 and part.width() < part.sizeHint().width():
                found.append(part.text())
        elif isinstance(part, QLabel) and part.text():
            least = (
                part.heightForWidth(part.width()) if part.wordWrap() else part.sizeHint().height()
            )
            wide = 0 if part.wordWrap() else part.sizeHint().width()
            if part.height() < least or part.width() < wide:
                found.append(part.text())
        elif isinstance(part, QScrollArea) and part.horizontalScrollBar().maximum() > 0:
            found.append(f"{type(part).__name__} is too wide")
    return found


def test_every_page_holds(
    qtbot: Any, window: MainWindow, client: ScriptedClient, sized: Look
) -> None:
    usual(client, "light")
    table = settings(window_theme="light", window_text_percent=PERCENT)
    client.script[SettingsGet] = lambda m: Report(number(m), table)
    before = window.sidebar.width()
    client.news.emit(State(1, "idle"))
    client.lose(Link("ready"))
    assert sized.theme.points == pytest.approx(sized.theme._usual_points * PERCENT / 100)
    assert window.sidebar.width() == round(before * sized.theme.breadth)
    window.resize(1240, 800)
    for page in ("search", "chat", "folders", "storage", "models"):
        window.open_page(page)
        if page == "search":
            window.search.entry.setText("lease")
            window.search.search()
            window.search._choose()
        qtbot.waitUntil(lambda: not cut(window))
    window.open_page("settings")
    for section in window.settings.choices:
        window.settings.open_section(section)
        qtbot.waitUntil(lambda: not cut(window))
    window.show_first_run()
    for at in range(len(window.first_run.steps)):
        window.first_run._show(at)
        qtbot.waitUntil(lambda: not cut(window.first_run))
    assert window.width() == 1240
