import os
import subprocess
import sys
from pathlib import Path

from core.budget.measure import measure_device, measure_disk, memory_of, models_bytes
from core.home import Home


def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "c", tmp_path / "d", tmp_path / "k", tmp_path / "d" / "models")
    found.create()
    return found


def test_every_file_counts_in_one_part(tmp_path: Path) -> None:
    place = home(tmp_path)
    place.text_cache.mkdir()
    for path, size in (
        (place.catalogue, 10),
        (place.data / "catalogue.db-wal", 20),
        (place.history, 3),
        (place.data / "history.db-shm", 4),
        (place.segments / "a.segment", 50),
        (place.segments / "a.tmp", 5),
        (place.text_cache / "1.z", 60),
        (place.settings, 7),
        (place.cache / "x", 8),
        (place.cache / "y", 9),
    ):
        path.write_bytes(b"x" * size)
    use = measure_disk(place)
    assert (use.catalogue, use.history, use.segments, use.text_cache) == (30, 7, 55, 60)
    assert use.other == 24
    assert use.total == 176


def test_models_have_a_line_of_their_own(tmp_path: Path) -> None:
    place = home(tmp_path)
    place.models.mkdir()
    (place.models / "m.gguf").write_bytes(b"x" * 100)
    assert measure_disk(place).total == 0
    assert models_bytes(place) == 100


def test_one_folder_for_everything_is_counted_once(tmp_path: Path) -> None:
    place = Home(tmp_path, tmp_path / "data", tmp_path, tmp_path / "m")
    place.create()
    (place.data / "x").write_bytes(b"123")
    assert place.roots() == (tmp_path,)
    assert measure_disk(place).total == 3


def test_the_device_is_measured(tmp_path: Path) -> None:
    device = measure_device(home(tmp_path))
    assert 0 < device.memory_available_bytes <= device.memory_bytes
    assert device.disk_bytes and device.disk_free_bytes is not None
    assert 0 <= device.disk_free_bytes <= device.disk_bytes
    assert 1 <= device.processors <= (os.cpu_count() or 1)


def test_memory_of_processes() -> None:
    own = memory_of([os.getpid()])
    assert own > 10**6
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert memory_of([os.getpid(), child.pid]) > 0
    finally:
        child.communicate(b"\n")
    assert memory_of([child.pid]) == 0
