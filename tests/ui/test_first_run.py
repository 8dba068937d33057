"""The first run: each step, back and on, what is refused, and that it is shown once."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from report_samples import budget, models, status
from samples import folders, settings
from scripted import ScriptedClient

from core.messages import (
    Ask,
    BudgetRequest,
    FoldersAdd,
    FoldersList,
    ModelsRequest,
    SettingsGet,
    SettingsSet,
    State,
    StatusRequest,
)
from ui.client import Link
from ui.first_run import FirstRun
from ui.first_steps import Suggestion, device_text
from ui.window import MainWindow


def greet(window: MainWindow, client: ScriptedClient, *, welcomed: bool, watched: bool) -> None:
    """What the service tells right after the start."""
    client.news.emit(State(1, "idle"))
    client.lose(Link("ready"))
    table = settings()
    for setting in table:
        if setting["key"] == "window.welcomed":
            setting["value"] = welcomed
    client.report(client.last(SettingsGet), table)
    for asked in client.all(FoldersList):  # the search asks as well, for its chips
        client.report(asked, folders() if watched else [])
    QApplication.processEvents()
    del window


@pytest.fixture
def run(window: MainWindow, client: ScriptedClient) -> FirstRun:
    greet(window, client, welcomed=False, watched=False)
    return window.first_run


@pytest.mark.parametrize(
    ("welcomed", "watched", "shown"),
    [(False, False, True), (True, False, False), (False, True, False), (True, True, False)],
)
def test_it_is_shown_to_who_has_seen_nothing_yet(
    window: MainWindow, client: ScriptedClient, welcomed: bool, watched: bool, shown: bool
) -> None:
    greet(window, client, welcomed=welcomed, watched=watched)
    assert window.first_run.isVisible() is shown


def test_every_step_can_be_skipped_by_keyboard(
    window: MainWindow, client: ScriptedClient, run: FirstRun, qtbot: Any
) -> None:
    window.activateWindow()
    assert QApplication.focusWidget() is run.next_button
    for _ in run.steps:
        qtbot.keyClick(run, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert not run.isVisible()
    assert window.page() == "search"
    assert not client.all(FoldersAdd)
    assert not [m for m in client.all(BudgetRequest) if m.disk_bytes or m.ram_bytes]
    assert client.last(SettingsSet).key == "window.welcomed"


def test_no_folder_is_chosen_before_the_person_does(
    window: MainWindow, client: ScriptedClient
) -> None:
    made = FirstRun(
        window._look, client, window.activity,
        [Suggestion("/home/ana/R&D", "R&D", "/home/ana/R&D")], "/sample",
    )  # fmt: skip
    made.go_on()
    assert made.folders.chosen == []
    assert made.next_button.text() == "Skip"
    made.folders.boxes["/home/ana/R&D"].click()
    made.folders.sample.click()
    made.folders.offer("/srv/\u202eshared")
    assert made.next_button.text() == "Next"
    assert all("\u202e" not in box.text() for box in made.folders.boxes.values())
    made.go_on()
    sent = client.last(FoldersAdd)
    assert sent.paths == ("/home/ana/R&D", "/srv/\u202eshared", "/sample")
    client.fail(sent, "/home/ana/R&D is not there.", "Choose another.")
    assert made.stack.currentWidget() is made.folders
    assert "not there" in made.folders.banner.accessibleName()
    made.go_on()
    client.report(client.last(FoldersAdd), [])
    assert made.stack.currentWidget() is made.budgets
    made.back()
    made.go_on()  # they are watched already
    assert len(client.all(FoldersAdd)) == 2
    made.deleteLater()


def test_budgets_are_proposed_changed_and_refused_in_place(
    client: ScriptedClient, run: FirstRun
) -> None:
    run.go_on()
    run.go_on()
    client.report(client.last(StatusRequest), status())
    client.report(client.last(BudgetRequest), budget())
    assert "8.2 GB of memory, 4.9 GB free" in run.budgets.device.text()
    assert run.budgets.ram.field.value() == 1600
    assert "A search takes" in run.budgets.promise.text()
    run.budgets.disk.slider.setValue(run.budgets.disk.slider.value() - 40)
    wanted = run.budgets.disk.wanted_bytes
    assert wanted is not None
    assert wanted < 500_000_000
    run.go_on()
    sent = client.last(BudgetRequest)
    assert (sent.disk_bytes, sent.ram_bytes, sent.preview) == (wanted, 1_600_000_000, False)
    client.fail(sent, "That is too small.", "Give 4 MB or more.")
    assert "too small" in run.budgets.banner.accessibleName()
    assert run.stack.currentWidget() is run.budgets
    run.go_on()
    client.report(client.last(BudgetRequest), budget(wanted, 1_600_000_000))
    assert run.stack.currentWidget() is run.model
    client.report(client.last(ModelsRequest), models())
    assert "multilingual-e5-small" not in run.model.models.cards
    run.model.models.fetch("qwen2.5-1.5b-instruct")
    run.go_on()  # it is fetched meanwhile
    assert run.stack.currentWidget() is run.ready


def test_a_first_question_ends_it(
    window: MainWindow, client: ScriptedClient, run: FirstRun
) -> None:
    run._show(len(run.steps) - 1)
    assert not run.ready.example.isVisible()
    run.ready._ask()  # nothing was typed
    assert run.isVisible()
    run.ready.field.setText("What does Ana grow?")
    run.ready.ask_button.click()
    assert client.last(Ask).question == "What does Ana grow?"
    assert window.page() == "chat"
    assert not run.isVisible()


def test_starting_with_the_session_is_refused_in_place(
    client: ScriptedClient, run: FirstRun
) -> None:
    run._show(len(run.steps) - 1)
    run.ready.autostart.click()
    sent = client.last(SettingsSet)
    assert (sent.key, sent.value) == ("window.autostart", True)
    client.fail(sent, "It cannot be written.", "Free some space.")
    assert not run.ready.autostart.isChecked()
    assert "cannot be written" in run.ready.problem.text()


def test_a_device_says_nothing_that_was_not_measured() -> None:
    assert device_text({"processors": 1, "memory_bytes": None, "on_battery": None}) == (
        "1 processor core"
    )
    assert device_text({}) == ""
