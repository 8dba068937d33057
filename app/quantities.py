"""Sizes and times as text for people."""

from __future__ import annotations


def size(size_bytes: int) -> str:
    """Bytes for people, in decimal units."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    found = size_bytes / 1000
    for unit in ("kB", "MB", "GB"):
        if found < 1000:
            return f"{found:.1f} {unit}"
        found /= 1000
    return f"{found:.1f} TB"


def duration(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.0f} days"
