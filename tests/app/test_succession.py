"""A service whose embedding model is changed while it is used."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers import PATIENCE_S
from service_desk import index_state, last, names, search, serving

from app import work
from app.local import InProcess, Remote
from core.home import find_home
from core.messages import (
    Failed,
    Forget,
    Index,
    ModelsRequest,
    Report,
    Search,
    SearchResults,
    SettingsSet,
)

STARTER, TWIN = "all-minilm-l6-v2", "twin"
MOST_SEARCHES = 5_000
ENOUGH = threading.Event()


@pytest.fixture
def with_twin(models: Path, tmp_path: Path) -> dict[str, str]:
    """A store where the starter is there twice, the second time as another model."""
    store = tmp_path / "models"
    for name in (STARTER, TWIN):
        shutil.copytree(
            models / "embedding" / STARTER, store / "embedding" / name, copy_function=os.link
        )
    described = store / "embedding" / TWIN / "model.json"
    body = json.loads(described.read_bytes())
    described.unlink()
    described.write_text(json.dumps({**body, "name": TWIN, "fingerprint": "another-print"}))
    return {"SATCHEL_MODELS": str(store)}


def use(caller: InProcess, name: str, confirmed: bool = True) -> object:
    return last(caller, ModelsRequest(caller.next_id(), "use", name, confirmed))


def index(caller: InProcess) -> dict[str, object]:
    report = last(caller, Index(caller.next_id()))
    assert isinstance(report, Report), report
    body: dict[str, object] = report.body
    return body


def search_on(home: Path, environment: dict[str, str], found: list[SearchResults]) -> None:
    """Search as another client until what is found has grown enough or the service ends."""
    other = Remote(find_home(str(home), {**os.environ, **environment}), os.environ)
    while len(found) < MOST_SEARCHES and not ENOUGH.is_set():
        reply = list(other.ask(Search(other.next_id(), "when does the boat sail", k=3)))[-1]
        assert isinstance(reply, SearchResults), reply
        found.append(reply)
    other.close()


def test_the_new_model_takes_over_while_people_search(
    home: Path, with_twin: dict[str, str]
) -> None:
    found: list[SearchResults] = []
    ENOUGH.clear()
    with serving(home, with_twin) as caller:
        refused = use(caller, TWIN, confirmed=False)
        assert isinstance(refused, Failed)
        assert f"{STARTER} goes on searching" in refused.title
        assert isinstance(use(caller, TWIN), Report)
        moving = index_state(caller)["moving"]
        assert (moving["model"], moving["serving"], moving["total"]) == (TWIN, STARTER, 3)
        with ThreadPoolExecutor(1) as threads:
            others = threads.submit(search_on, home, with_twin, found)
            body = index(caller)
            assert (body["embedded_chunks"], body["stopped"]) == (3, None)
            before = len(found)
            assert names(search(caller))[0] == "boats.txt"
            ENOUGH.set()
            others.result()
        assert before > 0
        assert {(names(one)[0], one.note) for one in found} == {("boats.txt", None)}
        assert index_state(caller)["moving"] is None
        assert not (home / "data" / "next").exists()
        assert index(caller)["embedded_chunks"] == 0
        [removed] = [last(caller, ModelsRequest(caller.next_id(), "remove", STARTER))]
        assert isinstance(removed, Report), removed
        assert names(search(caller))[0] == "boats.txt"


def test_a_service_goes_on_with_it_unasked_and_gives_it_up_when_told(
    home: Path, with_twin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "UPKEEP_AFTER_S", 0.1)
    with serving(home, with_twin) as caller:
        use(caller, TWIN)
        use(caller, STARTER)
        assert index_state(caller)["moving"] is None
        index(caller)
        assert not (home / "data" / "next").exists()
        use(caller, TWIN)
        deadline = time.monotonic() + PATIENCE_S
        while index_state(caller)["moving"] is not None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert names(search(caller))[0] == "boats.txt"


@pytest.mark.slow
def test_without_room_the_old_index_stays_and_says_so(
    home: Path, with_twin: dict[str, str]
) -> None:
    with serving(home, with_twin) as caller:
        last(caller, SettingsSet(caller.next_id(), "budget.disk_mb", 4.0))
        used = sum(path.lstat().st_size for path in home.rglob("*"))
        (home / "cache" / "filler").write_bytes(bytes(3_700_000 - used))
        use(caller, TWIN)
        body = index(caller)
        assert f"{STARTER} goes on searching" in str(body["stopped"])
        assert "budget --disk" in str(body["stopped"])
        assert index_state(caller)["moving"]["done"] == 0
        assert names(search(caller))[0] == "boats.txt"
        (home / "cache" / "filler").unlink()
        assert index(caller)["stopped"] is None
        assert index_state(caller)["moving"] is None


def test_forgetting_reaches_an_index_in_the_making(home: Path, with_twin: dict[str, str]) -> None:
    """One that was begun by a process that is gone is begun anew."""
    with serving(home, with_twin) as caller:
        use(caller, TWIN)
    begun = home / "data" / "next"
    begun.mkdir()
    (begun / "texts").write_text("what is to be forgotten")
    with serving(home, with_twin) as caller:
        files = home.parent / "none.txt"
        files.write_text("x")
        reply = last(caller, Forget(caller.next_id(), str(files)))
        assert isinstance(reply, Report), reply
    assert not begun.exists()
