"""Tags through the real service: given, searched by, proposed for like files, kept on a move."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from service_desk import last, names, serving

from app.local import InProcess
from core.messages import Failed, FoldersAdd, Forget, Index, Report, Search, TagsRequest

TEXTS = {
    "soup.txt": "Boil the lentils with onions and cumin, then add salt and lemon juice.",
    "stew.txt": "Fry the onions, add the beans and the stock, and let the stew simmer for an hour.",
    "bread.txt": "Knead flour, water, salt and yeast into a dough, and bake it in a hot oven.",
    "lease.txt": "The tenant pays the rent on the first day of the month to the landlord.",
    "notice.txt": "Either party may end the tenancy with three months' notice in writing.",
    "ferry.txt": "The ferry sails to the island at noon from the northern pier.",
}


@pytest.fixture
def files(tmp_path: Path, models: Path) -> Path:  # noqa: ARG001
    folder = tmp_path / "files"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def caller(tmp_path: Path, files: Path) -> Iterator[InProcess]:
    with serving(tmp_path / "home") as found:
        last(found, FoldersAdd(found.next_id(), (str(files),)))
        last(found, Index(found.next_id()))
        yield found


def tags(caller: InProcess, action: Any = "list", name: str = "", *paths: Path) -> dict[str, Any]:
    request = TagsRequest(caller.next_id(), action, name, tuple(map(str, paths)))
    report = last(caller, request)
    assert isinstance(report, Report), report
    body: dict[str, Any] = report.body
    return body


def test_tags_narrow_a_search_and_are_proposed_for_like_files(
    caller: InProcess, files: Path
) -> None:
    tags(caller, "add", "Recipes", files / "soup.txt", files / "stew.txt")
    found = last(caller, Search(caller.next_id(), "salt and water", tag="recipes"))
    assert set(names(found)) == {"soup.txt", "stew.txt"}
    assert all(hit.tags == ("recipes",) for hit in found.hits)
    like = tags(caller, "suggest", "recipes")["proposals"]
    assert [Path(one["path"]).name for one in like] in ([], ["bread.txt"])
    assert [tag["files"] for tag in tags(caller)["tags"]] == [2]  # nothing was applied unasked
    tags(caller, "refuse", "recipes", files / "bread.txt")
    assert tags(caller, "suggest", "recipes")["proposals"] == []

    (files / "soup.txt").rename(files / "lentils.txt")
    last(caller, Index(caller.next_id()))
    assert tags(caller, "of", "", files / "lentils.txt")["of"] == ["recipes"]
    last(caller, Forget(caller.next_id(), str(files / "lentils.txt")))
    [tag] = tags(caller)["tags"]
    assert tag["paths"] == [str(files / "stew.txt")]
    assert tags(caller, "remove", "recipes")["changed"] == 1
    assert tags(caller)["tags"] == []


@pytest.mark.parametrize(
    "request_",
    [
        TagsRequest(900, "add", "tax", ("/nowhere/at/all.txt",)),
        TagsRequest(901, "add", " ", ("/",)),
        TagsRequest(902, "add", "tax"),
        TagsRequest(903, "remove", "tax"),
        TagsRequest(904, "suggest", "tax"),
        Search(905, "boats", tag="tax"),
    ],
)
def test_what_cannot_be_done_is_told(caller: InProcess, request_: Any) -> None:
    failed = last(caller, request_)
    assert isinstance(failed, Failed)
    assert failed.advice
