"""Paths as texts: they may hold bytes that are not UTF-8, and need not exist."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable

Names = Callable[[str], Iterable[str]]
# Their disks can be told to, and are not.
IGNORES_CASE = sys.platform in ("win32", "darwin")


def is_under(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def moved(path: str, old: str, new: str) -> str:
    """The path that one at or below `old` has when `old` is called `new`."""
    inner = path[len(old.rstrip(os.sep)) :].lstrip(os.sep)
    return os.path.join(new, inner) if inner else new  # noqa: PTH118


def is_below(path: str, folder: str) -> bool:
    """The same for paths relative to one place, of which "" is the place itself."""
    return folder == "" or is_under(path, folder)


def as_spelled(path: str, names: Names = os.listdir) -> str:
    """An absolute path as its folders spell it, where letters that differ in case mean the same.

    Elsewhere Satchel compares paths letter by letter, as Linux does. What is not there keeps the
    spelling that it was given. `names` lists a folder, or raises OSError.
    """
    drive, rest = os.path.splitdrive(path)
    found = drive + os.sep
    for part in filter(None, rest.split(os.sep)):  # noqa: PTH206 - may not be UTF-8
        found = os.path.join(found, _spelled(part, found, names))  # noqa: PTH118
    return found


def _spelled(part: str, folder: str, names: Names) -> str:
    try:
        there = set(names(folder))
    except OSError:
        return part
    alike = [name for name in there if name.casefold() == part.casefold()]
    return alike[0] if part not in there and len(alike) == 1 else part
