"""What is left of writes that were broken off: temporary files that nobody goes on with."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.atomic import TEMPORARY

SETTLED_S = 10.0  # a process that is not the service may be writing a younger one


def leftovers(roots: Iterable[Path], now_s: float) -> list[Path]:
    """Temporary files in some folders that have not been written to for a while (Unix time)."""
    return [path for path in _files(roots) if _is_settled(path, now_s)]


def clear_leftovers(roots: Iterable[Path], now_s: float) -> None:
    """Delete what is left of writes that were broken off. What cannot be deleted stays."""
    for path in leftovers(roots, now_s):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _files(roots: Iterable[Path]) -> Iterator[Path]:
    for root in roots:
        for folder, _, names in os.walk(root):
            yield from (Path(folder, name) for name in names if name.endswith(TEMPORARY))


def _is_settled(path: Path, now_s: float) -> bool:
    try:
        return not path.is_symlink() and now_s - path.lstat().st_mtime > SETTLED_S
    except OSError:
        return False
