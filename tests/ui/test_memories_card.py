"""What is remembered, in the settings: added, changed, removed after a question."""

from __future__ import annotations

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


def test_a_damaged_list_does_no_harm(window: MainWindow, client: ScriptedClient) -> None:
    card = opened(window, client, {"memories": [{"text": 3}, 9]})
    card.grab()
