"""Tags in the window: on a file, over the results, and offered for like files."""

from __future__ import annotations

from samples import hits
from scripted import ScriptedClient

from core.messages import Report, Search, SearchResults, TagsRequest
from ui.window import MainWindow

TAGS = [{"name": "tax", "files": 2, "paths": []}, {"name": "b<i>g", "files": 1, "paths": []}]


def answer(client: ScriptedClient, like: tuple[str, ...] = ()) -> None:
    """Let the service know of some tags."""

    def reply(message: object) -> Report:
        assert isinstance(message, TagsRequest)
        if message.action == "suggest":
            found = [{"path": path, "cosine": 0.6, "votes": 1} for path in like]
            return Report(message.id, {"tag": message.name, "proposals": found})
        return Report(message.id, {"changed": 1, "of": ["tax"], "tags": TAGS})

    client.script[TagsRequest] = reply
    client.script[Search] = lambda m: SearchResults(getattr(m, "id", 0), hits(), True)


def test_a_chip_narrows_the_search_and_like_files_are_offered(
    window: MainWindow, client: ScriptedClient
) -> None:
    tags = window.search.tags
    assert not tags.isVisible()
    answer(client, ("/files/a.txt", "/files/b.txt"))
    tags.reload()
    assert tags.isVisible()
    window.search.entry.setText("lease")
    window.search.search()
    assert client.last(Search).tag is None
    tags.chips["tax"].click()
    assert client.last(Search).tag == "tax"
    assert "2 files are like these" in tags.offer.accessibleName()
    assert "a.txt, b.txt" in tags.offer.accessibleName()
    assert all(sent.action in ("list", "suggest", "of") for sent in client.all(TagsRequest))
    tags.offer._other.click()
    refused = next(sent for sent in client.all(TagsRequest) if sent.action == "refuse")
    assert (refused.name, refused.paths) == ("tax", ("/files/a.txt", "/files/b.txt"))
    tags.chips["tax"].click()
    assert client.last(Search).tag is None
    tags.chips["tax"].click()
    tags.offer._action.click()
    assert any(sent.action == "add" for sent in client.all(TagsRequest))


def test_a_file_is_tagged_beside_its_preview(window: MainWindow, client: ScriptedClient) -> None:
    answer(client)
    window.search.entry.setText("lease")
    window.search.search()
    window.search._choose()
    pane = window.preview.tags
    path = window.preview.target.path if window.preview.target else ""
    assert [chip.text() for chip in pane.chips] == ["tax  ×"]
    pane.field.setText(" housing ")
    pane.add()
    added = next(sent for sent in client.all(TagsRequest) if sent.action == "add")
    assert (added.name, added.paths) == ("housing", (path,))
    assert pane.field.text() == ""
    pane.chips[0].click()
    removed = next(sent for sent in client.all(TagsRequest) if sent.action == "remove")
    assert (removed.name, removed.paths) == ("tax", (path,))
    assert "Took off tax." in pane.undo_bar.accessibleName()
    pane.undo_bar._action.click()
    again = [sent for sent in client.all(TagsRequest) if sent.action == "add"][-1]
    assert (again.name, again.paths) == ("tax", (path,))
    pane.chips[0].click()
    pane.show_path("/files/another.txt")
    assert pane.undo_bar.isHidden()


def test_what_cannot_be_tagged_is_told(window: MainWindow, client: ScriptedClient) -> None:
    window.preview.tags.show_path("/files/a.txt")
    window.preview.tags.field.setText("x")
    window.preview.tags.add()
    client.fail(client.last(TagsRequest), "/files/a.txt is not there.")
    assert "not there" in window.preview.tags.banner.accessibleName()
    assert window.preview.tags.field.text() == "x"
