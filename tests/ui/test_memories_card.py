"""What is remembered, in the settings: added, changed, removed after a question."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from scripted import ScriptedClient

from core.messages import MemoriesRequest
from ui.memories_card import MemoriesCard
from ui.window import MainWindow

KEPT = {"memories": [{"id": 4, "text": "I live in <b>Bergen</b>.", "kind": "fact"}]}


def opened(window: MainWindow, client: ScriptedClient, body: object) -> MemoriesCard:
    window.open_page("settings")
    client.report(client.last(MemoriesRequest), body)
    return window.settings.memories


def test_nothing_is_said_to_be_remembered_at_first(
    window: MainWindow, client: ScriptedClient
) -> None:
    card = opened(window, client, {"memories": []})
    assert card.nothing.isVisible()
    card.field.setText("  I prefer short answers. ")
    card.add_button.click()
    added = client.last(MemoriesRequest)
    assert (added.action, added.text) == ("add", "I prefer short answers.")
    client.report(added, KEPT)
    assert not card.nothing.isVisible()
    assert card.field.text() == ""


def test_a_sentence_is_changed_and_removed(window: MainWindow, client: ScriptedClient) -> None:
    card = opened(window, client, KEPT)
    [kept] = card.rows
    assert kept.field.text() == "I live in <b>Bergen</b>."
    kept.field.setText("")
    kept.field.editingFinished.emit()
    assert kept.field.text() == "I live in <b>Bergen</b>."
    kept.field.setText("I live in Trondheim.")
    kept.field.editingFinished.emit()
    changed = client.last(MemoriesRequest)
    assert (changed.action, changed.memory, changed.text) == ("edit", 4, "I live in Trondheim.")
    client.fail(changed, "The same is remembered already.", "Remove one of the two instead.")
    assert "remembered already" in card.banner.accessibleName()
    client.report(client.last(MemoriesRequest), KEPT)
    card.rows[0].remove_button.click()
    assert client.last(MemoriesRequest).action == "edit"
    card.banner._action.click()
    removed = client.last(MemoriesRequest)
    assert (removed.action, removed.memory) == ("remove", 4)


def test_the_tab_key_goes_down_the_card(window: MainWindow, client: ScriptedClient) -> None:
    two = {"memories": [*KEPT["memories"], {"id": 5, "text": "I am allergic to nuts."}]}
    card = opened(window, client, KEPT)
    card.reload()
    client.report(client.last(MemoriesRequest), two)
    window.activateWindow()
    card.field.setText("I prefer short answers.")
    QApplication.processEvents()  # rows are shown with the next turn
    first, second = card.rows
    passed: list[QWidget] = [first.field]
    passed[0].setFocus()
    for _ in range(5):
        QTest.keyClick(passed[-1], Qt.Key.Key_Tab)
        passed.append(cast("QWidget", QApplication.focusWidget()))
    assert passed == [
        first.field,
        first.remove_button,
        second.field,
        second.remove_button,
        card.field,
        card.add_button,
    ]


def test_a_damaged_list_does_no_harm(window: MainWindow, client: ScriptedClient) -> None:
    card = opened(window, client, {"memories": [{"text": 3}, 9]})
    card.grab()
