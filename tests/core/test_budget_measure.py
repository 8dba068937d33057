import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.budget.measure import (
    measure_device,
    measure_disk,
    memory_by_part,
    memory_of,
    models_bytes,
)
from core.budget.network import parse_devices
from core.budget.person import idle_s, parse_ioreg, parse_loginctl
from core.budget.pressure import (
    Group,
    Pressure,
    measure_group,
    measure_pressure,
    parse_pressure,
    parse_stalled,
    stalled_s,
)
from core.budget.screen import parse_active, parse_state
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
        (place.saved_kv / "1.kv", 70),
        (place.settings, 7),
        (place.cache / "x", 8),
        (place.cache / "y", 9),
    ):
        path.write_bytes(b"x" * size)
    use = measure_disk(place)
    assert (use.catalogue, use.history, use.segments, use.text_cache) == (30, 7, 55, 60)
    assert use.other == 24
    assert use.saved_kv == 70
    assert use.total == 246


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


def test_pressure_is_a_share_or_unknown() -> None:
    told = "some avg10=12.50 avg60=1.00 avg300=0.20 total=99\nfull avg10=3.00 avg60=0 total=1\n"
    assert parse_pressure(told) == 0.125
    assert parse_pressure("full avg10=3.00 avg60=0\n") is None
    assert parse_pressure("some avg10=much\n") is None
    assert parse_pressure(None) is None
    found = measure_pressure()
    for share in (found.memory, found.disk, found.processor):
        assert share is None or 0 <= share <= 1
    assert measure_pressure(Path("/nowhere")) == Pressure()


def test_the_narrowest_group_counts(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text("0::/user/app\n")
    groups = tmp_path / "groups"
    (groups / "user" / "app").mkdir(parents=True)
    assert measure_group(tmp_path, groups) is None
    for folder, limit, used in ((groups / "user", "1000", "300"), (groups / "user" / "app", "max",
                                                                   "250")):  # fmt: skip
        (folder / "memory.max").write_text(limit + "\n")
        (folder / "memory.current").write_text(used + "\n")
    assert measure_group(tmp_path, groups) == Group(1000, 700)
    (groups / "user" / "memory.stat").write_text("anon 100\ninactive_file 150\n")
    assert measure_group(tmp_path, groups) == Group(1000, 850)
    (groups / "user" / "app" / "memory.max").write_text("260\n")
    assert measure_group(tmp_path, groups) == Group(260, 10)
    (tmp_path / "self" / "cgroup").write_text("0::/../../outside\n")
    assert measure_group(tmp_path, groups) is None
    (tmp_path / "self" / "cgroup").write_text("1:name=systemd:/\n")
    assert measure_group(tmp_path, groups) is None


def test_groups_of_the_first_version_count_too(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text("4:cpu,memory:/box/app\n0::/\n")
    inner = tmp_path / "groups" / "memory" / "box" / "app"
    inner.mkdir(parents=True)
    for folder, limit, used in ((inner, "9223372036854771712", "5"), (inner.parent, "900", "300")):
        (folder / "memory.limit_in_bytes").write_text(limit + "\n")
        (folder / "memory.usage_in_bytes").write_text(used + "\n")
    assert measure_group(tmp_path, tmp_path / "groups") == Group(900, 600)
    (inner.parent / "memory.stat").write_text("inactive_file 1\ntotal_inactive_file 100\n")
    assert measure_group(tmp_path, tmp_path / "groups") == Group(900, 700)


def test_time_that_was_waited_for_memory(tmp_path: Path) -> None:
    assert parse_stalled("some avg10=0.00 total=2500000\nfull avg10=0.00 total=7\n") == 2.5
    assert parse_stalled("some avg10=0.00\n") is None
    assert stalled_s(tmp_path, tmp_path) == ()
    (tmp_path / "self").mkdir()
    (tmp_path / "pressure").mkdir()
    (tmp_path / "self" / "cgroup").write_text("0::/app\n")
    (tmp_path / "pressure" / "memory").write_text("some total=1000000\n")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "memory.pressure").write_text("some total=3000000\n")
    assert stalled_s(tmp_path, tmp_path) == (1.0, 3.0)


def test_full_screen_on_x11() -> None:
    front = "_NET_ACTIVE_WINDOW(WINDOW): window id # 0x1e00007\n"
    assert parse_active(front) == "0x1e00007"
    assert parse_active("_NET_ACTIVE_WINDOW(WINDOW): window id # 0x0\n") is None
    assert parse_active(None) is None
    filled = "_NET_WM_STATE(ATOM) = _NET_WM_STATE_FOCUSED, _NET_WM_STATE_FULLSCREEN\n"
    assert parse_state(filled + "_NET_WM_PID(CARDINAL) = 77\n") is True
    assert parse_state(filled + "_NET_WM_PID(CARDINAL) = 77\n", own=[77]) is False
    assert parse_state("_NET_WM_STATE(ATOM) = \n") is False
    assert parse_state("") is None
    assert parse_state(None) is None


def test_metered_by_network_manager() -> None:
    def told(state: str, answer: str) -> str:
        return f"GENERAL.STATE:{state}\nGENERAL.METERED:{answer}\n\n"

    loose = told("100 (connected (externally))", "unknown")
    assert parse_devices(told("100 (connected)", "yes (guessed)") + loose) is True
    assert parse_devices(told("30 (disconnected)", "yes") + told("100 (connected)", "no")) is False
    assert parse_devices(loose) is None
    assert parse_devices(None) is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("IdleHint=no\nIdleSinceHint=0\n", 0.0),
        ("IdleHint=yes\nIdleSinceHint=1000000000\n", 500.0),
        ("IdleHint=yes\nIdleSinceHint=\n", None),
        ("", None),
        (None, None),
    ],
)
def test_how_long_nobody_was_there_on_linux(told: str | None, expected: float | None) -> None:
    assert parse_loginctl(told, 1500.0) == expected


def test_how_long_nobody_was_there_elsewhere() -> None:
    assert parse_ioreg('    |   "HIDIdleTime" = 2500000000\n') == 2.5
    assert parse_ioreg('"HIDIdleTime" = soon') is None
    found = idle_s()
    assert found is None or found >= 0


def test_what_a_process_started_counts_with_it_and_once() -> None:
    """A reader's converter is the reader's; a reader is not the service's, which started it."""
    nested = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'input()']); "
    nested += "print(p.pid, flush=True); p.wait()"
    child = subprocess.Popen(
        [sys.executable, "-c", nested], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        inner = int(child.stdout.readline())
        apart = memory_by_part({"a": [os.getpid()], "b": [child.pid], "c": [inner], "d": []})
        assert apart["d"] == 0
        assert min(apart["b"], apart["c"]) > 10**6
        joined = memory_by_part({"a": [os.getpid()], "b": [child.pid]})
        assert joined["b"] == pytest.approx(apart["b"] + apart["c"], rel=0.1)
        assert joined["a"] == pytest.approx(apart["a"], rel=0.1)
        whole = memory_by_part({"a": [os.getpid()]})
        assert whole["a"] == pytest.approx(sum(apart.values()), rel=0.1)
        assert memory_by_part({"a": [10**8]}) == {"a": 0}
    finally:
        child.communicate(b"\n")
