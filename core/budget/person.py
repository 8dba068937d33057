"""Whether the person is at the machine: seconds since the last key or movement; None unknown."""

from __future__ import annotations

import re
import sys
import time

from core.budget.said import said

_NS = 1e9


def idle_s() -> float | None:
    """Seconds since the person last used keyboard or mouse, where the system tells it."""
    if sys.platform == "win32":
        return _windows_idle_s()
    if sys.platform == "darwin":
        return parse_ioreg(said("ioreg", "-c", "IOHIDSystem", "-d", "4"))
    return parse_loginctl(said("loginctl", "show-session", "auto", "-p", "IdleHint",
                                "-p", "IdleSinceHint"), time.time())  # fmt: skip


def parse_loginctl(text: str | None, now_s: float) -> float | None:
    """Of systemd's session: 0 while somebody is active, else since when nobody was."""
    values = dict(line.partition("=")[::2] for line in (text or "").splitlines())
    if values.get("IdleHint") == "no":
        return 0.0
    since = values.get("IdleSinceHint", "")
    if values.get("IdleHint") != "yes" or not since.isdecimal():
        return None
    return max(0.0, now_s - int(since) / 1e6)


def parse_ioreg(text: str | None) -> float | None:
    """Of macOS's list of devices: the nanoseconds of its input system."""
    found = re.search(r'"HIDIdleTime"\s*=\s*(\d+)', text or "")
    return int(found.group(1)) / _NS if found else None


if sys.platform == "win32":
    import ctypes

    class _LastInput(ctypes.Structure):
        """`LASTINPUTINFO`."""

        _fields_ = (("size", ctypes.c_uint), ("tick_ms", ctypes.c_uint))

    def _windows_idle_s() -> float | None:
        told = _LastInput(ctypes.sizeof(_LastInput), 0)
        if not ctypes.windll.user32.GetLastInputInfo(ctypes.byref(told)):
            return None
        now_ms = ctypes.windll.kernel32.GetTickCount()
        return float((now_ms - told.tick_ms) & 0xFFFFFFFF) / 1000

else:

    def _windows_idle_s() -> float | None:
        return None
