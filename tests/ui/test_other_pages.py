"""Folders, storage, settings, tray, themes, and the window around them."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QScrollBar,
)
from report_samples import budget, models, status
from samples import PROTECTED, failures, folders, settings
from scripted import ScriptedClient

from core.messages import (
    BudgetRequest,
    FilesList,
    FoldersAdd,
    FoldersList,
    FoldersRemove,
    Index,
    IndexProgress,
    Message,
    ModelsRequest,
    Pause,
    Retry,
    SettingsGet,
    SettingsSet,
    State,
    StatusRequest,
)
from ui.client import Link
from ui.setting_names import name_and_unit
from ui.sidebar import PAGES
from ui.theme import DARK
from ui.undo import UNDO_S
from ui.window import MainWindow


def texts(widget: Any) -> str:
    QApplication.processEvents()  # what was just put into a layout is shown with the next turn
    return "\n".join(found.text() for found in widget.findChildren(QLabel) if found.isVisible())


@pytest.fixture
def listed(window: MainWindow, client: ScriptedClient) -> MainWindow:
    window.open_page("folders")
    client.report(client.last(FoldersList), folders())
    return window


def test_folders_are_listed_with_what_is_missing(
    listed: MainWindow, client: ScriptedClient
) -> None:
    said = texts(listed.folders)
    assert "1,240 files indexed · 3 failed · 2 only pictures · 12 skipped" in said
    assert "offline" in said
    listed.folders.show_problems("/home/ana/Documents", {"*.tmp": 6, "node_modules/": 410})
    client.report(client.last(FilesList), failures())
    model = listed.folders.problems.model
    assert model.rowCount() == 3
    assert model.index(0, 1).data() == PROTECTED
    listed.folders.problems.again.click()
    assert client.last(Retry).path == "/home/ana/Documents"
    client.report(client.last(Retry), {"files": 3})
    assert model.rowCount() == 0
    assert "being read again" in texts(listed.folders.problems)
    assert not listed.folders.problems.again.isVisible()
    listed.folders.problems.choices["skipped"].click()
    client.report(client.last(FilesList), [])
    assert client.last(FilesList).state == "skipped"
    assert "node_modules/ (410) · *.tmp (6)" in listed.folders.problems.note.text()


def test_folders_are_added_removed_and_brought_back(
    listed: MainWindow, client: ScriptedClient
) -> None:
    listed.folders.add(["/home/ana/More"])
    client.fail(client.last(FoldersAdd), "/home/ana/More is not there.", "Choose another.")
    assert "is not there" in listed.folders.banner.accessibleName()
    listed.folders.banner._action.click()
    client.report(client.last(FoldersAdd), folders()[:2])
    assert len(listed.folders._paths) == 2
    listed.folders.remove("/home/ana/Notes", ["*.tmp"])
    removed = client.last(FoldersRemove)
    assert removed.paths == ("/home/ana/Notes",)
    assert removed.undo_s > UNDO_S
    client.fail(removed, "/home/ana/Notes is not a watched folder.")
    assert listed.folders.undo_bar.isHidden()
    for path in ("/home/ana/Notes", "/home/ana/Documents"):
        listed.folders.remove(path, ["*.tmp"] if path.endswith("Notes") else [])
        client.report(client.last(FoldersRemove), [])
    assert listed.folders.empty.isVisible()
    assert "Removed Notes, Documents." in listed.folders.undo_bar.accessibleName()
    listed.folders.reload()  # as progress does
    client.report(client.last(FoldersList), [])
    listed.activateWindow()
    assert listed.folders.undo_bar._action.hasFocus()
    listed.folders.undo_bar._action.click()
    back = [(add.paths, add.exclude) for add in client.all(FoldersAdd)[-2:]]
    assert back == [(("/home/ana/Notes",), ("*.tmp",)), (("/home/ana/Documents",), ())]
    listed.folders.remove("/home/ana/Notes")
    client.report(client.last(FoldersRemove), [])
    listed.folders.undo_bar._time.timeout.emit()
    assert listed.folders.undo_bar.isHidden()


def test_a_list_that_cannot_be_read_is_not_called_empty(
    listed: MainWindow, client: ScriptedClient
) -> None:
    listed.folders.reload()
    client.report(client.last(FoldersList), [])
    assert listed.folders.empty.isVisible()
    listed.folders.reload()
    client.fail(client.last(FoldersList), "The list cannot be read.", "Mend it.")
    assert not listed.folders.empty.isVisible()


def test_progress_pause_and_resume(qtbot: Any, listed: MainWindow, client: ScriptedClient) -> None:
    client.news.emit(State(0, "indexing"))
    client.news.emit(IndexProgress(0, "indexing", 50, 200, 1, 4, 9, "/a/\u202eb.txt", 5.0, 240.0))
    assert listed.folders.headline.text() == "Indexing, 25 %"
    assert "50 of 200 files" in listed.folders.detail.text()
    assert "4 minutes" in listed.folders.detail.text()
    assert listed.folders.bar.value() == 250
    assert "\u202e" not in listed.folders.current.text()
    qtbot.mouseClick(listed.folders.pause_button, Qt.MouseButton.LeftButton)
    assert client.last(Pause).paused
    client.news.emit(State(0, "paused", "you paused it"))
    assert listed.folders.pause_button.text() == "Resume"
    assert listed.sidebar.pause.accessibleName() == "Resume indexing"
    assert listed.tray.pause.text() == "Resume indexing"
    listed.sidebar.pause.click()
    assert not client.last(Pause).paused


def test_a_pause_of_the_service_says_why_in_full(
    listed: MainWindow, client: ScriptedClient
) -> None:
    why = "because the computer runs on battery; searches find by words only"
    client.news.emit(State(0, "paused", f"paused {why}"))
    assert listed.sidebar.state.text() == "Paused"
    assert listed.sidebar.detail.text() == why
    assert listed.sidebar.state.accessibleName() == f"Paused {why}"
    assert listed.tray.state.text() == f"Paused {why}"
    assert listed.folders.detail.text() == why
    assert listed.sidebar.pause.accessibleName() == "Resume indexing"
    client.news.emit(State(0, "paused", "you paused it"))
    assert listed.sidebar.detail.text() == ""
    assert listed.tray.state.text() == "Paused"
    client.news.emit(State(0, "attention", "The budget is full: /home/ana waits."))
    assert listed.sidebar.detail.text().replace("\u200b", "") == (
        "The budget is full: /home/ana waits."
    )


def test_indexing_that_failed_can_be_tried_again(
    window: MainWindow, client: ScriptedClient
) -> None:
    client.news.emit(State(1, "idle"))
    client.lose(Link("ready"))
    window.activity.begin()
    client.fail(client.last(Index), "The index is\u202e damaged.", "Repair it.")
    window.open_page("folders")
    client.report(client.last(FoldersList), folders())
    assert window.folders.headline.text() == "The index is\ufffd damaged."
    assert window.folders.pause_button.text() == "Retry"
    window.folders.pause_button.click()
    assert len(client.all(Index)) == 2
    assert window.folders.pause_button.text() == "Pause"


def test_late_and_failed_lists(window: MainWindow, client: ScriptedClient) -> None:
    window.open_page("folders")
    client.late(client.last(FoldersList))
    assert "Still working" in window.folders.banner.accessibleName()
    client.fail(client.last(FoldersList), "No list.", "Wait.")
    assert "No list." in window.folders.banner.accessibleName()


def test_settings_come_from_what_is_declared(window: MainWindow, client: ScriptedClient) -> None:
    window.open_page("settings")
    client.report(client.last(SettingsGet), settings())
    client.report(
        client.last(ModelsRequest),
        [
            {"name": "smollm2-135m-instruct", "kind": "chat", "installed": True},
            {"name": "big", "kind": "chat", "installed": True},
            {"name": "absent", "kind": "chat", "installed": False},
            {"name": "all-minilm-l6-v2", "kind": "embedding", "installed": True},
        ],
    )
    declared = {str(s["key"]) for s in settings() if not str(s["key"]).startswith("budget.")}
    assert set(window.settings.rows) == declared - {"window.welcomed"}
    for setting in settings():
        if setting["key"] in window.settings.rows:
            window.settings.open_section(window.settings.section_of(str(setting["key"])))
            assert str(setting["help"]) in texts(window.settings)
    window.settings.open_section("advanced")
    model = window.settings.rows["assistant.model"].editor.field
    assert isinstance(model, QComboBox)
    assert [model.itemText(at) for at in range(model.count())] == ["smollm2-135m-instruct", "big"]
    searching = window.settings.rows["index.embedding_model"].editor.field
    assert isinstance(searching, QComboBox)
    assert [searching.itemText(at) for at in range(searching.count())] == ["all-minilm-l6-v2"]
    number = window.settings.rows["search.max_recomputes"].editor.field
    number.setFocus()
    number.setValue(64)
    assert (client.last(SettingsSet).key, client.last(SettingsSet).value) == (
        "search.max_recomputes", 64,
    )  # fmt: skip
    client.fail(client.last(SettingsSet), "It cannot be 64.", "Give a number from 8 to 1000.")
    assert window.settings.rows["search.max_recomputes"].problem.isVisible()


def test_settings_of_the_window_take_effect(
    window: MainWindow, client: ScriptedClient, look: Any
) -> None:
    table = settings()
    for setting in table:
        if setting["key"] == "window.theme":
            setting["value"] = "dark"
        if setting["key"] == "window.on_close":
            setting["value"] = "stay"
    quits: list[int] = []
    window.quit_asked.connect(lambda: quits.append(1))
    window.settings.reload()
    client.report(client.last(SettingsGet), table)
    assert look.theme.colours is DARK
    window.close()
    assert not quits
    assert not window.isVisible()
    window.come_forward()
    assert window.isVisible()


def test_names_and_units_come_from_the_key() -> None:
    assert name_and_unit("extract.timeout_s") == ("Time for one file", "s")
    assert name_and_unit("new.shiny_thing_mb") == ("Shiny thing", "MB")


def test_all_pages_by_keyboard_with_names(
    qtbot: Any, window: MainWindow, client: ScriptedClient
) -> None:
    tables: dict[str, tuple[tuple[type[Message], object], ...]] = {
        "storage": ((StatusRequest, status()), (BudgetRequest, budget())),
        "models": ((ModelsRequest, models()),),
        "settings": ((SettingsGet, settings()),),
    }
    kinds = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QAbstractSlider)
    for number, page in enumerate(PAGES, start=1):
        qtbot.keyClick(window, Qt.Key(Qt.Key.Key_0 + number), Qt.KeyboardModifier.ControlModifier)
        assert window.page() == page
        for request, body in tables.get(page, ()):
            client.report(client.last(request), body)
        if page == "storage":
            window.storage.advanced.fold.open()
        QApplication.processEvents()
        for found in [part for kind in kinds for part in window.findChildren(kind)]:
            named = found.accessibleName() or (
                found.text() if isinstance(found, QAbstractButton) else ""
            )
            inner = found.objectName().startswith("qt_") or isinstance(found, QScrollBar)
            assert named or inner or not found.isVisible(), found


def test_with_a_tray_closing_hides_and_the_tray_brings_back(
    window: MainWindow, client: ScriptedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    quits: list[int] = []
    window.quit_asked.connect(lambda: quits.append(1))
    monkeypatch.setattr(type(window.tray), "in_tray", True)
    window.close()
    assert not window.isVisible()
    assert not quits
    window.tray.open.trigger()
    assert window.isVisible()
    client.news.emit(State(0, "indexing"))
    client.news.emit(IndexProgress(0, "indexing", 1, 4, 1, 4, 9, "/a & b.txt", 5.0, 9.0))
    assert window.tray.state.text() == "Indexing, 25 %"
    window.tray.pause.trigger()
    assert client.last(Pause).paused
    window.tray.quit.trigger()
    assert quits == [1]


def test_a_second_start_brings_the_window_forward(
    window: MainWindow, client: ScriptedClient
) -> None:
    window.hide()
    client.raise_asked.emit()
    assert window.isVisible()
