"""The focus is seen on every control that the Tab key reaches, on every page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gallery_stage import usual
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from scripted import ScriptedClient

from core.messages import State
from ui.client import Link
from ui.parts import Look
from ui.window import MainWindow


def reached(window: MainWindow) -> Iterator[QWidget]:
    """What the Tab key comes to, from where the focus is until it is there again."""
    seen: list[QWidget] = []
    while (part := QApplication.focusWidget()) is not None and part not in seen:
        seen.append(part)
        yield part
        QTest.keyClick(part, Qt.Key.Key_Tab)
        QApplication.processEvents()  # lays out what was just shown
    assert len(seen) > 1, "the Tab key does not lead through the page"
    assert window.isAncestorOf(seen[-1])


def drawn(part: QWidget) -> QImage:
    return part.grab().toImage()


def unseen(window: MainWindow, known: set[Any]) -> list[str]:
    """Controls of kinds that are not yet known and look the same with the focus as without."""
    found = []
    QApplication.processEvents()
    for part in reached(window):
        kind = (type(part), part.property("kind"), part.property("role"))
        name = f"{kind} {part.accessibleName()}"
        if part.visibleRegion().isEmpty():
            found.append(f"out of view: {name}")
        if kind in known:
            continue
        known.add(kind)
        focused = drawn(part)
        part.clearFocus()
        if drawn(part) == focused:
            found.append(name)
        part.setFocus(Qt.FocusReason.TabFocusReason)
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_focus_is_seen_on_every_control(
    window: MainWindow, client: ScriptedClient, look: Look, theme: str
) -> None:
    usual(client, theme)
    client.news.emit(State(1, "idle"))
    client.lose(Link("ready"))
    assert look.theme.colours.dark == (theme == "dark")
    window.activateWindow()
    known: set[Any] = set()
    for page in ("search", "chat", "folders", "storage", "models"):
        window.open_page(page)
        if page == "search":
            window.search.entry.setText("lease")
            window.search.search()
            window.search._choose()
        assert not unseen(window, known), page
    window.open_page("settings")
    for section in window.settings.choices:
        window.settings.open_section(section)
        window.sidebar.buttons["settings"].setFocus()
        assert not unseen(window, known), section
    window.show_first_run()
    run = window.first_run
    for at in range(len(run.steps)):
        run._show(at)
        assert not unseen(window, known), at
    assert len(known) > 15


def test_next_has_the_focus_on_every_step_that_has_no_field(
    window: MainWindow, client: ScriptedClient
) -> None:
    usual(client, "light")
    client.lose(Link("ready"))
    window.activateWindow()
    window.show_first_run()
    run = window.first_run
    run.folders.offer("/home/ana/Letters")
    for _ in run.steps[:-1]:
        assert QApplication.focusWidget() is run.next_button
        run._show(run.stack.currentIndex() + 1)
    assert QApplication.focusWidget() is run.ready.field
