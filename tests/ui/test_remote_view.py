"""The switch for a server of the person's, what it would be sent, and its key."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from samples import remote_preview, settings, sources
from scripted import ScriptedClient

from core.messages import (
    AnswerDone,
    AnswerNote,
    AnswerSources,
    AnswerText,
    Ask,
    Made,
    RemoteSetup,
    SettingsGet,
)
from ui.remote import ConsentView
from ui.turn import TurnView
from ui.window import MainWindow

SERVER = "http://192.168.1.20:8080"


@pytest.fixture
def chat(window: MainWindow, client: ScriptedClient) -> MainWindow:
    window.settings.reload()
    client.report(client.last(SettingsGet), settings(remote_address=SERVER))
    window.open_page("chat")
    return window


def turn(window: MainWindow) -> TurnView:
    return window.chat.turns[-1]


def consent(window: MainWindow) -> ConsentView:
    found: ConsentView = turn(window).findChildren(ConsentView)[0]
    return found


def test_without_a_server_there_is_no_switch(window: MainWindow, client: ScriptedClient) -> None:
    window.settings.reload()
    client.report(client.last(SettingsGet), settings())
    window.ask("When does it end?")
    assert not window.chat.remote.isVisible()
    assert not client.last(Ask).remote


def test_it_is_off_until_it_is_switched_on(chat: MainWindow, client: ScriptedClient) -> None:
    assert chat.chat.remote.isVisible()
    assert "192.168.1.20:8080" in chat.chat.remote.text()
    assert "Nothing leaves" in chat.chat.empty.text.text()
    chat.chat.ask("When does it end?")
    assert not client.last(Ask).remote
    chat.chat.remote.setChecked(True)
    assert "are sent to 192.168.1.20:8080" in chat.chat.empty.text.text()
    chat.chat.new()
    assert not chat.chat.remote.isChecked()


@pytest.fixture
def asked(chat: MainWindow, client: ScriptedClient) -> MainWindow:
    chat.chat.remote.setChecked(True)
    chat.chat.ask("When does it end?")
    first = client.last(Ask)
    assert (first.remote, first.consent) == (True, "")
    client.reply(AnswerSources(first.id, sources(), 7))
    client.reply(remote_preview(first.id))
    return chat


def test_what_would_be_sent_is_shown_and_sent_when_agreed_to(
    qtbot: Any, asked: MainWindow, client: ScriptedClient
) -> None:
    assert not asked.chat.answering
    shown = consent(asked).text.toPlainText()
    for part in ("You answer", "[1] The lease", "Question: When", '"max_tokens": 200', SERVER):
        assert part in shown
    assert len(client.all(Ask)) == 1
    qtbot.mouseClick(consent(asked).send_button, Qt.MouseButton.LeftButton)
    again = client.last(Ask)
    assert (again.remote, again.consent, again.conversation) == (True, "a seal", None)
    client.reply(AnswerSources(again.id, sources(), 7))
    client.reply(AnswerText(again.id, "It ends in 2028 [1]."))
    made = Made("big", "192.168.1.20:8080")
    client.reply(AnswerDone(again.id, "It ends in 2028 [1].", True, sources(), {}, 9, 9, made=made))
    assert turn(asked).made.text() == "Answered by big at 192.168.1.20:8080."
    assert turn(asked).state == "answered"


def test_answering_here_instead_sends_nothing(
    qtbot: Any, asked: MainWindow, client: ScriptedClient
) -> None:
    qtbot.mouseClick(consent(asked).keep_button, Qt.MouseButton.LeftButton)
    again = client.last(Ask)
    assert (again.remote, again.consent) == (False, "")
    assert not asked.chat.remote.isChecked()


def test_a_server_that_fails_is_replaced_and_that_is_said(
    qtbot: Any, asked: MainWindow, client: ScriptedClient
) -> None:
    qtbot.mouseClick(consent(asked).send_button, Qt.MouseButton.LeftButton)
    again = client.last(Ask)
    client.reply(AnswerSources(again.id, sources(), 7))
    client.reply(AnswerText(again.id, "It ends in 19"))
    why = "The server fell silent. It was answered on this computer instead."
    client.reply(AnswerNote(again.id, why, restart=True))
    assert turn(asked).note.accessibleName() == why
    client.reply(AnswerText(again.id, "It ends"))
    qtbot.waitUntil(lambda: turn(asked).answer.text() == "It ends")


def test_a_key_goes_to_the_service_and_is_not_shown(
    qtbot: Any, chat: MainWindow, client: ScriptedClient
) -> None:
    chat.open_page("settings")
    client.report(client.last(SettingsGet), settings(remote_address=SERVER))
    table = {"address": SERVER, "model": "", "has_key": False, "models": None}
    chat.settings.open_section("privacy")
    remote = chat.settings.remote
    client.report(client.last(RemoteSetup), table)
    assert not remote.remove_button.isVisible()
    qtbot.keyClicks(remote.field, "sesame")
    remote.keep_button.click()
    assert (client.last(RemoteSetup).action, client.last(RemoteSetup).key) == ("key", "sesame")
    assert remote.field.text() == ""
    client.report(client.last(RemoteSetup), {**table, "has_key": True})
    assert remote.field.placeholderText() == "A key is kept"
    remote.check_button.click()
    client.report(client.last(RemoteSetup), {**table, "has_key": True, "models": ["big", "small"]})
    assert "big, small" in remote.said.text()
    remote.check_button.click()
    client.fail(client.last(RemoteSetup), "It cannot be reached.", "Start it.")
    assert remote.said.text() == "It cannot be reached. Start it."
