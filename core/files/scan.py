"""Walking a watched folder: every regular file once, with what the rules say of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.files.rules import Rules


class RootOffline(UserError):
    """A watched folder is not there: a drive unplugged, a share away. Its files are not deleted."""

    def __init__(self, root: str) -> None:
        super().__init__(
            f"The folder {root} cannot be reached.",
            "Connect the drive or share it is on; its files stay in the index until then.",
        )
        self.root = root


@dataclass(frozen=True, slots=True)
class Found:
    """One regular file. `rule` is None when it is to be indexed, else why it is not."""

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    device: int
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A directory that could not be listed; nothing is known of the files below it."""

    path: str
    reason: str


def scan(root: str, rules: Rules) -> Iterator[Found | Unreadable]:
    """Every regular file under `root`, directory by directory, names in order.

    Links are not followed, so nothing outside is reached and no loop entered.
    Files below an excluded directory come too, each with the directory's rule,
    so that all are counted; they cost one `lstat` each. Raises RootOffline when
    the root is missing at the start or vanishes on the way.
    """
    root = os.path.abspath(root)  # noqa: PTH100 - keeps links as they are
    _require_root(root)
    top = rules.directory_verdict(root)
    pending: list[tuple[str, str | None]] = [(root, None if top.indexed else top.rule)]
    while pending:
        folder, rule = pending.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            _require_root(root)
            if not isinstance(error, FileNotFoundError):  # gone since it was listed: nothing there
                yield Unreadable(folder, _reason(error))
            continue
        below: list[tuple[str, str | None]] = []
        for entry in entries:
            found = _look(entry, rule, rules)
            if isinstance(found, Found):
                yield found
            elif found is not None:
                below.append(found)
        pending.extend(reversed(below))
    _require_root(root)


def _look(
    entry: os.DirEntry[str], rule: str | None, rules: Rules
) -> Found | tuple[str, str | None] | None:
    """A file as Found, a directory as (path, rule) to be entered, anything else as None."""
    try:
        if entry.is_dir(follow_symlinks=False):
            if _is_junction(entry):
                return None
            verdict = None if rule else rules.directory_verdict(entry.path)
            return entry.path, rule if verdict is None or verdict.indexed else verdict.rule
        # Neither a link nor a pipe counts as a file here.
        status = entry.stat(follow_symlinks=False) if entry.is_file(follow_symlinks=False) else None
    except OSError:
        status = None  # gone since it was listed
    if status is None or not stat.S_ISREG(status.st_mode):
        return None
    if rule is None:
        verdict = rules.file_verdict(entry.path, status)
        rule = None if verdict.indexed else verdict.rule
    inode = status.st_ino or entry.inode()  # Windows leaves it out of the listing
    return Found(entry.path, status.st_size, status.st_mtime_ns, inode, status.st_dev, rule)


def _is_junction(entry: os.DirEntry[str]) -> bool:
    """Windows' links between directories, which it does not call links."""
    tag = getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", None)
    return tag is not None and tag == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)


def _require_root(root: str) -> None:
    """Raise RootOffline unless the root is a directory that can be listed."""
    try:
        if not stat.S_ISDIR(Path(root).stat().st_mode):
            raise RootOffline(root)
    except OSError as error:
        raise RootOffline(root) from error


def _reason(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "may not be opened by you; change its permissions to have it searched"
    return f"could not be listed ({error.strerror or 'unknown error'})"
