"""Digests on disk: a file each, the oldest leave when there are too many or no room."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from core.atomic import write_atomic
from core.digest.memory import Saved, Stamp, decode, encode

MOST_KEPT = 20


class KeptDigests:
    """The folder of one home's digests. `room` gives the bytes that the disk budget leaves."""

    def __init__(self, folder: Path, room: Callable[[], int]) -> None:
        self._folder = folder
        self._room = room

    def load(self, task: str, stamps: tuple[Stamp, ...]) -> Saved | None:
        """What was read of these files for a task, None where nothing fits them as they are."""
        try:
            return decode(self._place(task, stamps).read_bytes(), stamps)
        except OSError:
            return None

    def save(self, task: str, saved: Saved) -> bool:
        """Keep a digest; whether there was room."""
        data = encode(saved)
        if self._room() < len(data):
            return False
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            write_atomic(self._place(task, saved.stamps), data)
        except OSError:
            return False
        for old in self._files()[:-MOST_KEPT]:
            old.unlink(missing_ok=True)
        return True

    def drop(self, task: str, stamps: tuple[Stamp, ...]) -> None:
        """Forget one digest."""
        self._place(task, stamps).unlink(missing_ok=True)

    def forget(self, path: str) -> int:
        """Remove every digest of the file at `path` or of one below it; how many."""
        gone = self._of(path)
        for place in gone:
            place.unlink(missing_ok=True)
        return len(gone)

    def knows(self, path: str) -> bool:
        """Whether there is a digest of the file at `path` or of one below it."""
        return bool(self._of(path))

    def damaged(self) -> list[Path]:
        """Digests that cannot be read."""
        return [place for place in self._files() if _paths_of(place) is None]

    def _of(self, path: str) -> list[Path]:
        """The digests of a file or of those below it; one that cannot be told may be of any."""
        found = []
        for place in self._files():
            inside = _paths_of(place)
            if inside is None or any(is_within(one, path) for one in inside):
                found.append(place)
        return found

    def _place(self, task: str, stamps: tuple[Stamp, ...]) -> Path:
        names = "\0".join((task, *(stamp.path for stamp in stamps)))
        digest = hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()[:24]
        return self._folder / f"{digest}.json"

    def _files(self) -> list[Path]:
        """Oldest first."""
        found: list[tuple[float, Path]] = []
        for place in self._folder.glob("*.json"):
            with contextlib.suppress(OSError):
                found.append((place.stat().st_mtime, place))
        return [place for _, place in sorted(found)]


def is_within(one: str, path: str) -> bool:
    """Whether one path is the other or below it."""
    return one == path or one.startswith(path.rstrip(os.sep) + os.sep)


def _paths_of(place: Path) -> list[str] | None:
    """The files that a digest is of; None when that cannot be told."""
    try:
        stamps = json.loads(place.read_bytes())["stamps"]
        return [str(ast.literal_eval(stamp["path"])) for stamp in stamps]
    except (OSError, ValueError, KeyError, TypeError, SyntaxError):
        return None
