"""Whether another app fills the whole screen: a film, a game, a talk. None is unknown."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection

from core.budget.said import said

# Of SHQueryUserNotificationState: an app in full screen, a game, a presentation.
_FILLED = (2, 3, 4)


def full_screen(own: Collection[int] = ()) -> bool | None:
    """Whether it is so now, where the system tells. Windows of the processes `own` do not count.

    On Linux under X11 only: Wayland tells nobody.
    """
    if sys.platform == "win32":
        return _windows_full_screen()
    if not sys.platform.startswith("linux") or not os.environ.get("DISPLAY"):
        return None
    window = parse_active(said("xprop", "-root", "_NET_ACTIVE_WINDOW"))
    if window is None:
        return None
    return parse_state(said("xprop", "-id", window, "_NET_WM_STATE", "_NET_WM_PID"), own)


def parse_active(text: str | None) -> str | None:
    """The number of the window in front, as xprop writes it; None when there is none."""
    found = re.search(r"window id # (0x[0-9a-f]+)", text or "")
    return found.group(1) if found and int(found.group(1), 16) else None


def parse_state(text: str | None, own: Collection[int] = ()) -> bool | None:
    """Whether a window fills the screen, by its properties as xprop writes them."""
    if text is None or "_NET_WM_STATE" not in text:
        return None
    process = re.search(r"_NET_WM_PID\(CARDINAL\) = (\d+)", text)
    if process is not None and int(process.group(1)) in own:
        return False
    return "_NET_WM_STATE_FULLSCREEN" in text


if sys.platform == "win32":
    import ctypes

    def _windows_full_screen() -> bool | None:
        state = ctypes.c_int()
        if ctypes.windll.shell32.SHQueryUserNotificationState(ctypes.byref(state)) != 0:
            return None
        return state.value in _FILLED

else:

    def _windows_full_screen() -> bool | None:
        return None
