"""The chat: streaming, citations, stopping, honest endings, kept conversations."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QTextCharFormat
from PySide6.QtWidgets import QApplication
from samples import sources
from scripted import ScriptedClient

from core.messages import (
    AnswerDone,
    AnswerSources,
    AnswerText,
    Ask,
    ConversationDelete,
    ConversationGet,
    ConversationsList,
    Failed,
    MemoriesRequest,
    MemoryOffer,
    Preview,
    Search,
)
from ui.answer_text import Prose
from ui.sources import SourceButton
from ui.turn import TurnView
from ui.window import MainWindow


@pytest.fixture
def asked(window: MainWindow, client: ScriptedClient) -> Ask:
    window.ask("When does it end?")
    return client.last(Ask)


def turn(window: MainWindow) -> TurnView:
    return window.chat.turns[-1]


def source_buttons(shown: TurnView) -> int:
    """How many sources stand under an answer."""
    places = range(shown._source_list.count())
    found = [shown._source_list.itemAt(at).widget() for at in places]
    return sum(isinstance(widget, SourceButton) for widget in found)


def words(shown: TurnView) -> Prose:
    """The words that an answer begins with."""
    first = shown.answer.parts[0]
    assert isinstance(first, Prose)
    return first


def done(
    number: int, answer: str, found: bool = True, cited: bool = True, stopped: str = "end"
) -> AnswerDone:
    return AnswerDone(number, answer, found, sources() if cited else (), {}, 9, 9, stopped)


def test_an_answer_streams_and_its_citations_lead_to_the_preview(
    qtbot: Any, window: MainWindow, client: ScriptedClient, asked: Ask
) -> None:
    assert turn(window).state == "waiting"
    client.reply(AnswerSources(asked.id, sources(), 7))
    assert source_buttons(turn(window)) == 2
    for piece in ("It ends on ", "31 May 2028 [", "1", "]. <b>Yes</b>"):
        client.reply(AnswerText(asked.id, piece))
    qtbot.waitUntil(lambda: "Yes" in turn(window).answer.text())
    assert words(turn(window)).toPlainText() == "It ends on 31 May 2028 [1]. <b>Yes</b>"
    client.reply(done(asked.id, "It ends on 31 May 2028 [1]."))
    assert turn(window).state == "answered"
    assert not window.chat.answering
    words(turn(window))._clicked(QUrl("cite:1"))
    assert window.preview.isVisible()
    assert client.last(Preview).quote == sources()[0].quote
    assert client.last(Preview).locator == sources()[0].locator


def test_only_citations_are_links(window: MainWindow, client: ScriptedClient, asked: Ask) -> None:
    client.reply(AnswerSources(asked.id, sources(), 7))
    client.reply(done(asked.id, "[1] [9] [x](http://a.b) <a href='http://a.b'>c</a> ![i](f.png)"))
    answer = words(turn(window))
    block = answer.document().firstBlock()
    links = []
    at = block.begin()
    while not at.atEnd():
        style = at.fragment().charFormat()
        if style.isAnchor():
            links.append((style.anchorHref(), at.fragment().text()))
        at += 1
    assert links == [("cite:1", "[1]")]
    assert not answer.openLinks()
    answer._clicked(QUrl("http://a.b/1"))
    assert not client.all(Preview)


def test_stop_is_at_once_and_late_tokens_are_ignored(
    qtbot: Any, window: MainWindow, client: ScriptedClient, asked: Ask
) -> None:
    client.reply(AnswerSources(asked.id, sources(), 7))
    client.reply(AnswerText(asked.id, "It ends"))
    qtbot.mouseClick(window.chat.stop_button, Qt.MouseButton.LeftButton)
    assert turn(window).state == "stopped"
    assert client.cancelled[-1] == asked.id
    client.reply(AnswerText(asked.id, " never"))
    client.reply(done(asked.id, "other"))
    assert turn(window).answer.text() == "It ends"
    assert window.chat.send_button.isVisible()


def test_escape_stops(qtbot: Any, window: MainWindow, asked: Ask) -> None:  # noqa: ARG001
    window._escape()
    qtbot.waitUntil(lambda: turn(window).state == "stopped")


def test_not_found_is_a_state_of_its_own(
    window: MainWindow, client: ScriptedClient, asked: Ask
) -> None:
    client.reply(AnswerSources(asked.id, sources(), 7))
    client.reply(done(asked.id, "Not found in your files.", found=False, cited=False))
    assert turn(window).state == "not found"
    not_found = turn(window).not_found
    assert not_found is not None
    assert "Not found in your files." in not_found.accessibleName()
    assert not not_found.everywhere_button.isVisible()
    not_found.search_button.click()
    assert window.page() == "search"
    assert client.last(Search).query == asked.question
    window.open_page("chat")
    not_found.edit_button.click()
    assert turn(window).asked.editor.isVisible()
    assert not turn(window).answer.isVisible()
    assert source_buttons(turn(window)) == 2


def test_an_answer_without_citations_says_so(
    window: MainWindow, client: ScriptedClient, asked: Ask
) -> None:
    client.reply(AnswerSources(asked.id, sources(), 7))
    client.reply(done(asked.id, "Soon, surely.", cited=False))
    assert turn(window).state == "unsupported"
    assert "No passage in your files supports this" in turn(window).note.accessibleName()


def test_a_failed_question_can_be_put_again(
    window: MainWindow, client: ScriptedClient, asked: Ask
) -> None:
    client.late(asked)
    assert "Still working" in turn(window).status.text()
    client.reply(AnswerSources(asked.id, sources(), 7))
    client.fail(asked, "The language model stopped working.", "Ask again.")
    assert turn(window).state == "failed"
    turn(window).note._action.click()
    assert client.last(Ask).question == asked.question
    assert client.last(Ask).conversation is None
    assert len(window.chat.turns) == 1


def test_a_missing_model_leads_to_where_one_is_chosen(
    window: MainWindow, client: ScriptedClient, asked: Ask
) -> None:
    client.reply(Failed(asked.id, "The language model x is not installed.", "Fetch it.", "model"))
    note = turn(window).note
    assert note._other.isVisible()
    note._other.click()
    assert window.page() == "models"


def test_a_follow_up_stays_in_its_conversation(
    qtbot: Any, window: MainWindow, client: ScriptedClient, asked: Ask
) -> None:
    client.reply(AnswerSources(asked.id, sources(), 7))
    client.reply(done(asked.id, "On 31 May 2028 [1]."))
    qtbot.keyClicks(window.chat.entry, "and the rent?")
    qtbot.keyClick(window.chat.entry, Qt.Key.Key_Return)
    assert client.last(Ask).conversation == 7
    assert client.last(Ask).question == "and the rent?"


def test_conversations_are_listed_opened_and_deleted(
    window: MainWindow, client: ScriptedClient
) -> None:
    window.open_page("chat")
    kept = [
        {"id": 2, "title": "Who <b>waters</b>\u202e?", "changed_at": 2.0},
        {"id": 1, "title": "When?", "changed_at": 1.0},
    ]
    client.report(client.last(ConversationsList), {"conversations": kept})
    model = window.chat.panel.model
    assert model.index(0).data() == "Who <b>waters</b>\ufffd?"
    window.chat.open(1)
    client.report(
        client.last(ConversationGet),
        {
            "turns": [
                {
                    "question": "When?",
                    "answer": "On 31 May [1].",
                    "found": True,
                    "citations": [
                        {"n": 1, "path": "/a.txt", "locator": {"line": 3}, "quote": "31 May"}
                    ],
                }
            ]
        },
    )
    assert turn(window).state == "answered"
    assert source_buttons(turn(window)) == 1
    window.chat.ask_to_delete(1)
    assert not client.all(ConversationDelete)
    assert "for good" in window.chat.head.banner.accessibleName()
    window.chat.head.banner._action.click()
    client.report(client.last(ConversationDelete), {"deleted": True})
    assert not window.chat.turns
    client.report(client.last(ConversationsList), {"conversations": kept[:1]})
    assert model.rowCount() == 1


def test_a_conversation_that_cannot_be_opened_can_be_tried_again(
    window: MainWindow, client: ScriptedClient
) -> None:
    window.open_page("chat")
    window.chat.open(5)
    client.fail(client.last(ConversationGet), "It is gone.")
    assert "It is gone." in window.chat.banner.accessibleName()
    window.chat.banner._action.click()
    assert client.last(ConversationGet).conversation == 5


def test_a_damaged_answer_does_no_harm(window: MainWindow, client: ScriptedClient) -> None:
    window.open_page("chat")
    window.chat.open(5)
    client.report(client.last(ConversationGet), {"turns": [{"question": 3, "citations": [{}]}, 8]})
    window.grab()


def test_an_answer_from_before_tells_its_age_and_can_be_asked_anew(
    window: MainWindow, client: ScriptedClient, asked: Ask
) -> None:
    client.reply(AnswerSources(asked.id, sources(), 7))
    client.reply(done(asked.id, "On 31 May 2028 [1]."))
    assert not turn(window).refresh.isVisible()
    window.chat.ask(asked.question)
    again = client.last(Ask)
    assert not again.fresh
    client.reply(AnswerSources(again.id, sources(), 7))
    old = msgspec.structs.replace(done(again.id, "On 31 May 2028 [1]."), cached_age_s=7300.0)
    client.reply(old)
    assert turn(window).state == "answered"
    assert "2 hours ago" in turn(window).age.text()
    turn(window).refresh.click()
    assert client.last(Ask).fresh
    assert client.last(Ask).question == asked.question
    assert len(window.chat.turns) == 2


def test_a_sentence_of_the_person_is_remembered_only_when_they_say_so(
    window: MainWindow, client: ScriptedClient, asked: Ask
) -> None:
    sent = AnswerSources(asked.id, sources(), 7, ("I prefer <b>short</b> answers.",))
    client.reply(sent)
    assert turn(window).memories.text() == "Remembered: I prefer <b>short</b> answers."
    offers = (MemoryOffer("I live in Bergen.", "fact"), MemoryOffer("I own a boat.", "fact"))
    told = done(asked.id, "On 31 May 2028 [1].")
    client.reply(msgspec.structs.replace(told, offers=offers))
    offer = turn(window).offer
    assert "I live in Bergen." in offer.accessibleName()
    assert not client.all(MemoriesRequest)
    offer._action.click()
    kept = client.last(MemoriesRequest)
    assert (kept.action, kept.text) == ("add", "I live in Bergen.")
    assert "I own a boat." in offer.accessibleName()
    offer._other.click()
    assert client.last(MemoriesRequest).action == "refuse"
    assert not offer.isVisible()


def test_the_words_of_a_file_are_there_before_the_model_has_begun(
    window: MainWindow, client: ScriptedClient, asked: Ask
) -> None:
    client.reply(AnswerSources(asked.id, sources(), 7, extract=sources()[0]))
    card = turn(window).extract
    assert card.isVisible()
    assert card.accessibleName() == f"From your files: {sources()[0].quote}"
    assert turn(window).state == "waiting"
    card._open.click()
    assert client.last(Preview).quote == sources()[0].quote
    client.reply(done(asked.id, "On 31 May 2028 [1]."))
    assert card.isVisible()


def test_an_answer_that_is_the_words_of_the_file_shows_them_once(
    window: MainWindow, client: ScriptedClient, asked: Ask
) -> None:
    client.reply(AnswerSources(asked.id, sources(), 7, extract=sources()[0]))
    client.reply(done(asked.id, f"{sources()[0].quote} [1]"))
    assert not turn(window).extract.isVisible()
    assert turn(window).answer.text().startswith(sources()[0].quote)


def test_what_no_passage_supports_is_marked_and_stays(
    window: MainWindow, client: ScriptedClient, asked: Ask
) -> None:
    client.reply(AnswerSources(asked.id, sources(), 7, extract=sources()[0]))
    text = "On 31 May 2028 [1]. \U0001f600 Dragons [2] guard it. The end."
    said = AnswerDone(asked.id, text, True, sources(), {}, 9, 9, unsupported=((20, 43), (44, 52)))
    client.reply(said)
    shown = turn(window)
    assert words(shown).toPlainText() == text
    marked = ""
    at = words(shown).document().firstBlock().begin()
    while not at.atEnd():
        if at.fragment().charFormat().underlineStyle() == QTextCharFormat.UnderlineStyle.DotLine:
            marked += at.fragment().text()
        at += 1
    assert marked == "\U0001f600 Dragons  guard it.The end."
    assert "do not support all of this" in shown.note.accessibleName()
    assert shown.state == "answered"


def test_a_turn_fits_beside_an_open_preview(window: MainWindow, client: ScriptedClient) -> None:
    """What does not fit into a narrow column goes on in the next line."""
    window.ask("When does the lease of the workshop end, and who has to be told of it?")
    asked = client.last(Ask)
    client.reply(AnswerSources(asked.id, sources(), 3))
    client.reply(AnswerDone(asked.id, "In 2028 [1].", True, sources(), {}, 1, 1))
    QApplication.processEvents()
    [turn] = window.chat.findChildren(TurnView)
    assert turn.minimumSizeHint().width() < 300
