"""What is the person's own, from the command line: memories, tags, answers given again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from helpers import Indexed, one_line, satchel, satchel_json, watching

from core.store.recent import RecentSearches


@pytest.fixture(scope="module")
def served(sample: Indexed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Indexed]:
    """A copy of the sample home with a service running, so that commands start fast."""
    home = tmp_path_factory.mktemp("personal") / "home"
    shutil.copytree(sample.home, home, ignore=shutil.ignore_patterns("socket"))
    with watching(home):
        yield Indexed(home, sample.files)


def test_memories(served: Indexed) -> None:
    satchel_json(served.home, "memories", "add", "I live in Bergen.")
    body = satchel_json(served.home, "memories", "add", "I prefer short answers.")
    first, second = body["memories"]
    assert (first["text"], second["kind"]) == ("I live in Bergen.", "preference")
    satchel_json(served.home, "memories", "edit", str(first["id"]), "I live in Trondheim.")
    listed = satchel(served.home, "memories", "list").stdout
    assert "I live in Trondheim.  (fact)" in listed
    body = satchel_json(served.home, "memories", "remove", str(second["id"]))
    assert [one["text"] for one in body["memories"]] == ["I live in Trondheim."]
    assert "There is no memory 99" in one_line(satchel(served.home, "memories", "remove", "99"))
    assert "nothing to remember" in one_line(satchel(served.home, "memories", "add", " "))


def test_tags(served: Indexed) -> None:
    files = sorted(Path(served.files).iterdir())[:2]
    body = satchel_json(served.home, "tag", "add", "Tax 2023", *map(str, files))
    assert body["changed"] == 2
    assert [(tag["name"], tag["files"]) for tag in body["tags"]] == [("tax 2023", 2)]
    assert satchel(served.home, "tag", "list").stdout == "tax 2023  (2 files)\n"
    named = satchel(served.home, "tag", "list", "tax 2023").stdout.splitlines()
    assert named == [str(path) for path in files]
    found = satchel_json(served.home, "search", "the", "--tag", "tax 2023")["results"]
    assert {hit["path"] for hit in found} <= set(map(str, files))
    assert found
    assert all(hit["tags"] == ["tax 2023"] for hit in found)
    like = satchel_json(served.home, "tag", "suggest", "tax 2023")
    assert not {one["path"] for one in like["proposals"]} & set(map(str, files))
    assert "No file is tagged x" in one_line(satchel(served.home, "search", "a", "--tag", "x"))
    assert "not there" in one_line(satchel(served.home, "tag", "add", "x", "/nowhere"))
    assert satchel_json(served.home, "tag", "remove", "tax 2023")["tags"] == []


def test_an_answer_tells_whether_it_was_given_before(served: Indexed) -> None:
    question = ("ask", "When does the lease of the workshop end?")
    first = satchel_json(served.home, *question)
    assert first["cached"] is None
    assert first["offers"] == []
    again = satchel_json(served.home, *question)
    if first["found"] and first["citations"]:
        assert again["answer"] == first["answer"]
        assert again["cached"]["age_s"] >= 0
        said = satchel(served.home, *question).stdout
        assert "nothing it rests on has changed" in said
    else:
        assert again["cached"] is None


def test_recent_searches(served: Indexed) -> None:
    assert satchel(served.home, "recent", "list").stdout == "No search is kept.\n"
    kept = RecentSearches(served.home / "data" / "searches.json")
    for text in ("rent", "lease end"):
        kept.note(text)
    assert satchel(served.home, "recent", "list").stdout == "lease end\nrent\n"
    assert satchel_json(served.home, "recent", "remove", "rent")["searches"] == ["lease end"]
    assert "No such search" in one_line(satchel(served.home, "recent", "remove", "rent"))
    assert satchel_json(served.home, "recent", "clear")["searches"] == []


def test_a_search_is_narrowed_by_types_and_days(served: Indexed) -> None:
    found = satchel_json(served.home, "search", "the lease", "--type", "pdf,.EML")["results"]
    assert {Path(hit["path"]).suffix for hit in found} == {".pdf", ".eml"}
    [dated] = {hit["modified"] or hit["created"] for hit in found if hit["path"].endswith(".eml")}
    day, day_after = dated[:10], str(date.fromisoformat(dated[:10]) + timedelta(days=1))
    search = ("search", "the", "-k", "50", "--type", "eml")
    inside = satchel_json(served.home, *search, "--after", day, "--before", day_after)["results"]
    assert inside
    assert satchel_json(served.home, *search, "--after", day_after)["results"] == []
    assert satchel_json(served.home, *search, "--before", day)["results"] == []
    assert satchel(served.home, *search, "--after", "yesterday").returncode == 2
