"""Paths as texts: they may hold bytes that are not UTF-8, and need not exist."""

from __future__ import annotations

import os


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
