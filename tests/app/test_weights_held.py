"""How much of a model may be in memory, changed while a real worker answers with the starter."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import comes
from service_desk import last, serving

from app.children import python_child
from app.local import InProcess
from app.model import ModelWorker
from app.model_process import Shape
from core.budget.govern import MB, Readings, Stage
from core.errors import UserError
from core.messages import Report, StatusRequest, WeightsHeld

if sys.platform != "linux":
    pytest.skip("the pool is for Linux", allow_module_level=True)

PASSAGES = ("The harbour of Varn closes at nine in the evening.",)
QUESTION = "Tell at length of the harbour of Varn."
HELD_BYTES = 70_000_000
PLENTY = Readings(memory_available_bytes=4_000 * MB)
SHORT = Readings(memory_available_bytes=180 * MB)


@pytest.fixture
def starter(models: Path) -> Path:
    return models / "llm" / "smollm2-135m-instruct.gguf"


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[ModelWorker]:
    found = ModelWorker(python_child("app.worker"), 512, 40, 2, 60.0, tmp_path / "traces")
    yield found
    found.close()


def said(worker: ModelWorker, on_text: object = None) -> str:
    on = on_text if callable(on_text) else (lambda _text: None)
    return worker.answer(QUESTION, PASSAGES, [], on, lambda: False).text


def test_room_is_given_up_and_taken_back_in_the_middle_of_an_answer(
    worker: ModelWorker, starter: Path
) -> None:
    worker.use(starter, (), Shape(512, "q8_0", None))
    whole = said(worker)
    first = worker.held()
    assert first is not None
    assert (first.step, first.room_bytes) == ("fits", 0)

    worker.use(starter, (), Shape(512, "q8_0", HELD_BYTES))
    rooms: list[tuple[float, WeightsHeld]] = []
    pieces: list[str] = []
    squeezed_at = released_at = 0.0

    def watch() -> None:
        last = None
        while not over.wait(0.005):
            held = worker._process.held
            if held is not None and held is not last and held.step != "fits":
                rooms.append((time.monotonic(), held))
                last = held

    def on_text(piece: str) -> None:
        nonlocal squeezed_at, released_at
        pieces.append(piece)
        if len(pieces) == 3:
            squeezed_at = time.monotonic()
            worker.squeeze(True)
        if len(pieces) == 8:
            released_at = time.monotonic()
            worker.squeeze(False)

    over = threading.Event()
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert said(worker, on_text) == whole
        assert len(pieces) > 10
    finally:
        over.set()
        watcher.join()
    assert [held.step for _, held in rooms] == ["pool"] * len(rooms)
    before = rooms[0][1].room_bytes
    small = [(at, held) for at, held in rooms if held.room_bytes < before]
    assert small
    assert small[0][0] - squeezed_at < 1.0
    assert small[0][1].room_bytes <= before // 3
    assert small[0][1].resident_bytes <= small[0][1].room_bytes
    back = [at for at, held in rooms if at > small[0][0] and held.room_bytes == before]
    assert back
    assert back[0] - released_at < 1.0


def test_a_squeeze_before_the_model_is_there_counts_too(worker: ModelWorker, starter: Path) -> None:
    worker.squeeze(True)
    worker.use(starter, (), Shape(512, "q8_0", HELD_BYTES))
    said(worker)
    held = worker.held()
    assert held is not None
    assert 0 < held.room_bytes < HELD_BYTES // 4
    assert 0 < held.resident_bytes <= held.room_bytes


def test_a_file_that_changed_is_loaded_again(
    worker: ModelWorker, starter: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(starter.read_bytes())
    worker.use(copy, (), Shape(512, "q8_0", HELD_BYTES))
    first = said(worker)
    copy.touch()
    with pytest.raises(UserError, match="it was changed"):
        said(worker)
    assert said(worker) == first


def test_a_machine_that_runs_short_takes_room_before_it_takes_the_model(
    home: Path, starter: Path
) -> None:
    with serving(home) as caller:
        service = caller._service
        readings = PLENTY
        service.governor.sampler = lambda _wishes, _now_s, _hurry: readings
        service.model.use(starter, (), Shape(512, "q8_0", HELD_BYTES))
        said(service.model)
        whole = status(caller)
        assert whole["step"] == "pool"
        assert whole["hit_rate"] is not None
        readings = Readings()  # what falls fast would count as it will be soon
        service.governor.look()
        readings = SHORT
        service.governor.look()
        assert service.governor.decision.stage == Stage.CACHES_GIVEN_UP
        assert comes(lambda: status(caller)["room_bytes"] <= whole["room_bytes"] // 3)
        assert service.model.pid is not None
        now_s = 1e9
        service.governor.clock = lambda: now_s
        readings = PLENTY
        for _ in range(20):
            now_s += 1
            service.governor.look()
        assert service.governor.decision.stage == Stage.ALL
        assert comes(lambda: status(caller)["room_bytes"] == whole["room_bytes"])


def status(caller: InProcess) -> dict[str, Any]:
    """What `satchel status` says of the model's weights."""
    report = last(caller, StatusRequest(caller.next_id()))
    assert isinstance(report, Report)
    shown: dict[str, Any] = report.body["model"]["weights"]
    return shown
