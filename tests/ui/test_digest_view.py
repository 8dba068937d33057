"""A whole file read from the preview: summary, dates, changes."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QUrl
from samples import changed_entries, dates_entries, hit
from scripted import ScriptedClient

from core.messages import Digest, DigestDone, DigestProgress, Preview
from ui.target import Target
from ui.window import MainWindow

PATH = "/home/ana/Documents/workshop-lease.pdf"


@pytest.fixture
def shown(window: MainWindow) -> MainWindow:
    window._target("search", Target.of(hit(1)))
    return window


def test_dates_are_listed_and_lead_to_their_place(
    shown: MainWindow, client: ScriptedClient
) -> None:
    shown.preview.whole_actions["dates"].trigger()
    asked = client.last(Digest)
    assert (asked.task, asked.paths) == ("dates", (PATH,))
    view = shown.preview.digest
    assert view.isVisible()
    assert view.stop_button.isVisible()
    client.reply(DigestProgress(asked.id, "reading", 500, 1000, dates_entries()[:1]))
    assert view.bar.value() == 500
    assert "2023-06-01" in view.text.toPlainText()
    client.reply(DigestDone(asked.id, "dates", dates_entries(), 1000, more=3))
    assert view.headline.text() == "2 dates, in time. 3 more have no room here."
    assert not view.bar.isVisible()
    assert "2028-05-31" in view.text.toPlainText()
    assert "<b>" in view.text.toPlainText()  # words of a file are never markup
    view._clicked(QUrl("place:new-1"))
    assert client.last(Preview).start == dates_entries()[1].new.start  # type: ignore[union-attr]
    assert not view.isVisible()
    view._clicked(QUrl("http://a.b/new-1"))
    view._clicked(QUrl("place:new-77"))
    # Back to it without reading again.
    shown.preview.whole_actions["dates"].trigger()
    assert len(client.all(Digest)) == 1
    assert view.isVisible()
    shown.preview.back_button.click()
    assert not view.isVisible()


def test_stopped_it_can_go_on(shown: MainWindow, client: ScriptedClient) -> None:
    shown.preview.whole_actions["summarize"].trigger()
    first = client.last(Digest)
    shown.preview.digest.stop_button.click()
    assert client.cancelled[-1] == first.id
    assert "What was read is kept" in shown.preview.digest.banner.accessibleName()
    shown.preview.digest.banner._act()
    assert client.last(Digest).id != first.id
    assert shown.preview.digest.reading
    client.fail(client.last(Digest), "It is encrypted.", "Open it.")
    assert "It is encrypted." in shown.preview.digest.banner.accessibleName()
    assert not shown.preview.digest.reading


def test_another_file_stops_the_reading(shown: MainWindow, client: ScriptedClient) -> None:
    shown.preview.whole_actions["summarize"].trigger()
    shown._target("search", Target.of(hit(2, path="/home/ana/other.txt")))
    assert client.cancelled[-1] == client.last(Digest).id


def test_two_files_are_compared(
    shown: MainWindow, client: ScriptedClient, monkeypatch: Any
) -> None:
    from PySide6.QtWidgets import QFileDialog

    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/home/ana/new.pdf", ""))
    shown.preview.whole_actions["changes"].trigger()
    asked = client.last(Digest)
    assert (asked.task, asked.paths) == ("changes", (PATH, "/home/ana/new.pdf"))
    client.reply(DigestDone(asked.id, "changes", changed_entries(), 100))
    text = shown.preview.digest.text.toPlainText()
    assert "540" in text
    assert "575" in text
    assert shown.preview.digest.headline.text() == "2 differences."
    shown.preview.digest._clicked(QUrl("place:new-0"))
    assert client.last(Preview).path == "/home/ana/new.pdf"


def test_what_to_find_is_asked_for(
    shown: MainWindow, client: ScriptedClient, monkeypatch: Any
) -> None:
    from PySide6.QtWidgets import QInputDialog

    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("  payments ", True))
    shown.preview.whole_actions["find"].trigger()
    asked = client.last(Digest)
    assert (asked.task, asked.paths, asked.wanted) == ("find", (PATH,), "payments")
    client.reply(DigestDone(asked.id, "find", (), 1000))
    assert shown.preview.digest.headline.text().startswith("The language model found no sentence")
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("", True))
    shown.preview.whole_actions["find"].trigger()
    assert len(client.all(Digest)) == 1
