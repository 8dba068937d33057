"""Sizes for people, MB meaning 10^6 bytes: rounded, or plainly as they are."""

from __future__ import annotations

UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")
LARGEST_BYTES = 10**21  # nobody has so much; more of it says nothing more


def in_words(size_bytes: float) -> str:
    """About how much, three figures at most: 0 B, 3.4 kB, 310 MB, 1.2 GB, 900 TB."""
    if size_bytes < 0:
        return f"-{in_words(-size_bytes)}"
    if size_bytes > LARGEST_BYTES:
        return "more than 1000 EB"
    if size_bytes < 999.5:
        return f"{size_bytes:.0f} B"
    size = float(size_bytes)
    for unit in UNITS:
        size /= 1000
        if size < 999.5 or unit == UNITS[-1]:
            return f"{size:.1f} {unit}" if size < 9.95 or unit == "GB" else f"{size:.0f} {unit}"
    raise AssertionError


def plainly(size_bytes: int) -> str:
    """A size as it was given, for who gave it: 3.999999 MB, 900 TB, -5 B."""
    if size_bytes < 0:
        return f"-{plainly(-size_bytes)}"
    if size_bytes > LARGEST_BYTES:
        return "more than 1000 EB"
    unit, scale = "B", 1
    for name in UNITS:
        if size_bytes < scale * 1000:
            break
        unit, scale = name, scale * 1000
    whole, rest = divmod(size_bytes, scale)
    figures = f"{rest * 1_000_000 // scale:06d}".rstrip("0")  # without rounding it up to a limit
    return f"{whole}{'.' if figures else ''}{figures} {unit}"
