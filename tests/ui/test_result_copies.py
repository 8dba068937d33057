"""The copies of a result and what a document says of itself, in the window."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu
from samples import LEASE, hit, hits
from scripted import ScriptedClient
from test_search_page import typed

from core.messages import About, Copy, Locator, Preview, SearchResults
from ui.copies import LISTED, copies_text
from ui.result_card import spoken
from ui.result_rows import Row
from ui.window import MainWindow


def shown(window: MainWindow, client: ScriptedClient, qtbot: Any, *found: Any) -> None:
    request = typed(qtbot, window, client, "lease")
    client.reply(SearchResults(request.id, found, final=True))


def open_menu(qtbot: Any, window: MainWindow) -> QMenu:
    """The menu that a click on "and 3 copies" opens."""
    view = window.search.view
    area = view.copies_area(window.search.model.index(0))
    qtbot.mouseClick(
        view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(*map(int, area.center().toTuple()))
    )
    [menu] = [menu for menu in view.findChildren(QMenu) if menu.isVisible()]
    return menu


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, ""), (1, "and 1 copy"), (2, "and 2 copies"), (100, "and 100 copies or more")],
)
def test_how_many_copies_there_are(number: int, text: str) -> None:
    copies = tuple(Copy(f"/copy{n}.txt", "near") for n in range(number))
    assert copies_text(hit(copies=copies)) == text


def test_copies_are_listed_by_kind_and_open_at_their_place(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    first = hits()[0]
    shown(window, client, qtbot, first)
    menu = open_menu(qtbot, window)
    labels = [action.text() for action in menu.actions() if not action.isSeparator()]
    assert labels == [
        "The same file",
        "workshop-lease.pdf  ·  /home/ana/Documents/club",
        "Another version",
        "workshop-lease-draft-2.docx  ·  /home/ana/Documents/drafts",
        "Has this passage",
        "to-the-trust.eml  ·  /home/ana/Documents/letters/R&&D",
    ]
    enabled = [action for action in menu.actions() if action.isEnabled() and action.text()]
    enabled[0].trigger()
    asked = client.last(Preview)
    assert (asked.path, asked.start, asked.end) == (first.copies[0].path, first.start, first.end)
    assert asked.quote is None
    enabled[1].trigger()
    asked = client.last(Preview)
    assert (asked.path, asked.quote, asked.locator) == (first.copies[1].path, LEASE, Locator())


def test_the_menu_key_lists_them_and_long_lists_end(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    copies = tuple(Copy(f"/home/ana/{'deep/' * 40}copy{n}.txt", "near") for n in range(LISTED + 7))
    shown(window, client, qtbot, hit(copies=copies), hit(2, "/b.txt", start=9))
    menu = open_menu(qtbot, window)
    assert menu.actions()[-1].text() == "and 7 more"
    assert len([action for action in menu.actions() if "copy" in action.text()]) == LISTED
    assert window.search.view.copies_area(window.search.model.index(1)).isEmpty()


def test_a_screen_reader_hears_title_date_and_copies() -> None:
    said = spoken(Row(hits()[0]))
    assert "Lease of the forge workshop at 4 Mill Lane" in said
    assert "and 3 copies" in said
    assert "2023" in said
    # A title that only repeats the file's name says nothing.
    plain = hit(path="/a/Workshop-Lease.pdf", about=About("workshop-lease"))
    assert spoken(Row(plain)).startswith("Workshop-Lease.pdf. page 1")
