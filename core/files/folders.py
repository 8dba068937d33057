"""Which folders are watched, and what is left out of each: the person's own list, in one file.

It is JSON and not TOML because a path may hold bytes that are not UTF-8, which
JSON can carry as escapes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.atomic import write_atomic
from core.errors import UserError
from core.files.paths import IGNORES_CASE, as_spelled, is_under


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """An absolute path and patterns in gitignore syntax."""

    path: str
    exclude: tuple[str, ...] = ()


def absolute(path: str) -> str:
    """The path as it is kept: absolute, `~` expanded, links left alone."""
    whole = os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - may not be UTF-8
    return as_spelled(whole) if IGNORES_CASE else whole


def load_folders(file: Path) -> tuple[WatchedFolder, ...]:
    """The list as it was written; empty when there is none. Raises UserError when damaged."""
    try:
        entries = json.loads(file.read_text("ascii"))
        return tuple(WatchedFolder(str(e["path"]), tuple(map(str, e["exclude"]))) for e in entries)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"The list of folders in {file} cannot be read: {error}.",
            "Mend the file, or run `satchel doctor --repair`, which keeps a copy of it.",
        ) from error


def save_folders(file: Path, folders: Sequence[WatchedFolder]) -> None:
    """Write the list. Raises UserError."""
    entries = [{"path": folder.path, "exclude": list(folder.exclude)} for folder in folders]
    try:
        write_atomic(file, (json.dumps(entries, indent=1) + "\n").encode("ascii"))
    except OSError as error:
        raise UserError(
            f"The list of folders cannot be written to {file}: {error.strerror}.",
            "Free some disk space or choose another home with --home.",
        ) from error


def with_added(
    folders: Sequence[WatchedFolder],
    paths: Sequence[str],
    exclude: Sequence[str],
    known_before: Collection[str] = (),
) -> tuple[WatchedFolder, ...]:
    """The list with more folders; one that is there gets the further patterns.

    Raises UserError for what is not a folder, or lies inside or around another. One that was
    `known_before` may be out of reach.
    """
    found = {folder.path: folder for folder in folders}
    for given in paths:
        path = absolute(given)
        if path not in known_before:
            _require_folder(path)
        for other in found:
            if path != other and is_under(path, other):
                raise UserError(
                    f"{path} lies inside {other}, which is watched already.",
                    "It is indexed with that folder; there is nothing to add.",
                )
            if path != other and is_under(other, path):
                raise UserError(
                    f"{path} holds {other}, which is watched already.",
                    f"Remove that one first: satchel folders remove {other}",
                )
        known = found.get(path, WatchedFolder(path))
        more = tuple(pattern for pattern in exclude if pattern not in known.exclude)
        found[path] = replace(known, exclude=known.exclude + more)
    return tuple(found.values())


def with_removed(
    folders: Sequence[WatchedFolder], paths: Sequence[str]
) -> tuple[WatchedFolder, ...]:
    """The list without some folders. Raises UserError for one that is not in it."""
    gone = {absolute(path) for path in paths}
    unknown = gone - {folder.path for folder in folders}
    if unknown:
        raise UserError(
            f"{min(unknown)} is not a watched folder.",
            "See the list with `satchel folders list`.",
        )
    return tuple(folder for folder in folders if folder.path not in gone)


def with_forgotten(
    folders: Sequence[WatchedFolder], path: str
) -> tuple[tuple[WatchedFolder, ...], str | None]:
    """The list after a path is to be left out for ever, and the pattern that does so.

    A watched folder that is the path itself, or lies below it, is not watched
    any more. The pattern is None where no other watched folder holds the path.
    """
    rule: str | None = None
    kept: list[WatchedFolder] = []
    for folder in folders:
        if is_under(folder.path, path):
            continue
        if is_under(path, folder.path):
            rule = "/" + _as_pattern(os.path.relpath(path, folder.path))
            if rule not in folder.exclude:
                folder = replace(folder, exclude=(*folder.exclude, rule))  # noqa: PLW2901
        kept.append(folder)
    return tuple(kept), rule


def _as_pattern(path: str) -> str:
    """A relative path as a gitignore pattern that means just this path."""
    return "".join(f"\\{c}" if c in "\\*?[]!# " else c for c in path.replace(os.sep, "/"))


def _require_folder(path: str) -> None:
    if not os.path.exists(path):  # noqa: PTH110 - may not be UTF-8
        raise UserError(
            f"There is no folder {path}.", "Check the spelling, or connect the drive it is on."
        )
    if not os.path.isdir(path):  # noqa: PTH112
        raise UserError(f"{path} is a file, not a folder.", "Add the folder that it is in.")
    if not os.access(path, os.R_OK | os.X_OK):
        raise UserError(
            f"{path} cannot be read by you.", "Change its permissions, then add it again."
        )
