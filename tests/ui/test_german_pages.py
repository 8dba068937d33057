"""Pages in German: no text of the program is left in English, and none is cut."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from catalogue import tables
from gallery_stage import usual
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot
from report_samples import kept
from scripted import ScriptedClient

from core.messages import Failed, FilesList, KeptRequest, Report, State
from ui.client import Link
from ui.phrases import Phrases
from ui.window import MainWindow

# Words of the samples, and texts that are the same in both languages.
OURS = {"Documents", "Text", "PDF", "Code", "Index", "Version"}
LEAST_LETTERS = 6  # of a text with gaps, for it to be known again


@pytest.fixture(scope="module")
def english() -> Phrases:
    """Knows every English text that has a German one."""
    both = {**tables("de")["window"], **tables("de")["service"]}
    texts = {
        text: text
        for text, said in both.items()
        if text != said and sum(map(str.isalpha, text)) >= LEAST_LETTERS and text not in OURS
    }
    return Phrases(texts, {}, ".", ",")


def texts_of(part: QWidget) -> Iterator[str]:
    """All that a part shows or says to a screen reader, menus too."""
    for widget in (part, *part.findChildren(QWidget)):
        yield widget.accessibleName()
        yield widget.toolTip()
        yield from (action.text() for action in widget.actions())
        if isinstance(widget, (QLabel, QAbstractButton)):
            yield widget.text()
        elif isinstance(widget, QLineEdit):
            yield widget.placeholderText()
        elif isinstance(widget, QComboBox):
            yield from (widget.itemText(at) for at in range(widget.count()))


def parts_of(text: str) -> Iterator[str]:
    """The texts that are strung together in one."""
    for line in text.split("\n"):
        yield from line.split(" · ")


def cut_buttons(part: QWidget) -> list[str]:
    """Buttons and labels of one line that have less room than their words need."""
    return [
        widget.text()
        for widget in part.findChildren(QWidget)
        if isinstance(widget, (QPushButton, QToolButton))
        and widget.isVisible()
        and widget.text()
        and widget.width() < widget.minimumSizeHint().width() - 1
    ]


@pytest.mark.usefixtures("german")
@pytest.mark.parametrize(
    "page", ["search", "chat", "folders", "storage", "models", "settings", "first run"]
)
def test_a_page_is_german_and_has_room_for_it(
    page: str, window: MainWindow, client: ScriptedClient, english: Phrases, qtbot: QtBot
) -> None:
    usual(client, "light")
    client.script[KeptRequest] = lambda m: Report(int(getattr(m, "id", 0)), kept())
    client.news.emit(State(1, "attention", "The disk budget is used up; new content waits."))
    client.lose(Link("ready"))
    shown: QWidget = window
    if page == "first run":
        window.show_first_run()
        shown = window.first_run
    else:
        window.open_page(page)
    if page == "search":
        window.search.entry.setText("when does the lease end")
        window.search.search()
        qtbot.waitUntil(lambda: window.preview.isVisible() and window.preview.width() > 200)
    if page == "folders":
        client.script[FilesList] = lambda m: Failed(int(getattr(m, "id", 0)), "Cancelled.", "")
        window.folders.show_problems("/home/ana/Documents")
    for section in ("assistant", "privacy", "window", "advanced", "about"):
        if page == "settings":
            window.settings.open_section(section)
            QCoreApplication.processEvents()
            assert cut_buttons(shown) == []
    QCoreApplication.processEvents()
    found = {part for text in texts_of(shown) for part in parts_of(text) if part}
    assert len(found) > 15
    assert sorted(text for text in found if english.say(text) is not None) == []
    assert cut_buttons(shown) == []
