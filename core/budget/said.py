"""What a program of the system prints when it is asked for something."""

from __future__ import annotations

import shutil
import subprocess

from core.bundle import NO_CONSOLE

_ASK_S = 2.0


def said(program: str, *arguments: str) -> str | None:
    """Its output; None when it is not there, fails, or takes longer than two seconds."""
    path = shutil.which(program)
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASK_S,
            creationflags=NO_CONSOLE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
