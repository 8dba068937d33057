"""Whole-file writes that either happen or do not."""

from __future__ import annotations

import os
from pathlib import Path

TEMPORARY = ".tmp"  # how the name of a file ends that is not written to its end


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file's content through a synced temporary file beside it, mode 0600.

    Raises OSError; the old content stands then.
    """
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the renames in a folder durable, where the system has such a call. Raises OSError."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
