import os
import queue
import sys
import threading
import time

import psutil
import pytest
from helpers import PATIENCE_S, Indexed

from app.idle import IdleKeeper
from app.service import Service
from app.session import Session
from core.home import find_home
from core.memory import drop_program_pages, return_memory
from core.messages import Message, Search, SearchResults
from core.settings import Settings


def test_each_idle_time_is_used_once() -> None:
    ran, looked = threading.Semaphore(0), threading.Semaphore(0)
    idle_s = [0.0]

    def idle_for_s() -> float:
        looked.release()
        return idle_s[0]

    def becomes(now_s: float) -> None:
        """Idle for so long from now on, and seen to be."""
        idle_s[0] = now_s
        while looked.acquire(blocking=False):
            pass
        for _ in range(2):
            assert looked.acquire(timeout=PATIENCE_S)

    keeper = IdleKeeper(1.0, idle_for_s, [ran.release])
    try:
        becomes(0.0)
        assert not ran.acquire(blocking=False)  # somebody is at work
        becomes(2.0)
        assert ran.acquire(timeout=PATIENCE_S)
        becomes(2.0)
        assert not ran.acquire(blocking=False)  # once is enough
        becomes(0.0)
        becomes(2.0)
        assert ran.acquire(timeout=PATIENCE_S)
    finally:
        keeper.close()


def test_returning_memory_is_always_possible() -> None:
    return_memory()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets go of a library's code")
def test_a_library_works_after_its_code_was_let_go() -> None:
    import numpy as np

    def resident_bytes() -> int:
        return sum(
            row.rss
            for row in psutil.Process().memory_maps(grouped=False)
            if "_multiarray_umath" in row.path and row.perms == "r-xp"
        )

    expected = np.sort(np.arange(5000)[::-1] % 77).sum()
    before = resident_bytes()
    assert drop_program_pages("/numpy/") > 0
    assert resident_bytes() < before / 2
    assert np.sort(np.arange(5000)[::-1] % 77).sum() == expected
    assert drop_program_pages("/no such library/") == 0
    assert drop_program_pages("/numpy/", "/no such file") == 0


def test_an_idle_service_unloads_the_search_model_and_loads_it_again(own_sample: Indexed) -> None:
    place = find_home(str(own_sample.home), os.environ)
    Settings(place.settings).set({"search.idle_minutes": 0.01})
    service = Service(place, os.environ)
    replies: queue.SimpleQueue[Message] = queue.SimpleQueue()
    session = Session(replies.put)
    service.attach(session)
    try:
        engine = service.engine
        for number in (1, 2):
            service.submit(session, Search(number, "rent of the workshop", k=1))
            found = replies.get(timeout=PATIENCE_S)
            assert isinstance(found, SearchResults)
            assert found.recomputed > 0
            deadline = time.monotonic() + PATIENCE_S
            held = True
            while held and time.monotonic() < deadline:
                held = engine.has_embedder or len(engine.cache) > 0
                time.sleep(0.05)
            assert not held
    finally:
        service.close()
