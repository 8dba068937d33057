import os
import stat
from pathlib import Path

from core.budget.probe import (
    LEAST_READ_BYTES,
    Probe,
    gflop_per_s,
    keep_probe,
    load_probe,
    machine_name,
    read_bytes_per_s,
    run_probe,
)


def test_a_machine_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(os.urandom(LEAST_READ_BYTES + 1))
    found = run_probe("here", file)
    assert found.machine == "here"
    assert found.gflop_per_s > 0.1
    assert found.memory_read_bytes_per_s is not None
    assert found.memory_read_bytes_per_s > 10**8
    if hasattr(os, "posix_fadvise"):
        assert found.disk_read_bytes_per_s is not None
        assert found.disk_read_bytes_per_s > 10**5
    assert file.stat().st_size == LEAST_READ_BYTES + 1


def test_what_cannot_be_measured_is_unknown(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.write_bytes(b"x" * 1000)
    assert read_bytes_per_s(small) is None
    assert read_bytes_per_s(tmp_path / "none") is None
    assert read_bytes_per_s(tmp_path) is None


def test_the_rate_is_work_over_time() -> None:
    ticks = iter([0.0, 0.5, 2.0])
    # One product of 512 x 512 until the time was up, after two seconds.
    assert round(gflop_per_s(lambda: next(ticks)), 6) == round(2 * 512**3 * 1 / 2.0 / 1e9, 6)


def test_it_is_kept_for_the_same_machine_only(tmp_path: Path) -> None:
    place = tmp_path / "cache" / "machine.json"
    assert load_probe(place, "a") is None
    probe = Probe("a", 12.5, None)
    keep_probe(place, probe)
    assert load_probe(place, "a") == probe
    assert load_probe(place, "b") is None
    if os.name == "posix":
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
    place.write_bytes(b'{"machine": "a"')
    assert load_probe(place, "a") is None
    place.write_bytes(b'{"machine": "a", "gflop_per_s": 1.0, "disk_read_bytes_per_s": 5.0}')
    assert load_probe(place, "a") == Probe("a", 1.0, 5.0, None), "as it was kept before"
    assert machine_name(2) != machine_name(4)
