"""Why a path is or isn't indexed: the rule, its file, or what became of the file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from core.files.folders import WatchedFolder
from core.files.paths import is_under
from core.files.rules import Rules, Verdict
from core.store.files import QUARANTINE_CRASHES, FileTable
from core.store.rows import FileState, Standing


def why(
    path: str,
    folders: Sequence[WatchedFolder],
    rules: Callable[[WatchedFolder], Rules],
    files: FileTable,
) -> Verdict:
    """The answer for an absolute path, in words."""
    for folder in folders:
        if is_under(path, folder.path):
            offline = any(row.path == folder.path and row.offline for row in files.folders())
            return _inside(path, folder.path, offline, rules(folder), files.standing(path))
    inner = next((folder.path for folder in folders if is_under(folder.path, path)), None)
    if inner is not None:
        return Verdict(False, f"not watched itself, but {inner} in it is")
    return Verdict(False, "not inside a watched folder")


def _inside(
    path: str, folder: str, offline: bool, rules: Rules, standing: Standing | None
) -> Verdict:
    if offline or (standing is not None and standing.offline):
        place = folder if offline else os.path.dirname(path)  # noqa: PTH120
        if path == folder:
            return Verdict(False, "a watched folder that cannot be reached now; its files are kept")
        if standing is not None and standing.state == FileState.INDEXED:
            return Verdict(True, f"it stays searchable while {place} cannot be reached")
        return Verdict(False, f"{place} cannot be reached now")
    verdict = rules.verdict(path)
    if not verdict.indexed:
        return verdict
    if path == folder:
        return Verdict(True, "a watched folder")
    if standing is None:
        if os.path.isdir(path):  # noqa: PTH112 - may not be UTF-8
            return verdict
        return Verdict(False, "it waits to be indexed; it was not seen before")
    return verdict if standing.state == FileState.INDEXED else Verdict(False, _set_aside(standing))


def _set_aside(standing: Standing) -> str:
    """Why a known file is not indexed, though no rule leaves it out."""
    often = ""
    if standing.crashes >= QUARANTINE_CRASHES:
        often = f"its reader failed {standing.crashes} times; it is read after all other files"
    if standing.state == FileState.WAITING:
        return often or "it waits to be indexed"
    reason = standing.reason or {
        FileState.NEEDS_OCR: "its pages are pictures without text, which would need OCR",
        FileState.SKIPPED: "there is no reader for its kind",
    }.get(standing.state, "it could not be read")
    return f"{reason}; {often}" if often else reason
