"""The sheet of keys tells what there is, and everything that takes the focus has a name."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QShortcut
from PySide6.QtWidgets import QApplication, QLabel, QScrollBar, QWidget
from report_samples import budget, models, status
from samples import hits, settings
from scripted import ScriptedClient

from core.messages import (
    BudgetRequest,
    ModelsRequest,
    Report,
    Search,
    SearchResults,
    SettingsGet,
    StatusRequest,
)
from ui.shortcut_sheet import ShortcutSheet, keys_of
from ui.sidebar import PAGES
from ui.window import MainWindow


def test_every_shortcut_is_on_the_sheet_and_says_what_it_does(
    qtbot: Any, window: MainWindow
) -> None:
    with qtbot.waitExposed(window):
        window.activateWindow()
    qtbot.keyClick(window, Qt.Key.Key_F1)
    sheet = window.findChild(ShortcutSheet)
    shown = {text.text() for text in sheet.findChildren(QLabel)}
    shortcuts = window.findChildren(QShortcut)
    assert len(shortcuts) >= 15
    for shortcut in shortcuts:
        keys = shortcut.key().toString()
        assert shortcut.objectName(), f"{keys} does not say what it does"
        assert {keys, shortcut.objectName()} <= shown
    assert {"Ctrl+Shift+C", "Copy path"} <= shown
    sheet.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is sheet)
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    assert not sheet.isVisible()


def test_a_shortcut_added_later_comes_onto_the_sheet(window: MainWindow) -> None:
    before = keys_of(window)
    shortcut = QShortcut("Ctrl+J", window)
    assert next(entry for entry in keys_of(window) if entry not in before).keys == ("Ctrl+J",)
    shortcut.setObjectName("Jump")
    assert ("Jump", ("Ctrl+J",)) in [(entry.does, entry.keys) for entry in keys_of(window)]


def test_what_takes_the_focus_has_a_name(window: MainWindow, client: ScriptedClient) -> None:
    tables: tuple[tuple[type[Any], Any], ...] = (
        (StatusRequest, status()),
        (BudgetRequest, budget()),
        (ModelsRequest, models()),
        (SettingsGet, settings()),
    )
    for kind, body in tables:
        client.script[kind] = lambda m, body=body: Report(m.id, body)  # type: ignore[attr-defined,misc]
    nameless: set[str] = set()
    for page in PAGES:
        window.open_page(page)
        if page == "search":
            client.script[Search] = lambda m: SearchResults(m.id, hits(), True)  # type: ignore[attr-defined]
            window.search.entry.setText("lease")
            window.search.search()
        window.storage.advanced.fold.open()
        QApplication.processEvents()
        nameless |= {
            f"{type(part).__name__} in {type(part.parentWidget()).__name__} on {page}"
            for part in window.findChildren(QWidget)
            if takes_focus(part) and not name_of(part)
        }
    assert nameless == set()


def takes_focus(part: QWidget) -> bool:
    inner = part.objectName().startswith("qt_") or isinstance(part, QScrollBar)
    return part.focusPolicy() != Qt.FocusPolicy.NoFocus and not inner and part.isVisible()


def name_of(part: QWidget) -> str:
    """What a screen reader says of it."""
    told = QAccessible.queryAccessibleInterface(part)
    assert told is not None
    assert told.role() != QAccessible.Role.NoRole
    return told.text(QAccessible.Text.Name)
