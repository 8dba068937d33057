"""The cards of the settings in all their states: waiting, empty, many, refused."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication, QLabel
from report_samples import CRASH, kept
from samples import settings
from scripted import ScriptedClient

from core.messages import Doctor, KeptRequest, MemoriesRequest, SettingsGet, SettingsSet
from ui.settings_page import SettingsPage
from ui.window import MainWindow


@pytest.fixture
def page(window: MainWindow, client: ScriptedClient) -> SettingsPage:
    window.open_page("settings")
    client.report(client.last(SettingsGet), settings())
    return window.settings


def said(page: SettingsPage, section: str) -> str:
    page.open_section(section)
    QApplication.processEvents()  # shows what has just come
    labels = page.sections[section].findChildren(QLabel)
    return "\n".join(part.text() for part in labels if part.isVisible())


def test_what_is_kept_is_waited_for_shown_refused_and_deleted(
    page: SettingsPage, client: ScriptedClient
) -> None:
    assert "Looking at what is kept…" in said(page, "privacy")
    client.fail(client.last(KeptRequest), "The store cannot be read.", "Mend it.")
    assert "The store cannot be read." in said(page, "privacy")
    page.privacy.banner._action.click()
    client.report(client.last(KeptRequest), kept())
    shown = said(page, "privacy")
    assert "12 · 41 questions · 2.4 MB" in shown
    assert "Looking" not in shown
    assert not page.privacy.buttons["memories"].isEnabled()  # there is nothing to delete
    page.privacy.buttons["conversations"].click()
    assert "cannot be undone" in said(page, "privacy")
    assert client.last(KeptRequest).delete is None
    page.privacy.banner._action.click()
    asked = client.last(KeptRequest)
    assert asked.delete == "conversations"
    client.fail(asked, "The disk is full.", "Free some.")
    assert "The disk is full." in said(page, "privacy")
    assert "12 · 41 questions" in said(page, "privacy")  # what was shown stays
    assert "satchel remove-data" in said(page, "privacy")
    page.privacy.removing.copy_button.click()
    assert QApplication.clipboard().text() == "satchel remove-data"


def test_a_report_is_read_before_it_is_copied(page: SettingsPage, client: ScriptedClient) -> None:
    about = page.about
    said(page, "about")
    assert about.crash_button.isHidden()
    client.report(client.last(KeptRequest), kept())
    assert about.report.isHidden()
    assert about.copy_button.isHidden()
    about.crash_button.click()
    assert about.report.toPlainText() == CRASH
    assert "no text of a file" in said(page, "about")
    about.copy_button.click()
    assert QApplication.clipboard().text() == CRASH
    about.check_button.click()
    assert not about.check_button.isEnabled()
    client.late(client.last(Doctor))
    assert "Still working…" in said(page, "about")
    client.fail(client.last(Doctor), "It cannot be checked.")
    assert "It cannot be checked." in said(page, "about")
    about.banner._action.click()
    client.report(client.last(Doctor), {"healthy": True, "path": "/a/\u202eb"})
    assert '"healthy": true' in about.report.toPlainText()
    assert "\u202e" not in about.report.toPlainText()
    assert "names folders and files of yours" in said(page, "about")
    assert about.copy_button.text() == "Copy the report"


def test_advanced_settings_are_found_refused_and_go_back(
    page: SettingsPage, client: ScriptedClient
) -> None:
    assert "Largest file" in said(page, "advanced")
    page.filter.setText("no such setting")
    assert said(page, "advanced").endswith("No setting is called that.")
    page.filter.setText("largest FILE")
    assert "Largest file" in said(page, "advanced")
    row = page.rows["files.max_mb"]
    row.editor.changed.emit(0.0)
    client.fail(client.last(SettingsSet), "files.max_mb cannot be 0.", "Give a number.")
    assert "files.max_mb cannot be 0." in said(page, "advanced")
    row.editor.changed.emit(7.0)
    table = settings(files_max_mb=7.0)
    client.report(client.last(SettingsSet), table)
    assert "cannot be 0" not in said(page, "advanced")
    assert row.reset.isVisible()
    row.reset.click()
    assert client.last(SettingsSet).value == row._default


def test_memories_that_cannot_be_read_or_are_many(
    page: SettingsPage, client: ScriptedClient
) -> None:
    many = [{"id": n, "text": f"Sentence {n}.", "kind": "fact"} for n in range(200)]
    client.report(client.last(MemoriesRequest), {"memories": many})
    page.open_section("assistant")
    assert len(page.memories.rows) == 200
    page.memories.reload()
    client.fail(client.last(MemoriesRequest), "They cannot be read.")
    assert page.memories.banner.isVisible()
    assert len(page.memories.rows) == 200
