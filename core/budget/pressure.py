"""How hard the system is pressed, and what this process's group of processes may still take. Linux.

Other systems tell their pressure in ways of their own; there it is unknown here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")


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


def measure_group(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> Group | None:
    """The memory limits (version 2) that this process is under; None without any.

    Pages of files that were not used lately count as free: the kernel takes them first.
    """
    line = next(
        (row for row in (_read(proc / "self" / "cgroup") or "").splitlines() if row[:3] == "0::"),
        None,
    )
    if line is None:
        return None
    found: list[Group] = []
    folder = cgroups / line[3:].lstrip("/")
    while folder.is_relative_to(cgroups):
        limit, used = _number(folder / "memory.max"), _number(folder / "memory.current")
        if limit is not None and used is not None:
            free = limit - used + _inactive_file_bytes(folder)
            found.append(Group(limit, max(0, min(limit, free))))
        if folder == cgroups:
            break
        folder = folder.parent
    if not found:
        return None
    return Group(
        min(group.limit_bytes for group in found), min(group.available_bytes for group in found)
    )


def _inactive_file_bytes(folder: Path) -> int:
    for line in (_read(folder / "memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file" and value.isdecimal():
            return int(value)
    return 0


def _number(path: Path) -> int | None:
    text = (_read(path) or "").strip()
    return int(text) if text.isdecimal() else None  # "max" is no limit


def _read(path: Path) -> str | None:
    try:
        return path.read_text("ascii", "replace")
    except OSError:
        return None
