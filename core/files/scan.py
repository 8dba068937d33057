"""Looking into folders: what is in each, and what the rules say of it."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import UserError
from core.files.rules import HAS_MARKS, Rules

_JUNCTION = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)


class RootOffline(UserError):
    """A watched folder is not there: a drive unplugged, a share away. Its files are not deleted."""

    def __init__(self, root: str) -> None:
        super().__init__(
            f"The folder {root} cannot be reached.",
            "Connect the drive or share it is on; its files stay in the index until then.",
        )
        self.root = root


@dataclass(slots=True)
class Listing:
    """What is directly in one folder; links and pipes are nothing here.

    `files` are those to be indexed, with size and modification time in
    nanoseconds; `left_out` counts the others by rule. `folders` are to be
    entered; `closed` are not, each with the rule. `unknown` are names that
    could not be looked at just now.
    """

    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    folders: list[str] = field(default_factory=list)
    closed: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A folder that could not be listed; nothing is known of the files below it."""

    path: str
    reason: str


def list_folder(folder: str, rules: Rules) -> Listing:
    """What is in a folder that is entered. Raises OSError when it cannot be listed."""
    listing = Listing()
    inside = rules.inside(folder)
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            try:
                if entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    rule = inside.file_rule(name, status)
                    if rule is None:
                        listing.files[name] = (status.st_size, status.st_mtime_ns)
                    else:
                        listing.left_out[rule] += 1
                elif entry.is_dir(follow_symlinks=False):
                    looked = entry.stat(follow_symlinks=False) if HAS_MARKS else None
                    if looked is not None and is_junction(looked):
                        continue
                    rule = inside.folder_rule(name, looked)
                    if rule is None:
                        listing.folders.append(name)
                    else:
                        listing.closed[name] = rule
            except FileNotFoundError:
                continue  # gone since it was listed
            except OSError:
                listing.unknown.append(name)
    listing.folders.sort()
    return listing


def walk(
    start: str, rules: Rules, barred: frozenset[str] = frozenset()
) -> Iterator[tuple[str, Listing] | Unreadable]:
    """The listings of a folder that is entered and of those below it, depth first.

    Links are not followed, so nothing outside is reached and no loop entered;
    nor are the folders in `barred` entered. A folder that is gone when its turn
    comes is passed over.
    """
    pending = [start]
    while pending:
        folder = pending.pop()
        try:
            listing = list_folder(folder, rules)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            yield Unreadable(folder, _reason(error))
            continue
        yield folder, listing
        below = (os.path.join(folder, name) for name in reversed(listing.folders))  # noqa: PTH118
        pending.extend(path for path in below if path not in barred)


def count_files(folder: str, barred: frozenset[str] = frozenset()) -> int:
    """How many regular files lie below a folder that is left out, as far as it can be listed."""
    count = 0
    pending = [folder]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        count += 1
                    elif (
                        entry.is_dir(follow_symlinks=False)
                        and entry.path not in barred
                        and not (_JUNCTION and is_junction(entry.stat(follow_symlinks=False)))
                    ):
                        pending.append(entry.path)
        except OSError:
            continue
    return count


def require_root(root: str) -> os.stat_result:
    """The status of a watched folder. Raises RootOffline unless it can be listed."""
    try:
        status = Path(root).stat()
        with os.scandir(root):
            return status
    except OSError as error:
        raise RootOffline(root) from error


def is_junction(status: os.stat_result) -> bool:
    """Windows' links between directories, which it does not call links."""
    return _JUNCTION is not None and getattr(status, "st_reparse_tag", None) == _JUNCTION


def _reason(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "may not be opened by you; change its permissions to have it searched"
    return f"could not be listed ({error.strerror or 'unknown error'})"
