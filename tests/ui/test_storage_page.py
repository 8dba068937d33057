"""The storage page: what is used, what a change would do, and how it is applied and undone."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QSpinBox
from report_samples import budget, choices, models, status
from scripted import ScriptedClient

from core.messages import BudgetRequest, ModelsRequest, StatusRequest
from ui.storage_page import StoragePage
from ui.window import MainWindow

SMALL = 80_000_000


@pytest.fixture
def page(window: MainWindow, client: ScriptedClient) -> StoragePage:
    """The page with a status and the plan in force."""
    window.open_page("storage")
    assert window.storage.loading.isVisible()
    client.report(client.last(StatusRequest), status())
    client.report(client.last(ModelsRequest), models())
    client.report(client.last(BudgetRequest), budget())
    return window.storage


def texts(widget: Any) -> str:
    QApplication.processEvents()
    return "\n".join(found.text() for found in widget.findChildren(QLabel) if found.isVisible())


def slide(qtbot: Any, page: StoragePage, client: ScriptedClient, size: int = SMALL) -> int:
    """Choose a disk budget with the slider; what was asked for when the preview is sent."""
    before = len(client.all(BudgetRequest))
    assert page.disk.slider._scale is not None
    page.disk.slider.setValue(page.disk.slider._scale.step_of(size))
    qtbot.waitUntil(lambda: len(client.all(BudgetRequest)) > before)
    asked = client.last(BudgetRequest).disk_bytes
    assert asked is not None
    return asked


def applied(qtbot: Any, page: StoragePage, client: ScriptedClient) -> int:
    """A smaller disk budget in force."""
    asked = slide(qtbot, page, client)
    client.report(client.last(BudgetRequest), budget(asked))
    page.panel.apply_button.click()
    client.report(client.last(BudgetRequest), budget(asked))
    client.report(client.last(StatusRequest), status(disk_bytes=asked))
    return asked


def test_what_is_used_and_what_is_planned_stand_side_by_side(page: StoragePage) -> None:
    said = texts(page)
    assert "106 MB of 500 MB on disk" in said
    assert "721 MB of 2.0 GB in memory" in said
    assert "4.0 MB" in said
    assert "512 GB" in said
    assert "16.7 GB" in said
    assert "1,558 files with 310 MB of text" in said
    assert "Word index: 61.0 MB, Planned 62.0 MB" in page.disk.bar.accessibleName()
    assert "Language model: 231 MB, At most 223 MB" in page.ram.bar.accessibleName()
    for part in ("Word index", "61.0 MB", "62.0 MB", "+1.0 MB", "of it 25.0 MB for the text"):
        assert part in texts(page)
    assert "A search takes about 0.2 s." in texts(page.panel)
    assert not page.panel.apply_button.isEnabled()
    assert not page.panel.undo_button.isEnabled()


def test_dragging_previews_once_it_rests_and_only_the_last_counts(
    qtbot: Any, page: StoragePage, client: ScriptedClient
) -> None:
    first = slide(qtbot, page, client)
    older = client.last(BudgetRequest)
    assert (older.preview, older.ram_bytes, older.choices) == (True, None, None)
    assert abs(first - SMALL) < 2_000_000
    assert page.disk.field.text() == f"{first // 1_000_000} MB"
    assert not page.panel.apply_button.isEnabled()
    asked = len(client.all(BudgetRequest))
    for size in (60_000_000, 50_000_000, 40_000_000):
        page.disk.slider.setValue(page.disk.slider._scale.step_of(size))  # type: ignore[union-attr]
    assert older.id in client.cancelled
    qtbot.waitUntil(lambda: len(client.all(BudgetRequest)) == asked + 1)
    client.report(older, budget(first))  # too late
    assert not page.panel.apply_button.isEnabled()
    client.report(client.last(BudgetRequest), budget(40_000_000))
    assert page.panel.title.text() == "What changes"
    assert "A search takes about 0.4 s instead of 0.2 s." in texts(page.panel)
    assert "−23.7 MB" in texts(page.disk)
    assert page.panel.apply_button.isEnabled()
    page.panel.undo_button.click()
    assert page.disk.field.text() == "500 MB"
    assert not page.panel.apply_button.isEnabled()
    assert not page.panel.undo_button.isEnabled()


def test_the_reasons_are_folded_under_why(page: StoragePage) -> None:
    assert "it looks back on 2048 tokens" not in texts(page.panel)
    QTest.keyClick(page.panel.why.head, Qt.Key.Key_Space)
    assert "it looks back on 2048 tokens" in texts(page.panel)
    page.panel.why.head.click()
    assert "it looks back on 2048 tokens" not in texts(page.panel)


def test_what_does_not_fit_is_scrolled_with_the_keys(
    qtbot: Any, window: MainWindow, page: StoragePage
) -> None:
    inside = page.panel._inside
    qtbot.waitUntil(lambda: inside.focusPolicy() == Qt.FocusPolicy.NoFocus)
    window.resize(window.minimumSize())
    page.panel.why.open()
    qtbot.waitUntil(lambda: inside.focusPolicy() == Qt.FocusPolicy.TabFocus)
    QTest.keyClick(inside, Qt.Key.Key_Down)
    assert inside.verticalScrollBar().value() > 0


def test_applied_and_one_step_back(qtbot: Any, page: StoragePage, client: ScriptedClient) -> None:
    asked = applied(qtbot, page, client)
    request = client.last(BudgetRequest)
    assert (request.preview, request.disk_bytes, request.ram_bytes) == (False, asked, None)
    assert page.panel.title.text() == "Applied."
    assert f"106 MB of {asked // 1_000_000}" in texts(page.disk)
    assert not page.panel.apply_button.isEnabled()
    page.panel.undo_button.click()
    request = client.last(BudgetRequest)
    assert (request.preview, request.disk_bytes) == (False, 500_000_000)
    client.report(request, budget())
    assert page.panel.title.text() == "Undone."
    assert page.disk.field.text() == "500 MB"
    assert not page.panel.undo_button.isEnabled()


def test_undo_first_puts_back_what_was_not_applied(
    qtbot: Any, page: StoragePage, client: ScriptedClient
) -> None:
    asked = applied(qtbot, page, client)
    page.ram.field.setValue(3000)
    qtbot.waitUntil(lambda: client.last(BudgetRequest).ram_bytes == 3_000_000_000)
    page.panel.undo_button.click()
    assert page.ram.field.text() == "2 GB"
    assert client.last(BudgetRequest).preview
    assert page.panel.undo_button.isEnabled()
    page.panel.undo_button.click()
    assert client.last(BudgetRequest).disk_bytes == 500_000_000
    client.fail(client.last(BudgetRequest), "It cannot be undone.", "Try again.")
    assert "It cannot be undone." in texts(page.panel)
    assert page.disk.field.text() == f"{asked // 1_000_000} MB"
    assert page.panel.undo_button.isEnabled()


def test_what_is_changed_while_it_is_applied_is_kept_and_previewed(
    qtbot: Any, page: StoragePage, client: ScriptedClient
) -> None:
    asked = slide(qtbot, page, client)
    client.report(client.last(BudgetRequest), budget(asked))
    page.panel.apply_button.click()
    request = client.last(BudgetRequest)
    page.ram.field.setValue(3000)
    assert request.id not in client.cancelled
    client.report(request, budget(asked))
    assert page.ram.field.text() == "3 GB"
    assert not page.panel.apply_button.isEnabled()
    qtbot.waitUntil(lambda: client.last(BudgetRequest).preview)
    assert client.last(BudgetRequest).ram_bytes == 3_000_000_000
    assert client.last(BudgetRequest).disk_bytes is None


def test_what_was_measured_before_does_not_take_an_applied_budget_back(
    qtbot: Any, page: StoragePage, client: ScriptedClient
) -> None:
    asked = slide(qtbot, page, client)
    client.report(client.last(BudgetRequest), budget(asked))
    page.reload()
    older = client.last(StatusRequest)
    page.panel.apply_button.click()
    client.report(client.last(BudgetRequest), budget(asked))
    client.report(older, status())
    assert page.disk.field.text() == f"{asked // 1_000_000} MB"
    assert client.last(StatusRequest).id != older.id


def test_a_refusal_stands_in_place_and_keeps_apply_off(
    qtbot: Any, page: StoragePage, client: ScriptedClient
) -> None:
    page.disk.field.selectAll()
    qtbot.keyClicks(page.disk.field, "2 MB")
    assert not page.panel.apply_button.isEnabled()
    qtbot.waitUntil(lambda: client.last(BudgetRequest).disk_bytes == 2_000_000)
    advice = "The smallest is 4 MB, which holds about 16 MB of text."
    client.fail(client.last(BudgetRequest), "2 MB is too small\u202e.", advice)
    assert page.panel.title.text() == "2 MB is too small\ufffd."
    assert advice in texts(page.panel)
    assert not page.panel.apply_button.isEnabled()
    assert "Planned" in texts(page.disk)
    assert "62.0 MB" not in texts(page.disk)


def test_half_a_size_is_not_applied(qtbot: Any, page: StoragePage, client: ScriptedClient) -> None:
    asked = slide(qtbot, page, client)
    client.report(client.last(BudgetRequest), budget(asked))
    assert page.panel.apply_button.isEnabled()
    page.disk.field.selectAll()
    qtbot.keyClicks(page.disk.field, "G")
    assert not page.panel.apply_button.isEnabled()
    page.preview()
    assert len(client.all(BudgetRequest)) == 2
    page.panel.undo_button.click()
    assert page.disk.field.text() == "500 MB"


def test_advanced_choices_go_with_the_budgets(
    qtbot: Any, page: StoragePage, client: ScriptedClient
) -> None:
    assert not page.advanced.editors["index.level"].isVisible()
    page.advanced.fold.head.click()
    assert page.advanced.editors["index.level"].isVisible()
    assert "files.hidden" not in page.advanced.editors
    level = field_of(page, "index.level", QComboBox)
    assert level.currentText() == "codes-16: 20 bytes, finds 88 %"
    assert "a search reads about 24 passages anew" in texts(page.advanced)
    model = field_of(page, "assistant.model", QComboBox)
    offered = [model.itemText(at) for at in range(model.count())]
    assert offered == ["smollm2-135m-instruct", "my-own-file"]
    choose(level, "embeddings")
    assert "a search reads no passage anew" in texts(page.advanced)
    context = field_of(page, "assistant.context_tokens", QSpinBox)
    context.setValue(4096)
    wanted = {"index.level": "embeddings", "assistant.context_tokens": 4096}
    qtbot.waitUntil(lambda: client.last(BudgetRequest).choices == wanted)
    request = client.last(BudgetRequest)
    assert (request.preview, request.disk_bytes, request.ram_bytes) == (True, None, None)
    client.report(request, budget())
    page.panel.apply_button.click()
    assert client.last(BudgetRequest).choices == wanted
    client.report(client.last(BudgetRequest), budget())
    body = status()
    table = choices("embeddings")
    table[4]["value"] = 4096
    client.report(client.last(StatusRequest), {**body, "settings": table})
    assert level.currentData() == "embeddings"
    page.panel.undo_button.click()
    before = {"index.level": "codes-16", "assistant.context_tokens": 2048}
    assert client.last(BudgetRequest).choices == before
    client.report(client.last(BudgetRequest), budget())
    assert level.currentData() == "codes-16"
    assert context.value() == 2048


def field_of(page: StoragePage, key: str, kind: Any) -> Any:
    found = page.advanced.editors[key].field
    assert isinstance(found, kind)
    return found


def choose(box: QComboBox, data: str) -> None:
    """Choose from a list as a person does."""
    box.setCurrentIndex(box.findData(data))
    box.activated.emit(box.currentIndex())


def test_measuring_again_leaves_what_is_being_changed(
    qtbot: Any, page: StoragePage, client: ScriptedClient
) -> None:
    asked = slide(qtbot, page, client)
    page.reload()
    client.report(client.last(StatusRequest), status(ram_bytes=1_500_000_000))
    assert page.disk.field.text() == f"{asked // 1_000_000} MB"
    assert page.ram.field.text() == "1.5 GB"


def test_without_a_plan_there_is_what_is_used(window: MainWindow, client: ScriptedClient) -> None:
    window.open_page("storage")
    body = status()
    del body["settings"]
    client.report(client.last(StatusRequest), body)
    flat = {"budgets": {"disk_bytes": 1}, "plan": {"level": "codes-16"}, "reasons": ["So it is."]}
    client.report(client.last(BudgetRequest), flat)
    page = window.storage
    assert "61.0 MB" in texts(page)
    assert "Planned" not in texts(page)
    assert not page.disk.slider.isVisible()
    assert not page.advanced.isVisible()
    assert page.disk.field.isVisible()
    client.report(client.last(BudgetRequest), None)
    page.preview()
    client.report(client.last(BudgetRequest), ["nonsense"])
    page.window().grab()


def test_without_the_size_of_the_disk_the_slider_has_an_end_all_the_same(
    window: MainWindow, client: ScriptedClient
) -> None:
    window.open_page("storage")
    client.report(client.last(StatusRequest), status())
    unknown = {**budget(), "largest": {"disk_bytes": None, "ram_bytes": 16_000_000_000}}
    client.report(client.last(BudgetRequest), unknown)
    assert window.storage.disk.slider.isVisible()
    assert "32.0 GB" in texts(window.storage.disk)


def test_a_late_or_failed_answer_is_told(
    window: MainWindow, client: ScriptedClient, page: StoragePage
) -> None:
    page.preview()
    client.late(client.last(BudgetRequest))
    assert page.panel.note.text() == "Still working…"
    page.reload()
    client.fail(client.last(StatusRequest), "It is gone.", "Wait.")
    assert page.banner.isVisible()
    window.grab()


def test_the_tab_key_goes_down_the_page(
    qtbot: Any, window: MainWindow, page: StoragePage, client: ScriptedClient
) -> None:
    window.activateWindow()
    asked = slide(qtbot, page, client)
    client.report(client.last(BudgetRequest), budget(asked))
    page.disk.field.setFocus()
    passed = [QApplication.focusWidget()]
    for _ in range(7):
        QTest.keyClick(passed[-1], Qt.Key.Key_Tab)
        passed.append(QApplication.focusWidget())
    assert passed == [
        page.disk.field,
        page.disk.slider,
        page.ram.field,
        page.ram.slider,
        page.advanced.fold.head,
        page.panel.undo_button,
        page.panel.apply_button,
        page.panel.why.head,
    ]


def test_in_a_small_window_nothing_is_wider_than_the_page(
    qtbot: Any, window: MainWindow, page: StoragePage
) -> None:
    page.advanced.fold.open()
    assert page.disk.legend._blocks[1].count() > 0
    window.resize(window.minimumSize())
    qtbot.wait(20)
    assert page.disk.legend._blocks[1].count() == 0
    assert "Word index" in texts(page.disk.legend)
    assert "62.0 MB" in texts(page.disk.legend)
    for part in (page.disk, page.ram, page.advanced, page.panel):
        right = part.mapTo(page, QPointF(part.width(), 0)).x()
        assert right <= page.width()
        assert part.width() >= part.minimumSizeHint().width()
    assert page.panel.height() < page.height() / 2
