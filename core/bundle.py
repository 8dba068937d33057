"""What differs where Satchel runs from its bundle instead of from a Python environment.

A bundle has no Python that could be asked to run a module: its own program becomes each child,
told so by a first argument that no person types.
"""

from __future__ import annotations

import sys
from pathlib import Path

RUN_MODULE = "--run-module"
# What the program of a bundle may become, and nothing else.
MODULES = ("app.extractor", "app.service_process", "app.worker", "core.index.convert", "pip")
# On Windows a program without a window of its own would get one from the system, if only for a
# moment, since the program that starts it has no console. To be passed as `creationflags`.
NO_CONSOLE = 0x0800_0000 if sys.platform == "win32" else 0  # CREATE_NO_WINDOW
# Only a bundle has this folder; a checkout prepares its models into the person's store.
SHIPPED_MODELS = Path(__file__).resolve().parents[1] / "resources" / "models"


def is_bundle() -> bool:
    """Whether this process is the program of a bundle."""
    return bool(getattr(sys, "frozen", False))


def program_folder() -> Path:
    """The folder of the program that runs this: of the bundle, or of the environment."""
    return Path(sys.executable).parent


def module_command(module: str, *arguments: str) -> list[str]:
    """The command line that runs one of `MODULES` in a process of its own."""
    if module not in MODULES:
        raise ValueError(f"{module} is not among the modules that a bundle can run")
    switch = RUN_MODULE if is_bundle() else "-m"
    return [sys.executable, switch, module, *arguments]
