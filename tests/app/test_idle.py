import os
import queue
import threading
import time

from helpers import Indexed

from app.idle import IdleKeeper
from app.service import Service
from app.session import Session
from core.home import find_home
from core.memory import return_memory
from core.messages import Message, Search, SearchResults
from core.settings import Settings


def test_each_idle_time_is_used_once() -> None:
    ran = threading.Semaphore(0)
    idle_s = [0.0]
    keeper = IdleKeeper(1.0, lambda: idle_s[0], [ran.release])
    try:
        assert not ran.acquire(timeout=0.3)  # somebody is at work
        idle_s[0] = 2.0
        assert ran.acquire(timeout=5)
        assert not ran.acquire(timeout=0.4)  # once is enough
        idle_s[0] = 0.0
        time.sleep(0.3)
        idle_s[0] = 2.0
        assert ran.acquire(timeout=5)
    finally:
        keeper.close()


def test_returning_memory_is_always_possible() -> None:
    return_memory()


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
            found = replies.get(timeout=30)
            assert isinstance(found, SearchResults)
            assert found.recomputed > 0
            deadline = time.monotonic() + 10
            held = True
            while held and time.monotonic() < deadline:
                held = engine.has_embedder or len(engine.cache) > 0
                time.sleep(0.05)
            assert not held
    finally:
        service.close()
