"""Asking about a whole document: from the preview, with a chip that can be taken off."""

from __future__ import annotations

from samples import sources
from scripted import ScriptedClient

from core.messages import AnswerDone, AnswerSources, Ask, ConversationGet, Report
from ui.target import Target
from ui.window import MainWindow


def test_a_whole_document_is_asked_about_from_the_preview_and_taken_off(
    window: MainWindow, client: ScriptedClient
) -> None:
    source = sources()[0]
    window.preview.show_target(Target.of(source))
    window.preview.whole_actions["ask"].trigger()
    chip = window.chat.pinned
    assert window.page() == "chat"
    assert not chip.isHidden()
    assert source.path.rsplit("/", 1)[1] in chip.name.text()
    window.chat.ask("When does it end?")
    first = client.last(Ask)
    assert first.pin == source.path
    client.reply(AnswerSources(first.id, sources(), 7))
    client.reply(AnswerDone(first.id, "Soon [1].", True, sources(), {}, 9, 9, pinned=source.path))
    window.chat.ask("And then?")
    second = client.last(Ask)
    assert (second.conversation, second.pin) == (7, None), "it stays pinned"
    client.reply(AnswerDone(second.id, "Later.", True, sources(), {}, 9, 9, pinned=source.path))
    chip.remove_button.click()
    assert chip.isHidden()
    window.chat.ask("And elsewhere?")
    assert client.last(Ask).pin == ""


def test_a_kept_conversation_names_what_it_has_pinned_and_a_new_one_has_nothing(
    window: MainWindow, client: ScriptedClient
) -> None:
    window.open_page("chat")
    window.chat.open(7)
    asked = client.last(ConversationGet)
    client.reply(Report(asked.id, {"turns": [], "pinned": "/a/b/lease.txt"}))
    assert "lease.txt" in window.chat.pinned.name.text()
    assert window.chat.pinned.wish() is None
    window.chat.new()
    assert window.chat.pinned.isHidden()
    assert window.chat.pinned.wish() is None
