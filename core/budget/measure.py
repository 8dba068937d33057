"""What the device has and what Satchel uses of it; what cannot be measured is None."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import psutil

from core.budget.network import metered
from core.budget.person import idle_s
from core.budget.pressure import Pressure, measure_group, measure_pressure
from core.budget.screen import full_screen
from core.home import Home


@dataclass(frozen=True, slots=True)
class Device:
    """The machine as it is now; sizes in bytes.

    Memory is what this process may take: a control group may allow less than the machine
    has. `battery_share` is 0 to 1, `person_idle_s` since when nobody has typed or moved.
    `full_screen` says that an app fills the screen, `metered` that the network costs by use.
    """

    system: str
    processors: int
    memory_bytes: int
    memory_available_bytes: int
    disk_bytes: int | None
    disk_free_bytes: int | None
    on_battery: bool | None
    battery_share: float | None
    pressure: Pressure
    person_idle_s: float | None
    full_screen: bool | None
    metered: bool | None


@dataclass(frozen=True, slots=True)
class Memory:
    """What this process may take: a control group may allow less than the machine has."""

    total_bytes: int
    available_bytes: int


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Bytes of files by part of the home, temporary files and logs included."""

    catalogue: int
    segments: int
    text_cache: int
    saved_kv: int
    history: int
    other: int

    @property
    def total(self) -> int:
        """Everything that the disk budget covers."""
        derived = self.catalogue + self.segments + self.text_cache + self.saved_kv
        return derived + self.history + self.other


def measure_device(home: Home) -> Device:
    """Look at the machine and at the disk that the home is on."""
    memory = measure_memory()
    disk_bytes, free_bytes = measure_free(home)
    on_battery, battery_share = measure_battery()
    return Device(
        system=f"{platform.system()} {platform.machine()}",
        processors=_processors(),
        memory_bytes=memory.total_bytes,
        memory_available_bytes=memory.available_bytes,
        disk_bytes=disk_bytes,
        disk_free_bytes=free_bytes,
        on_battery=on_battery,
        battery_share=battery_share,
        pressure=measure_pressure(),
        person_idle_s=idle_s(),
        full_screen=full_screen(),
        metered=metered(),
    )


def _processors() -> int:
    """How many processors this process may use."""
    if sys.platform == "darwin":  # which keeps no process to some of them
        return os.cpu_count() or 1
    return len(psutil.Process().cpu_affinity())


def measure_memory() -> Memory:
    """Look at the memory of this moment."""
    memory, group = psutil.virtual_memory(), measure_group()
    if group is None:
        return Memory(memory.total, memory.available)
    return Memory(
        min(memory.total, group.limit_bytes), min(memory.available, group.available_bytes)
    )


def measure_free(home: Home) -> tuple[int | None, int | None]:
    """Bytes of the disk that the home is on, and how many of them are free."""
    try:
        disk = shutil.disk_usage(home.data)
    except OSError:
        return None, None
    return disk.total, disk.free


def measure_battery() -> tuple[bool | None, float | None]:
    """Whether the computer runs on battery, and the share that is left."""
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is None or battery.power_plugged is None:
        return None, None
    return not battery.power_plugged, battery.percent / 100


def measure_disk(home: Home) -> DiskUse:
    """Add up the files of the home by part."""
    parts = dict.fromkeys([field.name for field in fields(DiskUse)], 0)
    for root in home.roots():
        for folder, _, names in os.walk(root):
            if Path(folder).is_relative_to(home.models):
                continue
            for name in names:
                path = Path(folder, name)
                try:
                    size = path.lstat().st_size
                except OSError:
                    continue
                parts[_part(path, home)] += size
    return DiskUse(**parts)


def _part(path: Path, home: Home) -> str:
    if path.name.startswith(home.catalogue.name):
        return "catalogue"
    if path.name.startswith(home.history.name):
        return "history"
    if path.is_relative_to(home.saved_kv):
        return "saved_kv"
    if path.is_relative_to(home.segments):
        return "segments"
    return "text_cache" if path.is_relative_to(home.text_cache) else "other"


def models_bytes(home: Home) -> int:
    """Bytes of all models in the shared store."""
    return sum(path.stat().st_size for path in home.models.rglob("*") if path.is_file())


def memory_by_part(parts: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Bytes of memory of each part's processes and of all that these have started.

    What a process started counts with it, unless it is named itself: nothing counts twice.
    """
    named = {pid for pids in parts.values() for pid in pids}
    return {
        part: memory_of([one for pid in pids for one in (pid, *_started_by(pid, named))])
        for part, pids in parts.items()
    }


def _started_by(pid: int, but: Collection[int]) -> list[int]:
    """What a process has started, and these have, but for some and what those started."""
    parents: dict[int, int] = {}
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it has just ended
                parents[child.pid] = child.ppid()

    def is_named(child: int) -> bool:
        while child != pid:
            if child in but:
                return True
            child = parents.get(child, pid)
        return False

    return [child for child in parents if not is_named(child)]


def _memory_of(process: psutil.Process) -> int:
    if sys.platform == "linux":
        with contextlib.suppress(psutil.AccessDenied):
            return int(process.memory_full_info().pss)
    return int(process.memory_info().rss)


def memory_of(pids: Sequence[int]) -> int:
    """Bytes of memory of some processes: the proportional share where it is told, else resident."""
    total = 0
    for pid in pids:
        try:
            total += _memory_of(psutil.Process(pid))
        except psutil.NoSuchProcess:
            continue
    return total
