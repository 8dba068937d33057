"""Which folders are the places of other file systems: drives, shares, cards."""

from __future__ import annotations

import os

import psutil

from core.files.paths import is_under


def mount_points() -> frozenset[str]:
    """Absolute paths where file systems are mounted now; empty where that cannot be known."""
    try:
        return frozenset(part.mountpoint for part in psutil.disk_partitions(all=True))
    except (OSError, psutil.Error):
        return frozenset()


def mounted_in(root: str, points: frozenset[str]) -> tuple[str, ...]:
    """Those at or below a folder, relative to it ("" for the folder itself), in order."""
    real = os.path.realpath(root)
    return tuple(
        sorted(
            "" if point == real else os.path.relpath(point, real)
            for point in points
            if is_under(point, real)
        )
    )
