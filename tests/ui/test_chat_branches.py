"""The chat: versions and branches, scopes, Markdown as it is drawn, and what is kept."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QTextTable
from PySide6.QtWidgets import QFileDialog, QLineEdit, QMenu
from samples import dates_entries, sources
from scripted import ScriptedClient

from core.messages import (
    EVERYWHERE,
    AnswerDone,
    AnswerSources,
    AnswerText,
    Ask,
    ConversationExport,
    ConversationGet,
    ConversationRename,
    ConversationsList,
    Digest,
    DigestDone,
    DigestInstead,
    FoldersList,
    Preview,
    Scope,
)
from ui.answer_text import CodePart, Prose, TablePart
from ui.turn import TurnView
from ui.window import MainWindow

LEASE = "/home/ana/lease.pdf"


def answered(
    client: ScriptedClient, turn: int, versions: tuple[int, ...], text: str = "So [1]."
) -> None:
    number = client.last(Ask).id
    client.reply(AnswerSources(number, sources(), 3))
    done = AnswerDone(number, text, True, sources(), {}, 1, 1, turn=turn, versions=versions)
    client.reply(done)


def row(turn: int, after: int, versions: list[int], **more: object) -> dict[str, object]:
    return {"turn": turn, "after": after, "versions": versions, "question": f"q{turn}",
            "answer": f"a{turn}", "found": True, "citations": [], **more}  # fmt: skip


def last(window: MainWindow) -> TurnView:
    return window.chat.turns[-1]


@pytest.fixture
def two(window: MainWindow, client: ScriptedClient) -> MainWindow:
    """Two questions, answered."""
    window.ask("When does it end?")
    answered(client, 11, (11,))
    window.chat.ask("And the rent?")
    assert client.last(Ask).after == 11
    answered(client, 12, (12,))
    return window


def test_an_edited_question_is_a_branch_and_the_other_stays_reachable(
    qtbot: Any, two: MainWindow, client: ScriptedClient
) -> None:
    asked = two.chat.turns[0].asked
    assert not asked.back_button.isVisible()
    qtbot.mouseClick(asked.edit_button, Qt.MouseButton.LeftButton)
    assert asked.editor.hasFocus()
    qtbot.keyClick(asked.editor, Qt.Key.Key_Escape)
    assert not asked.editor.isVisible()
    asked.edit()
    asked.editor.setText("When does it begin?")
    qtbot.keyClick(asked.editor, Qt.Key.Key_Return)
    sent = client.last(Ask)
    assert (sent.question, sent.conversation, sent.after) == ("When does it begin?", 3, 0)
    assert not sent.fresh
    [turn] = two.chat.turns
    assert turn.asked.count.text() == "2 of 2"
    answered(client, 13, (11, 13))
    assert turn.asked.count.text() == "2 of 2"
    turn.asked.back_button.click()
    got = client.last(ConversationGet)
    assert (got.conversation, got.turn) == (3, 11)
    client.report(got, {"title": "t", "turns": [row(11, 0, [11, 13]), row(12, 11, [12])]})
    assert [one.number for one in two.chat.turns] == [11, 12]
    assert two.chat.turns[0].asked.count.text() == "1 of 2"
    assert not two.chat.turns[0].asked.back_button.isEnabled()
    two.chat.ask("Next?")
    assert client.last(Ask).after == 12


def test_an_answer_made_anew_keeps_the_old_one(two: MainWindow, client: ScriptedClient) -> None:
    last(two).tools.again_button.click()
    sent = client.last(Ask)
    assert (sent.question, sent.after, sent.fresh) == ("And the rent?", 11, True)
    assert len(two.chat.turns) == 2
    client.fail(sent, "The language model stopped working.")
    assert last(two).state == "failed"
    assert last(two).asked.back_button.isEnabled(), "the answer before can be gone back to"
    last(two).note._action.click()
    again = client.last(Ask)
    assert (again.after, again.conversation) == (11, 3)
    answered(client, 14, (12, 14))
    assert last(two).asked.count.text() == "2 of 2"


def test_a_stopped_answer_is_followed_and_shown_as_it_was_kept(
    qtbot: Any, two: MainWindow, client: ScriptedClient
) -> None:
    two.chat.ask("Long?")
    client.reply(AnswerText(client.last(Ask).id, "It goes"))
    two.chat.stop()
    qtbot.waitUntil(lambda: bool(client.all(ConversationGet)), timeout=3000)
    kept = row(15, 12, [15], question="Long?", answer="It goes", stopped="cancelled")
    client.report(client.last(ConversationGet), {"turns": [row(11, 0, [11]), kept]})
    two.chat.ask("On?")
    assert client.last(Ask).after == 15
    two.chat.stop()
    two.chat.new()
    two.chat.open(3)
    client.report(client.last(ConversationGet), {"turns": [kept]})
    assert last(two).state == "stopped"
    assert last(two).answer.text() == "It goes"


def test_a_question_is_put_to_what_the_chips_say(
    window: MainWindow, client: ScriptedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.open_page("chat")
    client.report(client.last(FoldersList), [{"path": "/home/ana/Docs & more"}])
    bar = window.chat.scope
    bar._fill()
    texts = [action.text() for action in bar.menu.actions() if action.text()]
    assert texts == ["All files", "/home/ana/Docs && more", "Another folder…", "Files…"]
    bar.menu.actions()[2].trigger()
    assert bar.scope == Scope("/home/ana/Docs & more")
    chosen = ([LEASE, "/home/ana/b.txt"], "")
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: chosen)
    bar.choose_files()
    window.chat.ask("When?")
    assert client.last(Ask).scope == Scope(files=(LEASE, "/home/ana/b.txt"))
    number = client.last(Ask).id
    client.reply(AnswerSources(number, sources(), 3))
    client.reply(AnswerDone(number, "Not found in your files.", False, (), {}, 0, 0, turn=4))
    shown = last(window).not_found
    assert shown is not None
    assert "lease.pdf, b.txt" in shown.accessibleName()
    shown.everywhere_button.click()
    assert client.last(Ask).scope == EVERYWHERE
    assert bar.scope == EVERYWHERE
    client.reply(msgspec.structs.replace(client_done(client), turn=5))
    window.chat.new()
    window.chat.open(9)
    kept = row(1, 0, [1], scope={"folder": None, "files": [LEASE]})
    client.report(client.last(ConversationGet), {"turns": [kept]})
    assert bar.scope == Scope(files=(LEASE,))
    chip = bar._chips.itemAt(0).widget()
    chip.click()  # type: ignore[union-attr]
    assert bar.scope == EVERYWHERE


def client_done(client: ScriptedClient) -> AnswerDone:
    return AnswerDone(client.last(Ask).id, "Yes.", True, (), {}, 0, 0)


def test_a_whole_file_is_read_where_that_is_asked(
    window: MainWindow, client: ScriptedClient
) -> None:
    window.open_page("chat")
    window.chat.scope.put(Scope(files=(LEASE,)))
    window.chat.ask("List all dates")
    client.reply(DigestInstead(client.last(Ask).id, "dates", (LEASE,)))
    assert not window.chat.answering
    assert "whole file is read" in last(window).note.accessibleName()
    asked = client.last(Digest)
    assert (asked.task, asked.paths) == ("dates", (LEASE,))
    client.reply(DigestDone(asked.id, "dates", dates_entries(), 9))
    digest = last(window).digest
    assert digest is not None
    digest.place_chosen.emit(dates_entries()[0].new)
    assert client.last(Preview).path == dates_entries()[0].new.path  # type: ignore[union-attr]
    window.chat.ask("When?")
    assert client.last(Ask).after is None


def test_markdown_is_drawn_and_code_is_copied_but_nothing_of_it_runs(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    window.ask("How?")
    number = client.last(Ask).id
    client.reply(AnswerSources(number, sources(), 3))
    rows = "| a | b |\n|--|--|\n| 1 [1] | 2 |"
    text = f"**So** [1]:\n\n{rows}\n\n```sh\nrm -rf <b>\n```\nDone <img src=x>."
    view = last(window).answer
    for at in range(0, len(text), 5):
        client.reply(AnswerText(number, text[at : at + 5]))
        view.flush()
    kinds = [type(part) for part in view.parts]
    assert kinds == [Prose, TablePart, CodePart, Prose]
    drawn = list(view.parts)
    client.reply(AnswerDone(number, text, True, sources(), {}, 1, 1))
    assert view.parts == drawn, "what was streamed is not laid out anew"
    first, table, code, end = view.parts
    assert isinstance(first, Prose)
    assert isinstance(table, TablePart)
    assert isinstance(code, CodePart)
    assert isinstance(end, Prose)
    assert first.toPlainText() == "So [1]:"
    assert any(
        isinstance(frame, QTextTable) for frame in table.document().rootFrame().childFrames()
    )
    assert end.toPlainText() == "Done <img src=x>."
    code.copy_button.click()
    assert QGuiApplication.clipboard().text() == "rm -rf <b>"
    tools = last(window).tools
    tools.copy_button.click()
    assert QGuiApplication.clipboard().text().startswith("**So**:")
    tools.with_sources.click()
    assert sources()[0].quote in QGuiApplication.clipboard().text()
    qtbot.waitUntil(lambda: view.height() > 60)
    window.grab()


def test_words_that_are_drawn_stay_while_more_is_written(
    window: MainWindow, client: ScriptedClient
) -> None:
    window.ask("How?")
    view = last(window).answer
    removed: list[int] = []
    client.reply(AnswerText(client.last(Ask).id, "One"))
    view.flush()
    [part] = view.parts
    assert isinstance(part, Prose)
    part.document().contentsChange.connect(lambda _at, gone, _new: removed.append(gone))
    for piece in (" two", " three.\n\nFour", " five\n- six", " [1", "] seven"):
        view.add(piece)
        view.flush()
    assert part.toPlainText() == "One two three.\nFour five\n• six [1] seven"
    assert max(removed) <= 1, "nothing but an end of a block was taken back"


def test_the_reader_is_left_where_they_are(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    window.ask("How?")
    view, area = last(window).answer, window.chat.area
    client.reply(AnswerText(client.last(Ask).id, "word\n\n" * 80))
    view.flush()
    bar = area.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    area.scroll_by(-10)
    at = bar.value()
    client.reply(AnswerText(client.last(Ask).id, "more\n\n" * 40))
    view.flush()
    end = bar.maximum()
    qtbot.waitUntil(lambda: bar.maximum() > end or bar.maximum() > at + 100)
    assert bar.value() == at


def test_a_conversation_is_renamed_in_place_and_exported(
    qtbot: Any, two: MainWindow, client: ScriptedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = two.chat.head
    assert head.title.text() == "When does it end?"
    head.edit_title()
    head.title.setText("  The lease ")
    qtbot.keyClick(head.title, Qt.Key.Key_Return)
    [renamed] = client.all(ConversationRename)
    assert (renamed.conversation, renamed.title[:3]) == (3, "The")
    client.fail(renamed, "There is no room.")
    assert "There is no room." in head.banner.accessibleName()
    head.title.setText("x")
    qtbot.keyClick(head.title, Qt.Key.Key_Escape)
    assert head.title.text() == head.title.kept != "x"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("/tmp/out.md", ""))
    head.export_button.click()
    sent = client.last(ConversationExport)
    assert (sent.conversation, sent.path, sent.replace) == (3, "/tmp/out.md", True)
    client.report(sent, {"path": "/tmp/out.md", "turns": 2})
    assert "/tmp/out.md" in head.banner.accessibleName()


def test_conversations_are_searched_and_late_lists_are_ignored(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    window.open_page("chat")
    panel = window.chat.panel
    first = client.last(ConversationsList)
    qtbot.keyClicks(panel.field, "zebra")
    qtbot.waitUntil(lambda: client.last(ConversationsList).query == "zebra")
    client.report(client.last(ConversationsList), {"conversations": []})
    client.report(first, {"conversations": [{"id": 1, "title": "late", "changed_at": 1.0}]})
    assert panel.model.rowCount() == 0
    assert panel.nothing.text() == "No conversation says that."
    panel.field.clear()
    qtbot.waitUntil(lambda: client.last(ConversationsList).query == "")
    kept = [{"id": 5, "title": "A & B", "changed_at": 1.0, "turns": 4}]
    client.report(client.last(ConversationsList), {"conversations": kept})
    panel.view.setCurrentIndex(panel.model.index(0))
    qtbot.keyClick(panel.view, Qt.Key.Key_Delete)
    assert "4 questions" in window.chat.head.banner.accessibleName()
    qtbot.keyClick(panel.view, Qt.Key.Key_F2)
    assert window.chat.conversation == 5
    assert isinstance(window.focusWidget(), QLineEdit)
    panel._offer(panel.view.visualRect(panel.model.index(0)).center())
    menu = panel.findChild(QMenu)
    assert menu is not None
    menu.close()
    panel._offer(QPoint(5, 9000))
