"""The program of a bundle: the command line, the window, or one of our own child processes."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import MutableMapping

from core.bundle import MODULES, RUN_MODULE

_LIBRARIES = "LD_LIBRARY_PATH"


def clean(environment: MutableMapping[str, str]) -> None:
    """Make an environment fit to be handed on to other programs and to our own children.

    The bundle's loader points the system at the bundle's libraries. This process has them; the
    person's programs (a PDF viewer, LibreOffice) must find their own. Each child of ours sets up
    its own again, which the loader does only when it is told that it starts anew.
    """
    before = environment.pop(f"{_LIBRARIES}_ORIG", None)
    environment.pop(_LIBRARIES, None)
    if before:
        environment[_LIBRARIES] = before
    environment["PYINSTALLER_RESET_ENVIRONMENT"] = "1"


def main() -> int:
    """Become the child that the first argument asks for, or else the command line."""
    if sys.platform == "linux":
        clean(os.environ)
    if sys.argv[1:2] != [RUN_MODULE]:
        from app.cli import main as command_line

        return command_line()
    module = sys.argv[2] if len(sys.argv) > 2 else ""
    if module not in MODULES:
        print("satchel: this argument is for Satchel's own use.", file=sys.stderr)
        return 2
    sys.argv[:3] = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
