"""Ways on from the preview: opening at the place, copying, the next result, related passages."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMenu
from samples import LEASE, PAGE, PAGE_BOXES, grouped, hits, page_png
from scripted import ScriptedClient

from core.messages import (
    Box,
    FileFailed,
    Hit,
    Locator,
    PageImage,
    PagePreview,
    Preview,
    PreviewText,
    Related,
    Search,
    SearchResults,
)
from ui.target import Target, quote_with_source, writable
from ui.window import MainWindow


def found(qtbot: Any, window: MainWindow, client: ScriptedClient, *wanted: Hit) -> None:
    """Results, the first of them in the preview."""
    window.search.entry.setText("lease")
    window.search.search()
    client.reply(SearchResults(client.last(Search).id, wanted or hits(), final=True))
    qtbot.waitUntil(lambda: bool(client.all(Preview)))


def read(client: ScriptedClient) -> None:
    asked = client.last(Preview)
    start = PAGE.find(LEASE)
    client.reply(PreviewText(asked.id, asked.path, PAGE, start, start + len(LEASE), Locator()))


def test_the_file_is_opened_at_the_place_and_it_is_said_when_it_could_not(
    qtbot: Any, window: MainWindow, client: ScriptedClient, opener: Any
) -> None:
    found(qtbot, window, client)
    opener.news = "Opened at its beginning."
    window.preview.open_button.click()
    assert opener.places == [hits()[0].locator]
    assert "at its beginning" in window.preview.banner.accessibleName()


def test_the_path_and_the_quote_with_its_source_are_copied(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    found(qtbot, window, client)
    clipboard = QApplication.clipboard()
    window.preview.copy_actions["path"].trigger()
    assert clipboard.text() == hits()[0].path
    assert "copied" in window.preview.banner.accessibleName()
    window.preview.copy_actions["quote"].trigger()  # the text has not come yet: it is asked for
    read(client)
    assert clipboard.text().startswith(f"“{LEASE}”\n— workshop-lease.pdf, page 1")
    assert clipboard.text().endswith(hits()[0].path)
    clipboard.clear()
    window.preview.copy_quote()
    assert LEASE in clipboard.text()
    window.preview.show_target(Target("/gone.txt", Locator(line=3), 0, 9))
    window.preview.copy_quote()
    client.reply(FileFailed(client.last(Preview).id, "/gone.txt", "is gone", "missing"))
    assert "cannot be copied" in window.preview.banner.accessibleName()


@pytest.mark.parametrize("name", ["/a/\u202egpj.exe", "/a/b\nc.md", "/a/\udcff.txt"])
def test_a_quote_shows_what_a_name_hides(name: str) -> None:
    said = quote_with_source("Words \u202eof\x07 it.", Target(name, Locator(line=2)))
    shown = said.removesuffix(writable(name))
    assert shown.count("\n") == 2
    assert not set(shown) & set("\u202e\x07\udcff")
    assert "line 2" in shown
    assert said.encode("utf-8")


def test_the_next_result_and_the_one_before(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    found(qtbot, window, client)
    steps = window.preview.steps
    assert steps.number.text() == "1 of 6"
    assert not steps.back.isEnabled()
    window.activateWindow()
    window.preview.text.setFocus()
    steps.on.click()
    qtbot.waitUntil(lambda: steps.number.text() == "2 of 6")
    assert client.last(Preview).path == hits()[1].path
    steps.back.click()
    qtbot.waitUntil(lambda: steps.number.text() == "1 of 6")
    window.open_page("chat")
    window.chat.target_chosen.emit(Target("/a.txt", Locator()))
    assert not steps.isVisible()


def test_related_passages_lead_to_their_place(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    found(qtbot, window, client)
    read(client)
    window.preview.related_button.click()
    asked = client.last(Related)
    assert (asked.path, asked.start) == (hits()[0].path, hits()[0].start)
    client.late(asked)
    assert "Still looking" in window.preview.related.banner.accessibleName()
    client.fail(asked, "It broke.")
    window.preview.related.banner._action.click()
    client.reply(SearchResults(client.last(Related).id, hits()[1:4], final=True))
    view = window.preview.related.view
    assert view.hasFocus() or not window.isActiveWindow()
    qtbot.keyClick(view, Qt.Key.Key_Down)
    view.activated.emit(view.currentIndex())
    target = window.preview.target
    assert target is not None
    assert target.path == hits()[2].path
    window.preview.show_related()
    client.reply(SearchResults(client.last(Related).id, (), final=True))
    assert "No passage" in window.preview.related.status.text()
    window.preview.back_button.click()
    assert client.last(Preview).path == hits()[2].path


def test_the_passage_is_boxed_on_its_page(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    found(qtbot, window, client)
    window.preview.page_button.click()
    asked = client.last(PagePreview)
    assert (asked.start, asked.end, asked.quote) == (hits()[0].start, hits()[0].end, None)
    client.reply(PageImage(asked.id, page_png(300), 1, 3, ()))
    plain = window.preview.page.picture.pixmap().toImage()
    window.preview.reload()
    wrong = Box(0.5, 0.5, 0.4, 0.4)
    client.reply(PageImage(client.last(PagePreview).id, page_png(300), 1, 3, (*PAGE_BOXES, wrong)))
    page = window.preview.page
    assert page.boxes == PAGE_BOXES
    assert page.picture.pixmap().toImage() != plain
    assert "boxed" in page.picture.accessibleName()


def test_a_preview_that_never_comes_can_be_asked_for_again(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    found(qtbot, window, client)
    late = client.last(Preview)
    client.late(late)
    window.preview.banner._action.click()
    assert client.last(Preview) != late
    assert late.id in client.cancelled
    client.reply(PreviewText(late.id, late.path, "too late", 0, 3, Locator()))
    assert "too late" not in window.preview.text.toPlainText()


def test_passages_of_a_file_stand_together_and_the_rest_is_shown_when_wanted(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    found(qtbot, window, client, *grouped())
    page = window.search
    assert page.model.rowCount() == 5
    assert "2 more here" in page.model.index(2).data()
    page.view.setCurrentIndex(page.model.index(1))
    qtbot.keyClick(page.view, Qt.Key.Key_Right)
    assert page.model.rowCount() == 7
    assert page.view.currentIndex().row() == 1
    assert "more here" not in page.model.index(2).data()
    page.model.show(grouped())
    area = page.view.more_area(page.model.index(2))
    qtbot.mouseClick(page.view.viewport(), Qt.MouseButton.LeftButton, pos=area.center().toPoint())
    assert page.model.rowCount() == 7


def test_the_menu_of_a_result_does_all_that_the_preview_does(
    qtbot: Any, window: MainWindow, client: ScriptedClient, opener: Any
) -> None:
    found(qtbot, window, client, *grouped())
    page = window.search
    menu: QMenu = page.view._menu(page.model.index(0))
    actions = {action.text(): action for action in menu.actions() if action.text()}
    actions["Show in folder"].trigger()
    assert opener.revealed == [hits()[0].path]
    actions["Open"].trigger()
    assert opener.opened == [hits()[0].path]
    actions["Copy path"].trigger()
    assert QApplication.clipboard().text() == hits()[0].path
    actions["Related passages"].trigger()
    assert client.last(Related).path == hits()[0].path
    actions["Show all passages of this file"].trigger()
    assert page.model.rowCount() == 7
