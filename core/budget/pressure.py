"""How hard the system is pressed, and what this process's group of processes may still take. Linux.

Other systems tell their pressure in ways of their own; there it is unknown here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_NO_LIMIT_BYTES = 1 << 60  # version 1 writes a number where there is none


@dataclass(frozen=True, slots=True)
class Pressure:
    """Shares, 0 to 1, of the last ten seconds in which some process waited for each; None unknown.

    Source: the kernel's pressure stall information (`Documentation/accounting/psi.rst`).
    """

    memory: float | None = None
    disk: float | None = None
    processor: float | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Memory limit of the narrowest control group, and what is still free under all; in bytes."""

    limit_bytes: int
    available_bytes: int


def measure_pressure(proc: Path = _PROC) -> Pressure:
    """Look at the pressure of this moment."""
    names = ("memory", "io", "cpu")
    return Pressure(*(parse_pressure(_read(proc / "pressure" / name)) for name in names))


def parse_pressure(text: str | None) -> float | None:
    """The share of the last ten seconds in a pressure file; None when it has none."""
    for line in (text or "").splitlines():
        kind, *fields = line.split()
        values = dict(field.partition("=")[::2] for field in fields)
        if kind == "some" and "avg10" in values:
            try:
                return min(1.0, max(0.0, float(values["avg10"]) / 100))
            except ValueError:
                return None
    return None


def stalled_s(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> tuple[float, ...]:
    """Seconds in which some process waited for memory, since ever: of the whole system, and of
    this process's control group. Those that are known.
    """
    files = [proc / "pressure" / "memory"]
    files += [folder / "memory.pressure" for folder in _folders(proc, "", cgroups)[:1]]
    found = (parse_stalled(_read(path)) for path in files)
    return tuple(seconds for seconds in found if seconds is not None)


def parse_stalled(text: str | None) -> float | None:
    """The whole time in a pressure file, in seconds; None when it has none."""
    for line in (text or "").splitlines():
        kind, *fields = line.split()
        value = dict(field.partition("=")[::2] for field in fields).get("total", "")
        if kind == "some" and value.isdecimal():
            return int(value) / 1e6
    return None


@dataclass(frozen=True, slots=True)
class _Names:
    """How a version of control groups calls what is asked for."""

    controller: str
    limit: str
    used: str
    inactive: str


_VERSIONS = (
    _Names("", "memory.max", "memory.current", "inactive_file"),
    _Names("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def measure_group(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> Group | None:
    """The memory limits (version 2 or 1) that this process is under; None without any.

    Pages of files that were not used lately count as free: the kernel takes them first.
    """
    found: list[Group] = []
    for names in _VERSIONS:
        for folder in _folders(proc, names.controller, cgroups / names.controller):
            limit, used = _number(folder / names.limit), _number(folder / names.used)
            if limit is not None and used is not None and limit < _NO_LIMIT_BYTES:
                free = limit - used + _bytes_of(folder / "memory.stat", names.inactive)
                found.append(Group(limit, max(0, min(limit, free))))
    if not found:
        return None
    return Group(
        min(group.limit_bytes for group in found), min(group.available_bytes for group in found)
    )


def _folders(proc: Path, controller: str, root: Path) -> tuple[Path, ...]:
    """The control group of this process under a controller, "" for all, and those it is in."""
    return _folders_in(_read(proc / "self" / "cgroup") or "", controller, root)


@lru_cache(maxsize=8)
def _folders_in(text: str, controller: str, root: Path) -> tuple[Path, ...]:
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        folder = root / path.lstrip("/")
        if controller in controllers.split(",") and ".." not in folder.parts:
            return (folder, *(one for one in folder.parents if one.is_relative_to(root)))
    return ()


def _bytes_of(path: Path, wanted: str) -> int:
    for line in (_read(path) or "").splitlines():
        name, _, value = line.partition(" ")
        if name == wanted and value.isdecimal():
            return int(value)
    return 0


def _number(path: Path) -> int | None:
    text = (_read(path) or "").strip()
    return int(text) if text.isdecimal() else None  # "max" is no limit


def _read(path: Path) -> str | None:
    try:
        with path.open("rb", buffering=0) as file:
            return (file.read() or b"").decode("ascii", "replace")
    except OSError:
        return None
