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
# Only a bundle has this folder; a checkout prepares its models into the person's store.
SHIPPED_MODELS = Path(__file__).resolve().parents[1] / "resources" / "models"


def is_bundle() -> bool:
    """Whether this process is the program of a bundle."""
    return bool(getattr(sys, "frozen", False))


def module_command(module: str, *arguments: str) -> list[str]:
    """The command line that runs one of `MODULES` in a process of its own."""
    if module not in MODULES:
        raise ValueError(f"{module} is not among the modules that a bundle can run")
    switch = RUN_MODULE if is_bundle() else "-m"
    return [sys.executable, switch, module, *arguments]
