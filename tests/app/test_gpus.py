"""What is told of graphics processors: asked of llama.cpp in a worker, kept, and said in a line."""

from __future__ import annotations

import json
from pathlib import Path

from helpers import satchel

from app.machine import gpus_report, look_for_gpus
from app.models_lines import gpu_line
from core.home import find_home
from core.llm.devices import gpu_devices


def test_a_worker_tells_and_it_is_kept(tmp_path: Path) -> None:
    home = find_home(str(tmp_path), {})
    assert gpus_report(home) is None
    found = look_for_gpus(home)
    assert found is not None and len(found) == len(gpu_devices())
    assert gpus_report(home) == found
    home.gpus.write_text(json.dumps({"machine": "another", "gpus": []}))
    assert gpus_report(home) is None
    home.gpus.write_text("{")
    assert gpus_report(home) is None


def test_the_line_names_each_with_its_memory() -> None:
    assert gpu_line([]).endswith(": none")
    assert "satchel doctor" in gpu_line(None)
    cards = [
        {"name": "Card A", "memory_bytes": 24 * 10**9},
        {"name": "Card B", "memory_bytes": 8 * 10**9},
    ]
    assert gpu_line(cards).endswith(": Card A with 24.0 GB, Card B with 8.0 GB")


def test_status_and_doctor_say_it(tmp_path: Path) -> None:
    environment = {"SATCHEL_MODELS": str(tmp_path / "models")}
    before = satchel(tmp_path / "home", "status", environment=environment)
    assert gpu_line(None) in before.stdout, before.stderr
    doctor = satchel(tmp_path / "home", "doctor", "--json", environment=environment)
    gpus = json.loads(doctor.stdout)["device"]["gpus"]
    after = satchel(tmp_path / "home", "status", environment=environment)
    assert gpu_line(gpus) in after.stdout
