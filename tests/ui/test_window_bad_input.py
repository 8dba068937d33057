"""What is pasted, named and written to do harm, and a service that answers as it likes."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QLabel
from samples import failures, hit, hits, sources
from scripted import ScriptedClient

from core.messages import (
    AnswerDone,
    AnswerSources,
    AnswerText,
    Ask,
    Citation,
    FilesList,
    FoldersAdd,
    FoldersList,
    IndexProgress,
    Locator,
    Preview,
    PreviewText,
    Search,
    SearchResults,
)
from ui.answer_text import Prose
from ui.entry import MOST_CHARS, EntryField
from ui.sources import SourceButton
from ui.window import MainWindow

OVERRIDE = "/home/ana/invoice\u202efdp.exe"
MILLION = 1_000_000


def texts(widget: Any) -> str:
    QApplication.processEvents()
    return "\n".join(found.text() for found in widget.findChildren(QLabel) if found.isVisible())


def search(window: MainWindow, client: ScriptedClient, query: str = "lease") -> Search:
    window.search.search_for(query)
    return client.last(Search)


@pytest.mark.parametrize("page", ["search", "chat"])
@pytest.mark.parametrize("pasted", ["lorem ipsum " * 90_000, "a\nb\x00" * 250_000])
def test_a_pasted_megabyte_is_cut_and_told(
    window: MainWindow, client: ScriptedClient, page: str, pasted: str
) -> None:
    window.open_page(page)
    shown = window.search if page == "search" else window.chat
    assert isinstance(shown.entry, EntryField)
    QApplication.clipboard().setText(pasted)
    shown.entry.paste()
    assert len(shown.entry.text()) == MOST_CHARS
    assert "too long" in shown.banner.accessibleName()
    assert "4,000" in shown.banner.accessibleName()
    if page == "chat":
        window.chat.send()
        assert 0 < len(client.last(Ask).question) <= MOST_CHARS
    window.grab()


def test_control_characters_reach_the_service_and_no_label(
    window: MainWindow, client: ScriptedClient
) -> None:
    asked = "why\x07\x1b[31m\u202e\x7f red?"
    window.open_page("chat")
    window.chat.entry.setText(asked)
    window.chat.send()
    assert client.last(Ask).question.startswith("why")
    client.fail(client.last(Ask), "It broke\x1b[31m\u202e.", "Ask\x07 again.")
    said = texts(window.chat) + window.chat.turns[-1].note.accessibleName()
    assert "red?" in said
    assert not set(said) & set("\x07\x1b\u202e\x7f")
    window.search.entry.setText(asked)
    window.search.search()
    client.reply(SearchResults(client.last(Search).id, (), final=True, note="No\x07\u202e words."))
    assert not set(texts(window.search)) & set("\x07\x1b\u202e\x7f")


def test_a_name_that_turns_round_is_shown_as_it_is_everywhere(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    request = search(window, client)
    client.reply(SearchResults(request.id, (hit(1, OVERRIDE),), final=True))
    qtbot.waitUntil(lambda: bool(client.all(Preview)))
    said = [window.search.model.index(0).data(), texts(window.preview), window.windowTitle()]
    window.open_page("folders")
    client.report(client.last(FoldersList), [{"path": OVERRIDE, "state": "watched", "files": {}}])
    window.folders.show_problems(OVERRIDE)
    client.report(client.last(FilesList), [*failures(), {"path": OVERRIDE, "reason": "\u202ebad"}])
    listed = window.folders.problems.model
    said += [listed.index(row, at).data() for row in range(listed.rowCount()) for at in range(3)]
    said.append(texts(window.folders))
    window.ask("When?")
    asked = client.last(Ask)
    cited = Citation(1, OVERRIDE, Locator(line=1), "Words\u202e of it")
    client.reply(AnswerSources(asked.id, (cited,), 3))
    client.reply(AnswerDone(asked.id, "So\u202e [1].", True, (cited,), {}, 1, 1))
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    [source] = window.chat.findChildren(SourceButton)
    said += [texts(window.chat), source.accessibleName(), source.accessibleDescription()]
    words = window.chat.turns[-1].answer.parts[0]
    assert isinstance(words, Prose)
    said.append(words.toPlainText())
    assert sum("\\u202e" in one for one in said) >= 5, "what the name hides is to be seen"
    assert not [one for one in said if "\u202e" in one]
    window.grab()


def test_markup_of_files_and_answers_is_shown_and_nothing_of_it_fetched(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    evil = '<img src="http://192.0.2.1/x.png"><script>go()</script> ![p](http://192.0.2.1/y.png)'
    request = search(window, client)
    client.reply(SearchResults(request.id, (hit(1, snippet=evil, words=()),), final=True))
    qtbot.waitUntil(lambda: bool(client.all(Preview)))
    asked = client.last(Preview)
    client.reply(PreviewText(asked.id, asked.path, evil, 0, 9, Locator()))
    assert window.preview.text.toPlainText() == evil
    window.ask("How?")
    number = client.last(Ask).id
    client.reply(AnswerSources(number, sources(), 3))
    link = "[here](http://192.0.2.1/z) [1]."
    client.reply(AnswerText(number, f"{evil} {link}"))
    client.reply(AnswerDone(number, f"{evil} {link}", True, sources(), {}, 1, 1))
    view = window.chat.turns[-1].answer
    prose = [part for part in view.parts if isinstance(part, Prose)]
    drawn = "\n".join(part.toPlainText() for part in prose)
    assert "<script>go()</script>" in drawn
    assert "http://192.0.2.1/y.png" in drawn
    for part in prose:
        assert "<img" not in part.document().toHtml()
        at = part.document().begin()
        while at.isValid():
            pieces = at.begin()
            while not pieces.atEnd():
                assert "192.0.2.1" not in pieces.fragment().charFormat().anchorHref()
                pieces += 1
            at = at.next()
    window.grab()


def test_a_folder_of_a_million_files_is_a_few_lines(
    window: MainWindow, client: ScriptedClient
) -> None:
    window.open_page("folders")
    window.folders.add(["/srv/all"])
    counts = {"indexed": MILLION, "waiting": MILLION, "failed": MILLION, "skipped": MILLION,
              "needs_ocr": MILLION, "offline": 0}  # fmt: skip
    rules = {f"*.{number}": MILLION for number in range(40)}
    whole = {"path": "/srv/all", "state": "watched", "files": counts, "skipped_by_rule": rules}
    client.report(client.last(FoldersAdd), [whole])
    client.news.emit(
        IndexProgress(0, "indexing", 412_000, MILLION, 4, 10, 9, "/srv/all/x", 5.0, 90.0)
    )
    said = texts(window.folders)
    assert "1,000,000 files indexed · 1,000,000 waiting · 1,000,000 failed" in said
    assert "412,000 of 1,000,000 files" in said
    window.folders.show_problems("/srv/all", rules)
    asked = client.last(FilesList)
    assert asked.limit <= 1000, "the window asks for no more than it shows"
    rows = [{"path": f"/srv/all/{n}.pdf", "reason": "is encrypted"} for n in range(asked.limit)]
    client.report(asked, rows)
    problems = window.folders.problems
    assert "Only the first 1,000 are listed." in texts(problems)
    assert problems.table.height() < 600
    window.grab()


def test_answers_that_come_twice_late_or_out_of_order_change_nothing(
    window: MainWindow, client: ScriptedClient
) -> None:
    first = search(window, client, "lease")
    second = search(window, client, "rent")
    done = SearchResults(second.id, hits()[:2], final=True)
    client.reply(done)
    client.reply(SearchResults(second.id, hits(), final=False))  # by words, after by meaning
    client.reply(done)
    client.reply(SearchResults(first.id, hits(), final=True))
    assert window.search.model.rowCount() == len({one.path for one in hits()[:2]})
    assert "2 passages" in window.search.status.text()
    window.ask("When?")
    asked = client.last(Ask)
    client.reply(AnswerText(asked.id, "Before its sources. "))
    client.reply(AnswerSources(asked.id, sources(), 3))
    client.reply(AnswerSources(asked.id, sources(), 3))
    client.reply(AnswerDone(asked.id, "Then [1].", True, sources(), {}, 1, 1))
    client.reply(AnswerDone(asked.id, "Else [1].", True, sources(), {}, 1, 1))
    client.reply(AnswerText(asked.id, "More."))
    turn = window.chat.turns[-1]
    assert turn.answer.text() == "Then [1]."
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert len(window.chat.findChildren(SourceButton)) == len(sources())
    assert not window.chat.answering


def test_a_service_that_never_answers_can_be_left(
    window: MainWindow, client: ScriptedClient
) -> None:
    window.ask("When?")
    asked = client.last(Ask)
    client.late(asked)
    assert "Still working" in window.chat.turns[-1].status.text()
    window.open_page("search")
    assert window.search.isVisible()
    window.open_page("chat")
    window.chat.stop_button.click()
    assert asked.id in client.cancelled
    window.chat.ask("And now?")
    assert client.last(Ask).question == "And now?"
