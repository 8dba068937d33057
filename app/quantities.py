"""Sizes and times as text for people."""

from __future__ import annotations

MB = 1_000_000


def size(size_bytes: int) -> str:
    """Bytes for people, in decimal units."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    if size_bytes < MB:
        return f"{size_bytes / 1000:.1f} kB"
    if size_bytes < 1000 * MB:
        return f"{size_bytes / MB:.1f} MB"
    return f"{size_bytes / (1000 * MB):.1f} GB"


def duration(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
