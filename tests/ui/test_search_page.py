"""The search page: typing, results, choosing, opening, and what can go wrong."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from samples import hit, hits, many
from scripted import ScriptedClient

from core.messages import (
    FileFailed,
    FoldersList,
    Locator,
    PageImage,
    PagePreview,
    PhraseCount,
    Preview,
    PreviewText,
    Search,
    SearchProgress,
    SearchResults,
    State,
)
from ui.client import Link
from ui.entry import MOST_CHARS
from ui.window import MainWindow


def typed(qtbot: Any, window: MainWindow, client: ScriptedClient, text: str) -> Search:
    qtbot.keyClicks(window.search.entry, text)
    qtbot.waitUntil(lambda: bool(client.all(Search)) and client.last(Search).query == text)
    return client.last(Search)


def test_results_come_while_typing_words_first(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    assert window.search.body.currentWidget() is window.search.welcome
    request = typed(qtbot, window, client, "lease end")
    assert request.early
    assert request.k > 0
    assert len(client.all(Search)) == 1
    client.reply(SearchResults(request.id, hits()[:2], final=False))
    assert window.search.model.rowCount() == 2
    assert "by meaning" in window.search.status.text()
    client.reply(SearchResults(request.id, hits(), final=True, timings_ms={"total": 400.0}))
    assert window.search.model.rowCount() == len(hits())
    assert window.search.status.text() == "6 passages · 0.4 s"


def test_a_phrase_is_counted_while_it_is_looked_for(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    request = typed(qtbot, window, client, '"lease end"')
    client.reply(SearchProgress(request.id, 64, 1200))
    assert window.search.status.text() == "Looking for the phrase in 64 of 1,200 documents…"
    count = PhraseCount(occurrences=9, documents=2, unread=1)
    client.reply(SearchResults(request.id, hits(), final=True, phrases=count))
    assert window.search.status.text() == (
        "Phrase found 9 times · 1 file cannot be read now · 6 passages"
    )


def test_a_newer_query_replaces_the_older(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    old = typed(qtbot, window, client, "lease")
    qtbot.keyClicks(window.search.entry, "s")
    qtbot.waitUntil(lambda: len(client.all(Search)) == 2)
    assert old.id in client.cancelled
    client.reply(SearchResults(old.id, hits(), final=True))
    assert window.search.model.rowCount() == 0


def test_the_selection_stays_on_its_passage(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    request = typed(qtbot, window, client, "lease")
    first, second = hit(1, "/a.txt"), hit(2, "/b.txt")
    client.reply(SearchResults(request.id, (first, second), final=False))
    qtbot.keyClick(window.search.entry, Qt.Key.Key_Down)
    chosen = window.search.chosen()
    assert chosen is not None
    assert chosen.path == "/b.txt"
    client.reply(SearchResults(request.id, (hit(1, "/c.txt"), second, first), final=True))
    chosen = window.search.chosen()
    assert chosen is not None
    assert chosen.path == "/b.txt"


def test_enter_opens_and_control_enter_asks(
    qtbot: Any, window: MainWindow, client: ScriptedClient, opener: Any
) -> None:
    request = typed(qtbot, window, client, "lease")
    client.reply(SearchResults(request.id, hits(), final=True))
    qtbot.keyClick(window.search.entry, Qt.Key.Key_Return)
    assert opener.opened == [hits()[0].path]
    qtbot.keyClick(window.search.entry, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert window.page() == "chat"
    assert window.chat.turns[-1].question == "lease"


def test_the_preview_shows_the_passage_in_its_place(
    qtbot: Any, window: MainWindow, client: ScriptedClient, opener: Any
) -> None:
    request = typed(qtbot, window, client, "lease")
    client.reply(SearchResults(request.id, hits(), final=True))
    qtbot.waitUntil(lambda: bool(client.all(Preview)))
    asked = client.last(Preview)
    assert (asked.path, asked.start, asked.end) == (
        hits()[0].path, hits()[0].start, hits()[0].end
    )  # fmt: skip
    text = "Before \U0001f600 <b>it</b>. The lease. After\u202e."
    client.reply(PreviewText(asked.id, asked.path, text, 20, 30, Locator(page=1)))
    shown = window.preview.text
    assert "<b>it</b>" in shown.toPlainText()
    assert "\u202e" not in shown.toPlainText()
    passage, *words = [mark.cursor.selectedText() for mark in shown.extraSelections()]
    assert passage == text[20:30]
    assert words == ["lease"]
    window.preview.reveal_button.click()
    assert opener.revealed == [hits()[0].path]
    opener.problem = "The file is no longer there."
    window.preview.open_button.click()
    assert window.preview.banner.isVisible()


def test_a_pdf_page_is_a_picture(qtbot: Any, window: MainWindow, client: ScriptedClient) -> None:
    from samples import page_png

    request = typed(qtbot, window, client, "lease")
    client.reply(SearchResults(request.id, hits(), final=True))
    qtbot.waitUntil(lambda: bool(client.all(Preview)))
    window.preview.page_button.click()
    asked = client.last(PagePreview)
    assert asked.page == 1
    client.reply(PageImage(asked.id, page_png(300), 1, 3))
    assert not window.preview.page.picture.pixmap().isNull()
    assert window.preview.page_number.text() == "Page 1 of 3"
    window.preview.forward.click()
    assert client.last(PagePreview).page == 2
    client.reply(PageImage(client.last(PagePreview).id, "bm90IGEgcG5n", 2, 3))
    assert "could not be drawn" in window.preview.banner.accessibleName()
    window.preview.reload()
    client.reply(FileFailed(client.last(PagePreview).id, "/x.pdf", "is encrypted", "encrypted"))
    assert "is encrypted" in window.preview.banner.accessibleName()


def test_nothing_found_late_and_failed(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    request = typed(qtbot, window, client, "xyzzy")
    client.late(request)
    assert "Still working" in window.search.banner.accessibleName()
    client.reply(SearchResults(request.id, (), final=True))
    assert window.search.body.currentWidget() is window.search.nothing
    qtbot.keyClicks(window.search.entry, "!")
    qtbot.waitUntil(lambda: len(client.all(Search)) == 2)
    client.fail(client.last(Search), "It broke.", "Mend it.")
    assert window.search.banner.isVisible()
    assert "It broke." in window.search.banner.accessibleName()
    window.search.banner._action.click()
    assert len(client.all(Search)) == 3


def test_what_is_not_found_is_looked_for_again_when_files_are_in(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    request = typed(qtbot, window, client, "xyzzy")
    client.reply(SearchResults(request.id, (), final=True))
    assert window.search.nothing.title.text() == "Nothing found"
    client.news.emit(State(0, "indexing"))
    assert window.search.nothing.title.text() == "Nothing found yet"
    before = len(client.all(Search))
    client.news.emit(State(0, "idle"))
    assert len(client.all(Search)) == before + 1
    client.reply(SearchResults(client.last(Search).id, hits(), final=True))
    assert window.search.body.currentWidget() is window.search.view
    client.news.emit(State(0, "indexing"))
    client.news.emit(State(0, "idle"))
    assert len(client.all(Search)) == before + 1  # results that stand are left alone


def test_an_empty_query_goes_back_to_the_start(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    request = typed(qtbot, window, client, "lease")
    client.reply(SearchResults(request.id, hits(), final=True))
    window.search.entry.clear()
    qtbot.waitUntil(lambda: window.search.body.currentWidget() is window.search.welcome)
    qtbot.waitUntil(lambda: not window.preview.isVisible())


def test_without_folders_the_first_step_is_offered(
    window: MainWindow, client: ScriptedClient
) -> None:
    window.folders.reload()
    client.report(client.last(FoldersList), [])
    assert window.search.add_button.isVisible()
    assert "Welcome" in window.search.welcome.title.text()


def test_a_pasted_megabyte_is_cut_with_a_note(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    QApplication.clipboard().setText("lorem ipsum " * 90_000)
    window.search.entry.paste()
    assert len(window.search.entry.text()) <= MOST_CHARS
    assert window.search.banner.isVisible()
    assert "too long" in window.search.banner.accessibleName()
    qtbot.waitUntil(lambda: bool(client.all(Search)))
    assert len(client.last(Search).query) <= MOST_CHARS


@pytest.mark.parametrize("name", ["/a/\u202egpj.exe", "/a/<img src=x>.txt", "/a/b\nc\x07.md"])
def test_hostile_names_are_drawn_as_they_are(
    qtbot: Any, window: MainWindow, client: ScriptedClient, name: str
) -> None:
    request = typed(qtbot, window, client, "x")
    client.reply(SearchResults(request.id, (hit(1, name),), final=True))
    qtbot.waitUntil(window.preview.isVisible)
    for text in (window.preview.name.text(), window.search.model.index(0).data()):
        assert not set(text) & set("\u202e\n\x07")
    window.grab()


def test_thousands_of_results_are_one_view(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    request = typed(qtbot, window, client, "many")
    client.reply(SearchResults(request.id, many(10_000), final=True))
    qtbot.waitUntil(lambda: window.search.model.rowCount() == 10_000)
    assert len(window.search.view.viewport().children()) == 0


def test_a_lost_service_is_told_in_place_and_forgotten_when_back(
    window: MainWindow, client: ScriptedClient
) -> None:
    client.lose(Link("lost", "It stopped.", "It starts again."))
    assert window.banner.isVisible()
    window.banner._action.click()
    assert client.starts == 1
    client.lose(Link("ready"))
    assert not window.banner.isVisible()
