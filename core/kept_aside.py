"""Mending the person's own small files: a copy of what was found stays, whatever becomes of it."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import tomli_w

from core.atomic import write_atomic
from core.errors import UserError
from core.settings import DECLARED, Setting, Settings


def keep_aside(path: Path) -> Path:
    """A copy of a file beside it, under a name of its own; where it is. Raises OSError."""
    stamp = int(time.time())
    while (aside := path.with_name(f"{path.stem}-damaged-{stamp}{path.suffix}")).exists():
        stamp += 1
    write_atomic(aside, path.read_bytes())
    return aside


def settings_problem(path: Path) -> str | None:
    """Why the settings cannot be read, in words; None when they can."""
    try:
        Settings(path)
    except UserError as error:
        return error.title
    return None


def mend_settings(path: Path) -> tuple[Path, int]:
    """Write the settings anew with all of them that can be read; where the copy of what was there
    is, and how many settings were kept. Raises OSError.
    """
    aside = keep_aside(path)
    kept = readable_settings(path.read_bytes().decode("utf-8", "replace"))
    tables: dict[str, dict[str, object]] = {}
    for key, value in kept.items():
        table, _, name = key.rpartition(".")
        tables.setdefault(table, {})[name] = value
    write_atomic(path, tomli_w.dumps(tables).encode())
    return aside, len(kept)


def readable_settings(text: str, declared: tuple[Setting, ...] = DECLARED) -> dict[str, object]:
    """The settings in a file that is not TOML as a whole, line by line, that have their form."""
    by_key = {setting.key: setting for setting in declared}
    table = ""
    found: dict[str, object] = {}
    for line in text.splitlines():
        try:
            read = tomllib.loads(line)
        except tomllib.TOMLDecodeError:
            continue
        if line.lstrip().startswith("["):
            table = line.strip().strip("[]").strip()
            continue
        for name, value in read.items():
            setting = by_key.get(f"{table}.{name}")
            if setting is None:
                continue
            try:
                setting.check(value)
            except UserError:
                continue
            found[setting.key] = value
    return found
