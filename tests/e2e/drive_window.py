"""Drives the real window with the real service: `drive_window.py SCENARIO --home DIR`.

It runs inside the window's own process and acts through Qt's events, as a person's
keys and clicks would. Findings go to stdout, one JSON object at the end. Whatever
was not reached in time is missing from it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import psutil
from drive_conversation import converse
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.window import Desktop, service_command

Step = Callable[[], object]
Script = Generator[Step, None, None]
PATIENCE_S = 120.0
POLL_MS = 10


class Driver:
    """Runs a scenario: each step it yields is waited for until it says yes."""

    def __init__(self, application: QApplication, home: str) -> None:
        self.found: dict[str, Any] = {}
        self.began = time.monotonic()
        self.desktop = Desktop(application, service_command(home), language="en")
        self.window = self.desktop.window
        self._script: Script | None = None
        self._step: Step | None = None
        self._since = 0.0
        self._timer = QTimer(interval=POLL_MS)
        self._timer.timeout.connect(self._look)

    def run(self, script: Script) -> None:
        self._script = script
        self._timer.start()

    def _look(self) -> None:
        assert self._script is not None
        late = time.monotonic() - self._since > PATIENCE_S
        if self._step is not None and not self._step() and not late:
            return
        if late and self._step is not None:
            note = self.window.chat.turns[-1].note if self.window.chat.turns else None
            line = self._script.gi_frame.f_lineno  # the one that waits
            doing = self.window.activity.statement()
            said = note.accessibleName() if note else ""
            self.found["late"] = [line, doing, self.turn_state(), said]
            self._timer.stop()
            self.desktop.quit()
            return
        try:
            self._step = next(self._script)
            self._since = time.monotonic()
        except StopIteration:
            self._timer.stop()
            self.desktop.quit()

    # --- what a person does -------------------------------------------------------------

    def keys(self, text: str) -> None:
        target = QApplication.focusWidget() or self.window.search.entry
        QTest.keyClicks(target, text)

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier | None = None) -> None:
        target = QApplication.focusWidget() or self.window.search.entry
        QTest.keyClick(target, key, modifier or Qt.KeyboardModifier.NoModifier)

    def ready(self) -> bool:
        return self.desktop.client.link.state == "ready"

    def settled(self) -> bool:
        return self.ready() and self.window.activity.doing == "idle"

    def indexed(self) -> bool:
        return self.settled() and self.window.search._has_folders

    def search(self, text: str) -> None:
        self.window.open_page("search")
        self.window.search.entry.clear()
        self.keys(text)

    def searched(self) -> bool:
        page = self.window.search
        return page.model.rowCount() > 0 and not page._request and not page._soon.isActive()

    def turn_state(self) -> str:
        turns = self.window.chat.turns
        return turns[-1].state if turns else ""

    def answered(self) -> bool:
        ended = ("answered", "unsupported", "not found", "failed")
        return not self.window.chat.answering and self.turn_state() in ended

    def sources(self) -> list[str]:
        """The files that the newest answer was given."""
        return [source.path for source in self.window.chat.turns[-1]._sources.values()]

    def version(self, at: int = -1) -> list[str]:
        """Which version of a turn is shown, of how many, and its question."""
        turns = self.window.chat.turns
        return [turns[at].asked.count.text(), turns[at].question] if turns else ["", ""]


def search(driver: Driver) -> Script:
    """Search, preview, and what the process holds."""
    window = driver.window
    yield window.isVisible
    driver.found["window_s"] = time.monotonic() - driver.began
    yield driver.settled
    driver.found["ready_s"] = time.monotonic() - driver.began
    driver.search("when does the lease end")
    yield driver.searched
    driver.found["hits"] = [hit.path for hit in window.search.model.hits]
    driver.found["sources"] = sorted({hit.source for hit in window.search.model.hits})
    yield window.preview.text.toPlainText
    driver.found["preview"] = window.preview.text.toPlainText()
    driver.found["marked"] = len(window.preview.text.extraSelections())
    window.preview.page_button.click()
    yield lambda: not window.preview.page.picture.pixmap().isNull()
    driver.found["picture_px"] = window.preview.page.picture.pixmap().width()
    driver.found["boxes"] = len(window.preview.page.boxes)
    window.preview.show_related()
    yield lambda: window.preview.related.model.rowCount() > 0
    driver.found["related"] = [hit.path for hit in window.preview.related.model.hits]
    window.preview.copy_quote()
    yield lambda: "31 May 2028" in QApplication.clipboard().text()
    window.search.filters.choose_kind("mail")
    yield driver.searched
    driver.found["mail"] = [hit.path for hit in window.search.model.hits]
    window.search.filters.clear()
    yield driver.searched
    window.search.recent.note("when does the lease end")
    yield lambda: window.search.recent.lines
    window.open_page("storage")
    yield window.storage.content.isVisible
    driver.found["storage"] = window.storage.disk.title.text()
    window.open_page("settings")
    yield lambda: window.settings.rows
    window.open_page("folders")
    yield lambda: window.folders._paths
    driver.found["folders"] = len(window.folders._paths)
    driver.found["threads"] = threading.active_count()
    driver.found["numpy"] = "numpy" in sys.modules
    driver.found["core"] = sorted(name for name in sys.modules if name.startswith("core"))
    driver.found["app"] = sorted(n for n in sys.modules if n.split(".")[0] == "app")


def ask(driver: Driver) -> Script:
    """Ask from the field, follow a citation, stop the next answer, delete the conversation."""
    window = driver.window
    yield driver.settled
    driver.search("When does the lease of the workshop end?")
    yield driver.searched
    driver.press(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    yield lambda: driver.turn_state() in ("answered", "unsupported", "not found", "failed")
    turn = window.chat.turns[-1]
    driver.found["state"] = turn.state
    driver.found["answer"] = turn.answer.text()
    driver.found["sources"] = len(turn._sources)
    if turn._sources:
        turn.answer.cited.emit(min(turn._sources))
        yield lambda: window.preview.text.toPlainText() or window.preview.banner.isVisible()
        driver.found["cited_preview"] = window.preview.text.toPlainText()
        selections = window.preview.text.extraSelections()
        driver.found["cited_words"] = selections[0].cursor.selectedText() if selections else ""
    window.chat.ask("Tell me everything about the forge, the bellows and the anvil.")
    yield lambda: driver.turn_state() != "waiting"
    pressed = time.monotonic()
    window.chat.stop_button.click()
    yield lambda: not window.chat.answering
    driver.found["stop_ms"] = 1000 * (time.monotonic() - pressed)
    yield lambda: len(window.chat.panel.model.kept) > 0
    driver.found["conversations"] = len(window.chat.panel.model.kept)
    conversation = window.chat.conversation
    window.chat.new()
    window.chat.open(conversation or 0)
    yield lambda: window.chat.turns
    driver.found["kept_turns"] = len(window.chat.turns)
    window.chat.head._delete(conversation or 0)
    yield lambda: len(window.chat.panel.model.kept) < driver.found["conversations"]
    driver.found["deleted"] = True


def pause(driver: Driver) -> Script:
    """Pause and go on, from the sidebar's button."""
    window = driver.window
    yield driver.settled
    window.sidebar.pause.click()
    yield lambda: window.activity.paused
    driver.found["paused"] = window.folders.pause_button.text()
    window.sidebar.pause.click()
    yield lambda: not window.activity.paused
    driver.found["resumed"] = window.folders.pause_button.text()


def budget(driver: Driver) -> Script:
    """Choose another memory budget with the keyboard, apply it, and undo that."""
    window = driver.window
    storage = window.storage
    yield driver.settled
    window.open_page("storage")
    yield storage.panel.title.text
    driver.found["before"] = storage.ram.title.text()
    storage.ram.field.setFocus()
    storage.ram.field.selectAll()
    QTest.keyClicks(storage.ram.field, "1.5 GB")
    yield storage.panel.apply_button.isEnabled
    driver.found["preview"] = storage.panel.title.text()
    storage.panel.apply_button.click()
    yield lambda: storage.panel.title.text() == "Applied."
    driver.found["applied"] = storage.ram.title.text()
    yield storage.panel.undo_button.isEnabled
    storage.panel.undo_button.click()
    yield lambda: storage.panel.title.text() == "Undone."
    driver.found["undone"] = storage.ram.title.text()
    storage.disk.field.setValue(1)
    yield lambda: storage.panel.title.property("tone") == "danger"
    driver.found["refused"] = storage.panel.title.text()
    driver.found["apply"] = storage.panel.apply_button.isEnabled()
    window.open_page("models")
    yield lambda: window.models.cards
    driver.found["models"] = {
        name: card.used.isVisible() for name, card in window.models.cards.items()
    }


def worker_killed(driver: Driver) -> Script:
    """The model's process is killed in the middle of an answer; then the question is put again."""
    window = driver.window
    yield driver.settled
    for _ in range(3):  # on a busy machine an answer can end before it was seen to begin
        window.ask("Tell me everything about the forge, the bellows and the anvil.")
        yield lambda: driver.turn_state() != "waiting"
        driver.found["killed"] = kill_children(driver.desktop.client.pid, "app.worker")
        yield lambda: driver.turn_state() != "streaming"
        if driver.turn_state() == "failed":
            break
    turn = window.chat.turns[-1]
    driver.found["message"] = turn.note.accessibleName()
    driver.found["link"] = driver.desktop.client.link.state
    turn.note._action.click()
    yield lambda: driver.turn_state() in ("streaming", "answered", "unsupported", "not found")
    driver.found["again"] = driver.turn_state()
    window.chat.stop()


def service_killed(driver: Driver) -> Script:
    """The service is killed; a message stands in place until it is back."""
    window = driver.window
    yield driver.settled
    os.kill(driver.desktop.client.pid, signal.SIGKILL)
    yield lambda: driver.desktop.client.link.state == "lost"
    driver.found["notice"] = window.banner.accessibleName()
    yield driver.ready
    driver.found["notice_gone"] = not window._notice.isVisible()
    driver.search("lease")
    yield driver.searched
    driver.found["hits"] = window.search.model.rowCount()


def raised(driver: Driver) -> Script:
    """Wait to be brought forward by a second start."""
    yield driver.settled
    driver.window.hide()
    print(json.dumps({"hidden": True}), flush=True)
    yield driver.window.isVisible
    driver.found["raised"] = True


def quit_while_indexing(driver: Driver) -> Script:
    """Add a folder and quit before it is indexed."""
    yield driver.settled
    driver.window.folders.add([os.environ["SATCHEL_TEST_FOLDER"]])
    yield lambda: driver.window.activity.progress is not None
    driver.found["phase"] = driver.window.activity.headline()
    driver.window.quit_asked.emit()
    driver.found["pid"] = driver.desktop.client.pid


def first_run(driver: Driver) -> Script:
    """From the first start to a first answer, by keyboard and with the sample folder."""
    window, run = driver.window, driver.window.first_run
    yield lambda: window.stage.currentWidget() is run and window.isVisible()
    driver.found["chosen"] = run.folders.chosen
    # Without a window manager no window is active, but each has a widget that would be.
    driver.found["focus"] = window.focusWidget() is run.next_button
    began = time.monotonic()
    QTest.keyClick(window.focusWidget(), Qt.Key.Key_Space)
    yield run.folders.isVisible
    QTest.keyClick(run.folders.sample, Qt.Key.Key_Space)
    QTest.keyClick(run.next_button, Qt.Key.Key_Space)
    yield lambda: run.budgets.isVisible() and run.budgets.promise.text()
    driver.found["device"] = run.budgets.device.text()
    run.budgets.ram.field.setValue(1)
    run.next_button.click()
    yield run.budgets.banner.isVisible
    driver.found["refused"] = run.budgets.banner.accessibleName()
    run.budgets.ram.field.setValue(1200)
    run.next_button.click()
    yield lambda: run.model.isVisible() and run.model.models.cards
    driver.found["models"] = sorted(run.model.models.cards)
    QTest.keyClick(run.next_button, Qt.Key.Key_Space)
    yield driver.indexed
    driver.found["state"] = run.ready.state.text()
    run.ready.autostart.click()
    yield lambda: run.ready.autostart.isChecked() and not run.ready.problem.isVisible()
    run.ready.example.click()
    yield lambda: driver.turn_state() in ("answered", "unsupported", "not found", "failed")
    driver.found["answered_s"] = time.monotonic() - began
    driver.found["turn"] = driver.turn_state()
    driver.found["sources"] = len(window.chat.turns[-1]._sources)
    window.open_page("settings")
    yield lambda: window.settings.rows
    window.open_page("storage")
    yield window.storage.ram.title.text
    driver.found["ram"] = window.storage.ram.title.text()


def second_run(driver: Driver) -> Script:
    """What has been welcomed once is not welcomed again."""
    yield driver.indexed
    driver.found["welcomed"] = driver.window.stage.currentIndex() == 0


def first_course(driver: Driver) -> Script:
    """From a first start to the end: a folder, a search, an answer, a memory, a setting."""
    window = driver.window
    words = json.loads(os.environ["SATCHEL_TEST_WORDS"])
    yield driver.settled
    yield window.first_run.isVisible
    window.first_run.finish()
    window.folders.add([words["folder"]])
    yield lambda: window.search._has_folders
    driver.search(words["query"])  # found as soon as the file has been read
    yield driver.searched
    driver.found["hits"] = [hit.path for hit in window.search.model.hits]
    yield window.preview.text.toPlainText
    window.chat.ask(words["question"])
    yield lambda: driver.turn_state() in ("answered", "unsupported", "not found", "failed")
    driver.found["answer"] = window.chat.turns[-1].answer.text()
    window.open_page("settings")
    yield lambda: window.settings.rows
    window.settings.memories.field.setText(words["memory"])
    window.settings.memories.add()
    yield lambda: window.settings.memories.rows
    window.settings.open_section("advanced")
    row = window.settings.rows["extract.timeout_s"]
    row.editor.changed.emit(21)
    yield row.reset.isVisible
    for page in ("storage", "models", "folders"):
        window.open_page(page)
    yield lambda: window.models.cards
    driver.found["pages"] = True
    window.quit_asked.emit()


def kill_children(parent: int, module: str) -> int:
    """Kill the child processes that run a module; how many there were."""
    killed = 0
    for child in psutil.Process(parent).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # one that has just ended by itself
            if module in child.cmdline():
                child.kill()
                killed += 1
    return killed


SCENARIOS = {
    script.__name__: script
    for script in (
        search,
        ask,
        converse,
        pause,
        budget,
        worker_killed,
        service_killed,
        raised,
        quit_while_indexing,
        first_run,
        second_run,
        first_course,
    )
}


def main() -> int:
    application = QApplication(sys.argv[:1])
    home = sys.argv[sys.argv.index("--home") + 1]
    driver = Driver(application, home)
    driver.run(SCENARIOS[sys.argv[1]](driver))
    code = application.exec()
    driver.found["exit"] = code
    print(json.dumps(driver.found), flush=True)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
