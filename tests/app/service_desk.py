"""A service in this process over a small home, and how to ask it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers import PATIENCE_S

from app.local import Caller, InProcess
from core.home import find_home
from core.messages import Message, Report, Search, SearchResults, StatusRequest


@contextmanager
def serving(home: Path, environment: Mapping[str, str] | None = None) -> Iterator[InProcess]:
    """The service of a home, with more environment."""
    every = {**os.environ, **(environment or {})}
    caller = InProcess(find_home(str(home), every), every)
    try:
        yield caller
    finally:
        caller.close()


def last(caller: Caller, request: Message) -> Any:
    """The reply that ends a request."""
    return list(caller.ask(request))[-1]


def search(caller: InProcess, query: str = "when does the boat sail") -> SearchResults:
    """What a search by meaning and words finds."""
    found = last(caller, Search(caller.next_id(), query, k=3))
    assert isinstance(found, SearchResults), found
    return found


def names(found: SearchResults) -> list[str]:
    """The files of hits."""
    return [Path(hit.path).name for hit in found.hits]


def index_state(caller: InProcess) -> dict[str, Any]:
    """What `satchel status` says of the index."""
    report = last(caller, StatusRequest(caller.next_id()))
    assert isinstance(report, Report)
    state: dict[str, Any] = report.body["index"]
    return state


def until_whole(caller: InProcess, timeout_s: float = PATIENCE_S) -> None:
    """Wait until nothing is missing."""
    deadline = time.monotonic() + timeout_s
    while index_state(caller)["damage"] or index_state(caller)["files"]["waiting"]:
        assert time.monotonic() < deadline, index_state(caller)
        time.sleep(0.05)
