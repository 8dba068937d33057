"""A home that an older version left opens with all that it holds, and works; a newer one is left
as it is.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import apsw
import pytest
from old_stores import FILES, QUESTIONS, OldStore, contents, names, unpack
from service_desk import last, search, serving
from service_desk import names as files_of

from app.local import Caller
from core.errors import UserError
from core.home import find_home
from core.index import segment_format, words
from core.llm.kv import saved as saved_kv
from core.messages import (
    ConversationGet,
    ConversationsList,
    Doctor,
    Failed,
    FoldersList,
    Index,
    MemoriesRequest,
    Report,
    Search,
    SearchResults,
    SettingsGet,
    TagsRequest,
)
from core.store.catalogue import Catalogue
from core.store.history import History
from core.store.migrations import CATALOGUE, HISTORY

NAMES = names()
# Versions that were joined with the next ones on the way to where everybody gets them.
NEVER_LANDED = {"catalogue": set[int](), "history": {3}, "segment": set[int](), "words": set()}


def unpacked_formats(name: str) -> dict[str, int]:
    """The formats of a fixture, by what they are of."""
    parts = (re.fullmatch(r"([a-z]+)(\d+)", part) for part in name.split("-"))
    return {part[1]: int(part[2]) for part in parts if part}


@pytest.fixture(scope="module")
def searching(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:
    """A store without a language model, so that the doctor has little to look at."""
    store = tmp_path_factory.mktemp("models")
    name = Path("embedding") / "all-minilm-l6-v2"
    shutil.copytree(models / name, store / name, copy_function=os.link)
    return store


def report(caller: Caller, message: Any) -> Any:
    reply = last(caller, message)
    assert not isinstance(reply, Failed), reply
    assert isinstance(reply, Report)
    return reply.body


def works(store: OldStore, models: Path) -> None:
    """All that was there is there, and what has to be made anew is made by the next indexing."""
    held = store.held
    with serving(store.home, {"SATCHEL_MODELS": str(models)}) as caller:
        number = caller.next_id
        listed = report(caller, ConversationsList(number()))["conversations"]
        titles = {row["id"]: row["title"] for row in listed}
        assert titles == dict(held["titles"])
        for conversation in titles:
            body = report(caller, ConversationGet(number(), conversation))
            shown = [[turn["question"], turn["answer"]] for turn in body["turns"]]
            assert shown
            assert all(turn in held["turns"] for turn in shown)
            pinned = str(store.files / "garden.md") if [conversation] in held["pins"] else ""
            assert (body.get("pinned") or "") == pinned
        remembered = report(caller, MemoriesRequest(number()))["memories"]
        assert [[one["text"]] for one in remembered] == held["memories"]
        tags = report(caller, TagsRequest(number()))["tags"]
        assert [[tag["name"]] for tag in tags] == held["tags"]
        folders = report(caller, FoldersList(number()))
        assert [folder["path"] for folder in folders] == [str(store.files)]
        values = {one["key"]: one["value"] for one in report(caller, SettingsGet(number()))}
        assert (values["budget.disk_mb"], values["budget.ram_mb"]) == (640, 2400)
        report(caller, Index(number()))
        assert files_of(search(caller, "when does the boat sail"))[0] == "ferry.txt"
        words_only = last(caller, Search(number(), "rhubarb", k=3, mode="lexical"))
        assert isinstance(words_only, SearchResults)
        assert files_of(words_only) == ["garden.md"]
        assert words_only.hits[0].snippet
        health = report(caller, Doctor(number()))
        assert all(one["repaired"] for one in health["findings"]), health["findings"]
        assert not any("damaged" in one["problem"] for one in health["findings"]), health
    now = contents(store.home)
    assert now["turns"] == held["turns"]
    assert len(now["turns"]) >= len(QUESTIONS)
    assert now["indexed"] == len(FILES)


@pytest.mark.parametrize("name", NAMES)
def test_every_database_that_ever_was_opens(name: str, tmp_path: Path) -> None:
    store = unpack(name, tmp_path)
    home = find_home(str(store.home), {})
    catalogue = Catalogue(home.catalogue)
    assert [folder.path for folder in catalogue.files.folders()] == [str(store.files)]
    assert len(catalogue.documents()) == len(FILES)
    assert catalogue.problems() == []
    catalogue.close()
    history = History(home.history)
    assert {row["id"]: row["title"] for row in history.conversations()} == dict(
        store.held["titles"]
    )
    history.close()
    now = contents(store.home)
    kept = ("turns", "memories", "tags", "pins", "indexed")
    assert {part: now[part] for part in kept} == {part: store.held[part] for part in kept}


def test_the_oldest_home_opens_and_works(tmp_path: Path, searching: Path) -> None:
    works(unpack(NAMES[0], tmp_path), searching)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_home_that_ever_was_opens_and_works(
    name: str, tmp_path: Path, searching: Path
) -> None:
    works(unpack(name, tmp_path), searching)


def test_each_format_has_a_fixture() -> None:
    """Who changes a format makes one, with the code that wrote it: see make_store.py."""
    newest = unpacked_formats(NAMES[-1])
    assert newest == {
        "catalogue": len(CATALOGUE), "history": len(HISTORY), "segment": segment_format.FORMAT,
        "words": words.FORMAT, "kv": int(saved_kv.MAGIC[-1:]),
    }  # fmt: skip
    for what, oldest in (("catalogue", 1), ("history", 1), ("segment", 1), ("words", 1)):
        kept = {unpacked_formats(name).get(what, 0) for name in NAMES} - {0}
        missing = set(range(oldest, newest[what] + 1)) - kept - NEVER_LANDED[what]
        assert not missing, (what, missing)


def test_a_newer_home_is_left_as_it_is(tmp_path: Path) -> None:
    """Also where only what is opened last is newer."""
    home = unpack(NAMES[0], tmp_path).home
    data = home / "data"
    for name in ("history", "catalogue"):
        db = apsw.Connection(str(data / f"{name}.db"))
        db.pragma("user_version", 99)
        db.close()
        before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
        with pytest.raises(UserError, match="newer version") as caught, serving(home):
            pass
        assert "nothing was changed" in caught.value.advice
        after = {path: path.read_bytes() for path in before}
        assert after == before


def test_what_a_model_had_read_is_loaded_in_the_form_it_was_saved_in(tmp_path: Path) -> None:
    home = unpack(NAMES[-1], tmp_path).home
    origin = saved_kv.Origin("made", "fingerprint", "build", "q8_0", "flash")
    part = saved_kv.SavedKv(home / "data" / "kv", origin, 10**6).load("turn1")
    assert part is not None
    assert (part.run.first, part.run.tokens) == (0, tuple(range(5)))
    assert part.state == b"state of five cells"
