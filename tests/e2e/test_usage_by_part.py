"""What status says of memory and disk, beside what the system says of the same processes and files.

Named parts may leave 15 % of the memory unnamed, and differ from the home by 2 %.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers import Indexed, satchel_json, watching
from test_crash import used

from app.local import Remote
from core.home import find_home
from core.messages import AnswerDone, Ask, Message, Search, SearchResults, StatusRequest

UNNAMED, DISK_OFF = 0.15, 0.02
LOOKS = 5


class Seen:
    """A service of its own process, and what it and the system say of it."""

    def __init__(self, indexed: Indexed, pid: int) -> None:
        self._home, self._process = indexed.home, psutil.Process(pid)
        self.remote = Remote(find_home(str(indexed.home), os.environ), os.environ)

    def ask(self, message: Message) -> Any:
        return list(self.remote.ask(message))[-1]

    def usage(self) -> dict[str, Any]:
        return dict(self.ask(StatusRequest(self.remote.next_id())).body["usage"])

    def of_system(self) -> int:
        """Bytes of the service and of all that was started by it."""
        total = 0
        for process in (self._process, *self._process.children(recursive=True)):
            try:
                total += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        return total

    def check(self) -> dict[str, int]:
        """Compare a few times, for memory comes and goes between two looks; the last parts."""
        unnamed = []
        for _ in range(LOOKS):
            usage, system = self.usage(), self.of_system()
            unnamed.append(1 - sum(usage["memory_bytes"].values()) / system)
            time.sleep(0.1)
        assert abs(statistics.median(unnamed)) <= UNNAMED, unnamed
        off = abs(usage["disk_bytes"] - used(self._home)) / used(self._home)
        assert off <= DISK_OFF
        assert usage["store_bytes"]["total"] == pytest.approx(usage["disk_bytes"], rel=DISK_OFF)
        return dict(usage["memory_bytes"])


@pytest.fixture
def seen(own_sample: Indexed) -> Iterator[Seen]:
    with watching(own_sample.home) as process:
        yield Seen(own_sample, process.pid)


@pytest.mark.skipif(not hasattr(psutil.Process(), "memory_maps"), reason="no shares of memory")
def test_memory_and_disk_are_named_by_part(seen: Seen) -> None:
    found = seen.ask(Search(seen.remote.next_id(), "rent of the workshop", k=3))
    assert isinstance(found, SearchResults)
    parts = seen.check()
    assert parts["service"] > 10**8
    assert parts["extractors"] > 10**7


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(psutil.Process(), "memory_maps"), reason="no shares of memory")
def test_while_indexing_and_answering_too(seen: Seen, own_sample: Indexed, tmp_path: Path) -> None:
    line = "The harbour office of plot {} keeps its accounts of rope and tar in a ledger. "
    more = tmp_path / "ledgers"
    more.mkdir()
    for number in range(120):
        text = "".join(line.format(number * 100 + n) for n in range(100))
        (more / f"{number}.txt").write_text(text, "utf-8")
    satchel_json(own_sample.home, "folders", "add", str(more))
    until = time.monotonic() + 60
    while time.monotonic() < until and not _indexing(seen):
        time.sleep(0.1)
    assert _indexing(seen)
    assert seen.check()["extractors"] > 10**7, "a reader counts while it reads, too"
    ended = []

    def ask() -> None:
        remote = Remote(find_home(str(own_sample.home), os.environ), os.environ)
        ended.append(list(remote.ask(Ask(remote.next_id(), "What is the rent of the workshop?"))))
        remote.close()

    asking = threading.Thread(target=ask)
    asking.start()
    while asking.is_alive() and not seen.usage()["memory_bytes"]["model_worker"]:
        time.sleep(0.05)
    parts = seen.check()
    asking.join(60)
    assert isinstance(ended[0][-1], AnswerDone)
    assert parts["model_worker"] > 5 * 10**7


def _indexing(seen: Seen) -> bool:
    body = seen.ask(StatusRequest(seen.remote.next_id())).body
    return bool(body["index"]["state"] == "indexing")
