"""All that Satchel keeps for a person, and deleting it: what is not Satchel's own stays."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import filelock

from core.errors import UserError
from core.holder import refuse_another
from core.home import Home
from core.index.succession import next_home

KeptPart = Literal["settings", "data", "cache", "models", "entry"]
_MODEL_FOLDERS = ("embedding", "llm")
_BESIDE_DATABASE = re.compile(r"\.db-(wal|shm|journal)|-before-\d+\.(db|tmp)")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file or folder that removing would delete."""

    part: KeptPart
    path: Path
    size_bytes: int


def kept_in_home(home: Home) -> list[Kept]:
    """What is in a home; empty where there is none."""
    parts: tuple[tuple[KeptPart, Path], ...] = (
        ("settings", home.config),
        ("data", home.data),
        ("cache", home.cache),
    )
    return [
        Kept(part, path, size_of(path))
        for part, folder in parts
        for path in _inside(folder)
        if is_own(home, path)
    ]


def kept_models(home: Home) -> list[Kept]:
    """The models in the store that all homes share."""
    folders = (home.models / name for name in _MODEL_FOLDERS)
    return [Kept("models", path, size_of(path)) for path in folders if path.is_dir()]


def not_own(home: Home) -> list[Path]:
    """What lies in the folders of a home and did not come from Satchel."""
    # On Windows and macOS some of these folders lie in others.
    folders = (home.config, home.data, home.cache, home.models)
    return [
        path
        for folder in folders[:3]
        for path in _inside(folder)
        if not is_own(home, path) and not any(each.is_relative_to(path) for each in folders)
    ]


def is_own(home: Home, path: Path) -> bool:
    """Whether a path right below one of the home's folders has a name that Satchel gives there."""
    places = [each for each in _places(home) if each.parent == path.parent]
    name = path.name
    if any(name in (each.name, f".{each.name}.tmp") for each in places):
        return True
    return any(
        name.startswith(each.stem) and _BESIDE_DATABASE.fullmatch(name[len(each.stem) :])
        for each in places
        if each.suffix == ".db"
    )


def _places(home: Home) -> Iterator[Path]:
    """Every place that a home names, those added later too."""
    for name, value in vars(Home).items():
        if isinstance(value, property):
            yield getattr(home, name)
    yield next_home(home).data


def remove(home: Home, kept: Sequence[Kept]) -> None:
    """Delete what is listed, then the folders that this leaves empty.

    Links are deleted, never what they point to. Raises UserError when a running Satchel or
    another machine has the home, with nothing deleted, or when something could not be deleted,
    after all the rest.
    """
    failures: list[OSError] = []
    lock_goes = not home.lock.exists() or any(one.path == home.lock for one in kept)
    with _alone(home):
        for one in kept:
            if one.path != home.lock:
                _delete(one.path, failures)
    if lock_goes:
        _delete(home.lock, failures)
    _remove_empty(home)
    if failures:
        reason = failures[0].strerror or str(failures[0])
        raise UserError(
            f"{len(failures)} of {len(kept)} could not be deleted: "
            f"{failures[0].filename}: {reason}.",
            "Make it writable, then run it again.",
        )


@contextlib.contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Hold the home's lock, where there is a home.

    Raises UserError, also where another machine has the home.
    """
    if not home.data.is_dir():
        yield
        return
    refuse_another(home)
    lock = filelock.FileLock(home.lock, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise UserError(
            "Satchel is running, and nothing was deleted.",
            "Quit it in its window or tray, then run this again.",
        ) from error
    except OSError as error:
        raise UserError(
            f"{home.data} cannot be changed: {error.strerror or error}.", "Make it writable."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _delete(path: Path, failures: list[OSError]) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        failures.append(error)


def _remove_empty(home: Home) -> None:
    """Remove the folders of a home and its store that have become empty."""
    folders = [home.config, home.data, home.cache, home.models]
    # With --home all lie in the person's one folder; else in folders called after Satchel.
    together = len({home.config.parent, home.data.parent, home.cache.parent}) == 1
    folders += [home.data.parent] if together else []
    folders += [each.parent for each in folders if each.parent.name == "satchel"]
    for folder in sorted(set(folders), key=lambda each: len(each.parts), reverse=True):
        with contextlib.suppress(OSError):
            folder.rmdir()


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; links count nothing."""
    if path.is_symlink():
        return 0
    total = 0
    with contextlib.suppress(OSError):
        total = path.stat().st_size if path.is_file() else 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):  # it has just gone
                total += Path(folder, name).lstat().st_size
    return total


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
