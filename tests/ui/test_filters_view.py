"""Narrowing a search with chips, by mouse and by keyboard."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from PySide6.QtCore import QDate, Qt
from samples import folders, hits
from scripted import ScriptedClient

from core.messages import FoldersList, Search, SearchesRequest, SearchResults
from ui.client import Link
from ui.spans import seconds
from ui.window import MainWindow


@pytest.fixture
def searched(qtbot: Any, window: MainWindow, client: ScriptedClient) -> MainWindow:
    client.lose(Link("ready"))
    client.report(client.last(FoldersList), folders())
    window.search.entry.setText("lease")
    qtbot.waitUntil(lambda: bool(client.all(Search)))
    return window


def test_each_chip_narrows_the_search_and_is_taken_off(
    qtbot: Any, searched: MainWindow, client: ScriptedClient
) -> None:
    bar = searched.search.filters
    watched = bar.folder_menu.actions()[0]
    watched.trigger()
    assert client.last(Search).folder == watched.text()
    [pdf] = [action for action in bar.kind_menu.actions() if action.text() == "PDF"]
    pdf.trigger()
    assert client.last(Search).file_types == ("pdf",)
    [year] = [action for action in bar.date_menu.actions() if action.text() == "Last year"]
    year.trigger()
    asked = client.last(Search)
    this = date.today().year
    assert (asked.after_s, asked.before_s) == (
        seconds(date(this - 1, 1, 1)), seconds(date(this, 1, 1))
    )  # fmt: skip
    assert asked.folder == watched.text()
    assert asked.query == "lease"
    for chip in (bar.folder, bar.kind, bar.date):
        assert chip.isChecked()
        assert "Take it off" in chip.accessibleName()
        chip.setFocus()
        qtbot.keyClick(chip, Qt.Key.Key_Space)
        assert not chip.isChecked()
    asked = client.last(Search)
    assert (asked.folder, asked.file_types, asked.after_s, asked.before_s) == (None, (), None, None)


def test_days_are_chosen_in_place(qtbot: Any, searched: MainWindow, client: ScriptedClient) -> None:
    bar = searched.search.filters
    bar.date_menu.actions()[-1].trigger()
    assert bar.days.isVisible()
    bar.days.first.setDate(QDate(2024, 3, 14))
    bar.days.last.setDate(QDate(2023, 3, 14))  # the wrong way round
    qtbot.mouseClick(bar.days.apply_button, Qt.MouseButton.LeftButton)
    asked = client.last(Search)
    assert asked.after_s == seconds(date(2023, 3, 14))
    assert asked.before_s == seconds(date(2024, 3, 15))
    assert not bar.days.isVisible()
    assert "2023" in bar.date.accessibleName()


def test_nothing_found_in_a_narrowed_search_offers_to_widen_it(
    searched: MainWindow, client: ScriptedClient
) -> None:
    searched.search.filters.choose_kind("mail")
    client.reply(SearchResults(client.last(Search).id, (), final=True))
    assert searched.search.search_everywhere.isVisible()
    searched.search.search_everywhere.click()
    assert client.last(Search).file_types == ()
    assert not searched.search.filters.narrows


def test_more_results_are_asked_for_and_the_first_stay(
    searched: MainWindow, client: ScriptedClient
) -> None:
    from samples import many

    first = client.last(Search)
    client.reply(SearchResults(first.id, many(first.k), final=True))
    assert searched.search.more_button.isVisible()
    searched.search.more_button.click()
    second = client.last(Search)
    assert second.k > first.k
    assert searched.search.model.rowCount() > 0
    client.reply(SearchResults(second.id, many(first.k + 1), final=True))
    assert not searched.search.more_button.isVisible()
    searched.search.entry.setText("other")
    searched.search.search()
    assert client.last(Search).k == first.k


def test_recent_searches_are_kept_shown_made_again_and_forgotten(
    qtbot: Any, searched: MainWindow, client: ScriptedClient
) -> None:
    page = searched.search
    client.reply(SearchResults(client.last(Search).id, hits(), final=True))
    assert client.last(SearchesRequest).action == "list"
    qtbot.keyClick(page.entry, Qt.Key.Key_Return)
    noted = client.last(SearchesRequest)
    assert (noted.action, noted.text) == ("note", "lease")
    client.report(noted, {"searches": ["lease", "<b>rent</b>\u202e & more"], "kept": True})
    page.entry.clear()
    qtbot.waitUntil(page.recent.isVisible)
    qtbot.keyClick(page.entry, Qt.Key.Key_Down)
    assert page.recent.lines[0].hasFocus()
    assert "\u202e" not in page.recent.lines[1].text()
    qtbot.keyClick(page.recent.lines[0], Qt.Key.Key_Space)
    assert client.last(Search).query == "lease"
    page.entry.clear()
    page.search()
    page.recent.remove("lease")
    client.report(client.last(SearchesRequest), {"searches": [], "kept": True})
    page.recent.undo_bar._action.click()
    back = [(sent.action, sent.text) for sent in client.all(SearchesRequest)[-2:]]
    assert back == [("note", "<b>rent</b>\u202e & more"), ("note", "lease")]
    page.recent.clear()
    client.report(client.last(SearchesRequest), {"searches": [], "kept": True})
    assert page.recent.undo_bar.isVisible()
    page.recent.undo_bar._time.timeout.emit()
    assert not page.recent.isVisible()
    page.recent.clear()
    client.fail(client.last(SearchesRequest), "It cannot be written.", "Free some disk space.")
    assert not page.recent.banner.isHidden()
