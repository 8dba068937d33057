"""The scenario of a conversation for `drive_window.py`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from core.messages import Scope

if TYPE_CHECKING:
    from drive_window import Driver, Script


def converse(driver: Driver) -> Script:
    """A conversation with versions and scopes, kept, named, exported, and deleted for good."""
    window, chat = driver.window, driver.window.chat
    folder = os.environ["SATCHEL_TEST_FOLDER"]
    letter = f"{folder}/papers/letter-from-the-council.txt"
    yield driver.settled
    window.first_run.finish()
    window.folders.add([folder])
    yield lambda: window.activity.progress is not None
    yield driver.indexed
    window.open_page("chat")
    chat.scope.put(Scope(folder=f"{folder}/home"))
    chat.ask("When does the lease of the workshop end?")
    yield driver.answered
    driver.found["ends"] = [driver.turn_state()]
    driver.found["in_folder"] = driver.sources()
    asked = chat.turns[-1].asked
    asked.edit_button.click()
    asked.editor.clear()
    QTest.keyClicks(asked.editor, "When does the lease of the workshop begin?")
    QTest.keyClick(asked.editor, Qt.Key.Key_Return)
    yield lambda: chat.answering
    yield driver.answered
    driver.found["ends"].append(driver.turn_state())
    driver.found["edited"] = driver.version()
    chat.turns[-1].asked.back_button.click()
    yield lambda: driver.version()[0] == "1 of 2"
    driver.found["back"] = driver.version()
    chat.scope.put(Scope(files=(letter,)))
    chat.ask("Until when does the lease of the workshop run?")
    yield driver.answered
    driver.found["ends"].append(driver.turn_state())
    driver.found["in_file"] = driver.sources()
    chat.ask("summarize this")
    yield lambda: (read := chat.turns[-1].digest) is not None and not read.reading
    digest = chat.turns[-1].digest
    driver.found["digest"] = digest.text.toPlainText() if digest else ""
    conversation = chat.conversation or 0
    chat.new()
    chat.open(conversation)
    yield lambda: len(chat.turns) == 2
    driver.found["reopened"] = driver.version(0)
    chat.turns[0].asked.on_button.click()
    yield lambda: driver.version(0)[0] == "2 of 2"
    driver.found["other"] = driver.version(0)
    yield from end(driver, conversation)


def end(driver: Driver, conversation: int) -> Script:
    """The conversation gets a name, is exported, and deleted for good."""
    chat = driver.window.chat
    chat.head.edit_title()
    QTest.keyClicks(chat.head.title, "The quince lease")
    QTest.keyClick(chat.head.title, Qt.Key.Key_Return)
    yield lambda: (kept := chat.panel.kept(conversation)) and kept.title == "The quince lease"
    chat.head.export_to(os.environ["SATCHEL_TEST_EXPORT"])
    yield lambda: chat.head.banner.accessibleName().startswith("Exported.")
    chat.head.delete_button.click()
    chat.head.banner._action.click()
    yield lambda: chat.panel.kept(conversation) is None
    driver.found["left"] = [len(chat.turns), chat.panel.model.rowCount()]
