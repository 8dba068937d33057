"""The models page: what there is, and what is fetched, used, removed and added."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QPushButton
from report_samples import models
from scripted import ScriptedClient

from core.messages import ModelProgress, ModelsRequest
from ui.model_card import ModelCard, progress_text
from ui.model_words import facts_of, fetch_question, weights_text
from ui.models_page import ModelsPage
from ui.window import MainWindow

SMALL, LARGE, OWN = "smollm2-135m-instruct", "qwen2.5-1.5b-instruct", "my-own-file"
SEARCHES, SEARCHES_TOO = "all-minilm-l6-v2", "multilingual-e5-small"


@pytest.fixture
def page(window: MainWindow, client: ScriptedClient) -> ModelsPage:
    """The page with the table of models."""
    window.open_page("models")
    assert client.last(ModelsRequest).action == "list"
    client.report(client.last(ModelsRequest), models())
    return window.models


def texts(widget: Any) -> str:
    QApplication.processEvents()
    return "\n".join(found.text() for found in widget.findChildren(QLabel) if found.isVisible())


def buttons(card: ModelCard) -> list[str]:
    """The buttons that can be seen."""
    QApplication.processEvents()
    every = (card.fetch_button, card.use_button, card.remove_button, card.cancel_button)
    return [made.text() for made in every if made.isVisible()]


def test_each_model_says_what_it_is_and_what_can_be_done(page: ModelsPage) -> None:
    assert list(page.cards) == [str(model["name"]) for model in models()]
    said = texts(page.cards[SMALL])
    assert "SmolLM2 135M Instruct, Q4_1" in said
    assert "in use" in said
    assert "fits" in said
    assert "check its sources" in said
    assert (
        "smollm2-135m-instruct · 98.4 MB on disk · 135 million weights · "
        "223 MB of memory · Apache-2.0 · 21 tokens a second, measured"
    ) in said
    assert "about 6.2 tokens a second" in texts(page.cards[LARGE])
    assert "1.3 billion at work for each word" in texts(page.cards["olmoe-1b-7b-instruct"])
    assert "fits with experts on disk" in texts(page.cards["olmoe-1b-7b-instruct"])
    assert "over the memory budget" in texts(page.cards["large-70b"])
    assert buttons(page.cards[SMALL]) == ["Remove"]
    assert buttons(page.cards[LARGE]) == ["Fetch 1.1 GB"]
    assert buttons(page.cards[OWN]) == ["Use", "Remove"]
    assert buttons(page.cards[SEARCHES]) == []
    assert buttons(page.cards[SEARCHES_TOO]) == ["Use", "Remove"]
    assert page.cards[OWN].adapter_button.isVisible()
    assert not page.cards[LARGE].adapter_button.isVisible()
    assert not page.cards[SEARCHES].adapter_button.isVisible()
    assert page.cards[LARGE].fetch_button.accessibleName() == (
        "Fetch 1.1 GB: Qwen2.5 1.5B Instruct, Q4_K_M"
    )
    assert "Those that are here take 1.1 GB" in page.note.text()


def test_fetching_asks_first_and_shows_how_far_it_is(
    page: ModelsPage, client: ScriptedClient
) -> None:
    card = page.cards[LARGE]
    card.fetch_button.click()
    assert len(client.all(ModelsRequest)) == 1
    assert "1.1 GB are downloaded from models.example.org." in card.banner.accessibleName()
    card.banner._other.click()
    assert not card.banner.isVisible()
    assert len(client.all(ModelsRequest)) == 1
    card.fetch_button.click()
    card.banner._action.click()
    asked = client.last(ModelsRequest)
    assert (asked.action, asked.name) == ("fetch", LARGE)
    assert buttons(card) == ["Cancel"]
    assert "Waiting for its turn" in texts(card)
    some = ModelProgress(asked.id, LARGE, "fetching", 400_000_000, 1_000_000_000, 1e7, 60.0)
    client.reply(some)
    assert card.bar.value() == 400
    assert card.progress_note.text() == (
        "400 MB of 1.0 GB · 10.0 MB a second · about a minute left"
    )
    client.reply(ModelProgress(asked.id, LARGE, "checking", 1_000_000_000, 1_000_000_000))
    assert "is being checked" in card.progress_note.text()
    here = [{**model, "installed": True} for model in models()]
    client.report(asked, here)
    assert buttons(card) == ["Use", "Remove"]
    assert not card.bar.isVisible()


def test_a_download_is_given_up_or_fails_in_place(page: ModelsPage, client: ScriptedClient) -> None:
    card = page.cards[LARGE]
    page.fetch(LARGE)
    asked = client.last(ModelsRequest)
    card.cancel_button.click()
    assert asked.id in client.cancelled
    assert client.last(ModelsRequest).action == "list"
    assert buttons(card) == ["Fetch 1.1 GB"]
    assert card.fetch_button.isEnabled()
    page.fetch(LARGE)
    client.fail(client.last(ModelsRequest), "The file was altered\u202e.", "Try again later.")
    assert "The file was altered\ufffd." in card.banner.accessibleName()
    assert buttons(card) == ["Fetch 1.1 GB"]
    card.banner._action.click()
    assert client.last(ModelsRequest).action == "fetch"


def test_a_download_goes_on_while_the_table_changes(
    page: ModelsPage, client: ScriptedClient
) -> None:
    page.fetch(LARGE)
    asked = client.last(ModelsRequest)
    page.reload()
    client.report(client.last(ModelsRequest), [model for model in models() if model["name"] != OWN])
    assert buttons(page.cards[LARGE]) == ["Cancel"]
    client.reply(ModelProgress(asked.id, LARGE, "fetching", 1, 2))
    assert page.cards[LARGE].bar.value() == 500
    assert page.cards[LARGE].progress_note.text() == "1 B of 2 B"
    client.report(asked, models())
    assert OWN in page.cards


def test_a_fetch_that_was_given_up_goes_on_or_is_removed(
    page: ModelsPage, client: ScriptedClient
) -> None:
    part = {"fetched_bytes": 400_000_000}
    page.reload()
    begun = [{**model, **part} if model["name"] == LARGE else model for model in models()]
    client.report(client.last(ModelsRequest), begun)
    card = page.cards[LARGE]
    assert buttons(card) == ["Go on, 717 MB left", "Remove"]
    card.fetch_button.click()
    assert "717 MB are downloaded" in card.banner.accessibleName()
    card.remove_button.click()
    assert "It frees 400 MB." in card.banner.accessibleName()
    card.banner._action.click()
    assert client.last(ModelsRequest).action == "remove"
    client.report(client.last(ModelsRequest), models())
    assert buttons(card) == ["Fetch 1.1 GB"]


def test_removing_asks_first(page: ModelsPage, client: ScriptedClient) -> None:
    card = page.cards[SMALL]
    card.remove_button.click()
    assert "Without it there are no answers" in card.banner.accessibleName()
    assert len(client.all(ModelsRequest)) == 1
    card.banner._action.click()
    asked = client.last(ModelsRequest)
    assert (asked.action, asked.name) == ("remove", SMALL)
    gone = [{**model, "installed": model["name"] != SMALL} for model in models()]
    client.report(asked, gone)
    assert buttons(card) == ["Fetch 92.9 MB"]
    page.cards[OWN].remove_button.click()
    assert page.cards[OWN].banner.accessibleName() == (
        "Remove my-own-file from this device? It frees 812 MB."
    )
    page.cards[OWN].banner._other.click()
    assert len(client.all(ModelsRequest)) == 2


def test_another_search_model_tells_its_cost_and_is_confirmed(
    page: ModelsPage, client: ScriptedClient
) -> None:
    card = page.cards[SEARCHES_TOO]
    card.use_button.click()
    asked = client.last(ModelsRequest)
    assert (asked.action, asked.name, asked.confirmed) == ("use", SEARCHES_TOO, False)
    cost = "With multilingual-e5-small, all 1558 indexed files have to be read again."
    client.fail(asked, cost, "To do so, run a command.")
    assert card.banner.accessibleName() == cost
    card.banner._action.click()
    asked = client.last(ModelsRequest)
    assert (asked.action, asked.confirmed) == ("use", True)
    client.fail(asked, "It is damaged.", "Fetch it again.")
    assert card.banner.accessibleName() == "It is damaged. Fetch it again."
    assert card.use_button.isEnabled()


def test_a_language_model_is_used_at_once(page: ModelsPage, client: ScriptedClient) -> None:
    page.cards[OWN].use_button.click()
    asked = client.last(ModelsRequest)
    assert (asked.action, asked.name, asked.confirmed) == ("use", OWN, False)
    assert not page.cards[OWN].use_button.isEnabled()
    client.late(asked)
    assert "Still working" in page.cards[OWN].banner.accessibleName()
    client.report(asked, [{**model, "chosen": model["name"] == OWN} for model in models()])
    assert "in use" in texts(page.cards[OWN])
    assert not page.cards[OWN].banner.isVisible()
    assert buttons(page.cards[SMALL]) == ["Use", "Remove"]


def test_a_file_is_added(
    page: ModelsPage, client: ScriptedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/home/ana/models/tiny.gguf"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    page.add_button.click()
    assert len(client.all(ModelsRequest)) == 1
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path, ""))
    page.add_button.click()
    asked = client.last(ModelsRequest)
    assert (asked.action, asked.name) == ("add", path)
    assert "Adding tiny.gguf" in page.banner.accessibleName()
    assert not page.add_button.isEnabled()
    client.fail(asked, "tiny.gguf is not a model.", "Choose a GGUF file.")
    assert "is not a model" in page.banner.accessibleName()
    page.banner._action.click()
    added = [*models(), {"name": "tiny", "kind": "chat", "installed": True, "size_bytes": 5}]
    client.report(client.last(ModelsRequest), added)
    assert not page.banner.isVisible()
    assert buttons(page.cards["tiny"]) == ["Use", "Remove"]


def test_adapters_are_added_to_a_model_and_removed(
    page: ModelsPage, client: ScriptedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/home/ana/models/tone.gguf"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path, ""))
    page.cards[SMALL].adapter_button.click()
    asked = client.last(ModelsRequest)
    assert (asked.action, asked.name, asked.base) == ("add", path, SMALL)
    part = {"adapters": [{"name": "tone\u202e", "size_bytes": 12_000_000}]}
    client.report(asked, [{**m, **part} if m["name"] == SMALL else m for m in models()])
    assert "with the adapter tone\\u202e, 12.0 MB" in texts(page.cards[SMALL])
    [remove] = [
        made
        for made in page.cards[SMALL].findChildren(QPushButton)
        if made.accessibleName() == "Remove the adapter tone\\u202e"
    ]
    remove.click()
    assert len(client.all(ModelsRequest)) == 2
    page.cards[SMALL].banner._action.click()
    asked = client.last(ModelsRequest)
    assert (asked.action, asked.name, asked.base) == ("remove", "tone\u202e", SMALL)
    client.report(asked, models())
    assert "with the adapter" not in texts(page.cards[SMALL])


def test_a_table_that_cannot_be_read_is_told(window: MainWindow, client: ScriptedClient) -> None:
    window.open_page("models")
    client.late(client.last(ModelsRequest))
    assert "Still working" in window.models.banner.accessibleName()
    client.fail(client.last(ModelsRequest), "No table.", "Wait.")
    window.models.banner._action.click()
    client.report(client.last(ModelsRequest), ["nonsense", {"name": 3}, {"name": "x\u202e"}])
    assert "\u202e" not in texts(window.models)
    window.grab()


def test_in_a_small_window_nothing_is_wider_than_the_page(
    qtbot: Any, window: MainWindow, page: ModelsPage
) -> None:
    window.resize(window.minimumSize())
    qtbot.wait(20)
    widest = max(card.mapTo(page, QPoint(card.width(), 0)).x() for card in page.cards.values())
    assert widest <= page.width() - 28 - 18


def test_what_is_not_known_is_not_said() -> None:
    assert facts_of({}) == []
    assert facts_of({"size_bytes": 5_000_000, "tokens_per_s": None}) == ["5.0 MB on disk"]
    assert weights_text(8_190_735_360, 0) == "8.2 billion weights"
    assert weights_text(70_000_000_000, 70_000_000_000) == "70 billion weights"
    assert progress_text(None) == "Waiting for its turn…"


def test_the_question_before_fetching_names_size_and_place() -> None:
    title, text = fetch_question(
        {"name": "big", "download_bytes": 42_000_000_000, "from": "x.org", "fits": "no"}
    )
    assert title == "Fetch big?"
    assert text.startswith("42.0 GB are downloaded from x.org. Nothing of your files")
    assert text.endswith("It needs more memory than the budget gives.")
    assert "from the internet" in fetch_question({"name": "a"})[1]
