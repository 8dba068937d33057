"""The name that desktops know the application by, the same on every platform."""

from __future__ import annotations

import sys

APP_ID = "io.github.satchel.Satchel"


def announce() -> None:
    """Have Windows group the window under Satchel's name, not Python's; elsewhere nothing.

    To be called before the first window is made (SetCurrentProcessExplicitAppUserModelID).
    Desktops of Linux learn the name from Qt, macOS from the bundle.
    """
    if sys.platform == "win32":
        import ctypes

        # A desktop that refuses shows another name in its task bar, and all else works.
        ctypes.windll.shell32.SetCurrentProcessExplicitAppUserModelID(APP_ID)
