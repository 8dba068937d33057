"""`satchel remove-data`: shows all that Satchel keeps for a person, asks, and deletes it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from app.autostart import EntryFile, entry_of, start_with_session
from app.identity import APP_ID
from app.output import Output
from app.quantities import size
from core.errors import UserError
from core.home import Home, find_home
from core.removal import Kept, kept_in_home, kept_models, not_own, remove, size_of

_TITLES = {
    "settings": "settings and the list of folders",
    "data": "the index, conversations and what is remembered",
    "cache": "what was measured of this computer",
    "models": "models, which all homes share",
    "entry": "entries in menus and among what starts with the session",
}


def everything(home: Home, environment: Mapping[str, str]) -> list[Kept]:
    """All that is kept for a person: the home, the models, and what desktops were told."""
    return [*kept_in_home(home), *kept_models(home), *_entries(home, environment)]


def _entries(home: Home, environment: Mapping[str, str]) -> list[Kept]:
    """The files outside the home that Satchel made for this person."""
    found = []
    starting = entry_of(home, environment)
    if isinstance(starting, EntryFile):
        found.append(starting.path)
    if sys.platform == "linux" and home.config == find_home(None, {}).config:
        named = environment.get("XDG_DATA_HOME", "")
        share = Path(named) if os.path.isabs(named) else Path.home() / ".local" / "share"  # noqa: PTH117
        found += [
            share / "applications" / f"{APP_ID}.desktop",
            share / "metainfo" / f"{APP_ID}.metainfo.xml",
            *sorted((share / "icons" / "hicolor").glob(f"*/apps/{APP_ID}.*")),
        ]
    return [Kept("entry", path, size_of(path)) for path in found if path.is_file()]


def carry_out(home: Home, kept: Sequence[Kept]) -> None:
    """Delete what is listed. Raises UserError; see `core.removal.remove`."""
    remove(home, kept)
    if any(one.part != "models" for one in kept):
        start_with_session(home, False)


def remove_data(
    home: Home, options: argparse.Namespace, output: Output, environment: Mapping[str, str]
) -> int:
    """Show what is kept; delete it where it is agreed to. Raises UserError."""
    kept = everything(home, environment)
    left = not_own(home)
    chosen: list[Kept] = []
    if not options.show and kept:
        chosen = _chosen(kept, options)
        if chosen:
            carry_out(home, chosen)
    body = {
        "kept": [_row(one) for one in kept if one not in chosen],
        "deleted": [_row(one) for one in chosen],
        "left": [str(path) for path in left],
    }
    output.lines(body, _told(home, kept, chosen, left, options))
    return 0


def _chosen(kept: Sequence[Kept], options: argparse.Namespace) -> list[Kept]:
    """What is to go. Raises UserError where nobody can be asked and `--yes` was not given."""
    models = [one for one in kept if one.part == "models"]
    rest = [one for one in kept if one.part != "models"]
    if options.yes:
        return [*rest, *(models if options.models else [])]
    if not sys.stdin.isatty():
        raise UserError("Nothing was deleted.", "Add --yes to delete unasked, --show to look only.")
    print("\n".join(summary(kept)), file=sys.stderr)
    agreed = rest if rest and _agreed("Delete all of this but the models?") else []
    if models and _agreed(f"Delete the models ({_bytes(models)}) too?"):
        agreed = [*agreed, *models]
    return agreed


def _agreed(question: str) -> bool:
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def summary(kept: Sequence[Kept]) -> list[str]:
    """What is kept by part, with places and sizes, for people."""
    lines = []
    for part, title in _TITLES.items():
        of_part = [one for one in kept if one.part == part]
        if of_part:
            lines.append(f"{_bytes(of_part):>10}  {title}")
            folders = sorted({str(one.path.parent) for one in of_part})
            lines += [f"{'':12}{folder}" for folder in folders]
    return [*lines, f"{_bytes(kept):>10}  in all"]


def _told(
    home: Home,
    kept: Sequence[Kept],
    deleted: Sequence[Kept],
    left: Sequence[Path],
    options: argparse.Namespace,
) -> Iterator[str]:
    if not kept:
        yield f"Satchel keeps nothing in {home.data}."
    elif options.show:
        yield from summary(kept)
        yield "Delete it with `satchel remove-data`. Your own files are not part of it."
    elif deleted:
        yield f"{_bytes(deleted)} deleted. Your own files are as they were."
        if len(deleted) < len(kept):
            yield f"{_bytes([one for one in kept if one not in deleted])} kept."
    else:
        yield "Nothing was deleted."
    for path in left:
        yield f"left, as it is not Satchel's: {path}"


def _row(one: Kept) -> dict[str, object]:
    return {"part": one.part, "path": str(one.path), "bytes": one.size_bytes}


def _bytes(kept: Sequence[Kept]) -> str:
    return size(sum(one.size_bytes for one in kept))
