"""Where set-up reads and writes. Nothing but the standard library: it runs before .venv exists."""

import os
import shutil
import sys
from pathlib import Path

from console import SetupError

ROOT = Path(__file__).resolve().parents[1]
PACKAGING = ROOT / "packaging"
VENV = ROOT / ".venv"


def cache_dir() -> Path:
    """The folder for what can be made again: built wheels, logs, environments in use."""
    base = os.environ.get("XDG_CACHE_HOME")
    if not base and os.name == "nt":
        base = os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "satchel"


def models_dir() -> Path:
    """The store of models that all checkouts share; the same place that appdirs gives."""
    named = os.environ.get("SATCHEL_MODELS")
    if named:
        return Path(named).expanduser().absolute()
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    elif os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "satchel" / "models"


def log_file(name: str) -> Path:
    """Where the output of a command goes."""
    return cache_dir() / "logs" / f"{name}.log"


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / "Scripts" / "python.exe" if os.name == "nt" else environment / "bin/python"


def need_space(folder: Path, size_bytes: int, purpose: str) -> None:
    """Raises SetupError when the disk under `folder` has less than `size_bytes` free."""
    folder.mkdir(parents=True, exist_ok=True)
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < size_bytes:
        raise SetupError(
            f"{purpose} needs {size_bytes / 1e9:.1f} GB free, and {folder} has "
            f"{free_bytes / 1e9:.1f} GB.",
            "Free some space, or point XDG_CACHE_HOME and SATCHEL_MODELS at a roomier disk.",
        )
