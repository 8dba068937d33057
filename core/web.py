"""A file from an https address: gone on with where it stopped, and checked by size and hash.

Needs the standard library only, for set-up fetches with it before the packages are there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import email.message
import http.client
import os
import re
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core.download import Progress, altered, file_sha256, need_space
from core.errors import UserError

SPARE_BYTES = 64 * 1_000_000  # of the disk that a fetch leaves free, at any moment
_CHUNK_BYTES = 1 << 18
_TIMEOUT_S = 30.0
_TRIES = 5  # in a row without a byte more
_WAIT_S = 1.0
_HERE = ("127.0.0.1", "::1", "localhost")
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_RETRIED = (http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.REQUEST_TIMEOUT)


@dataclass(frozen=True, slots=True)
class Address:
    """A file at an https address."""

    url: str
    size_bytes: int
    sha256: str


def mirrored(source: Address, mirror: str) -> Address:
    """The same file at a mirror, a base address that replaces scheme and host; "" is none.

    Raises UserError when the mirror is no https address.
    """
    if not mirror:
        return source
    check_address(mirror)
    parts = urllib.parse.urlsplit(source.url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return dataclasses.replace(source, url=mirror.rstrip("/") + path)


def check_address(url: str) -> None:
    """Raises UserError unless this is an https address (or one of this machine, for tests)."""
    if _is_safe(url):
        return
    raise UserError(f"{url} is not a safe address.", "Only https addresses are fetched.")


def url_download(
    source: Address,
    part: Path,
    progress: Progress,
    *,
    name: str = "",
    spare_bytes: int = SPARE_BYTES,
) -> None:
    """Bring a file to `part`, going on where an earlier try ended.

    What has come stays in `part` when this fails or `progress` raises, so that the next
    call goes on from there. `progress` gets (bytes done, bytes in all); `name` is what
    messages call the file. Raises UserError when the address cannot be had, gives another
    file, or the disk fills up; what is of no more use is removed.
    """
    check_address(source.url)
    with _alone(part):
        _complete(source, part, progress, name or part.name, spare_bytes)
        if file_sha256(part, lambda: progress(source.size_bytes, source.size_bytes)) == (
            source.sha256
        ):
            _tag_file(part).unlink(missing_ok=True)
        else:
            forget_part(part)
            raise altered(name or part.name)


def forget_part(part: Path) -> None:
    """Remove what has come of a file."""
    part.unlink(missing_ok=True)
    _tag_file(part).unlink(missing_ok=True)


def part_bytes(part: Path) -> int:
    """How much of a file has come."""
    return part.stat().st_size if part.is_file() else 0


def _complete(source: Address, part: Path, progress: Progress, name: str, spare_bytes: int) -> None:
    tries = 0
    if part_bytes(part) > source.size_bytes:
        forget_part(part)
    while (have := part_bytes(part)) < source.size_bytes:
        progress(have, source.size_bytes)
        need_space(part.parent, spare_bytes + source.size_bytes - have)
        try:
            _fetch_rest(source, part, have, progress, spare_bytes)
            problem = "it ended early"
        except urllib.error.HTTPError as error:
            problem = f"the server says {error.code}"
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                forget_part(part)
            elif error.code < http.HTTPStatus.INTERNAL_SERVER_ERROR and error.code not in _RETRIED:
                raise _unreachable(source, problem) from error
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise _unreachable(source, "its certificate is not valid") from error
            problem = str(reason) or type(error).__name__
        if part_bytes(part) > source.size_bytes:
            forget_part(part)
            raise altered(name)
        tries = 0 if part_bytes(part) > have else tries + 1
        if tries == _TRIES:
            raise _unreachable(source, problem)
        if tries:
            time.sleep(_WAIT_S * tries)


def _fetch_rest(
    source: Address, part: Path, have: int, progress: Progress, spare_bytes: int
) -> None:
    """One request, for what is missing."""
    headers = {"User-Agent": "satchel", "Accept-Encoding": "identity"}
    tag = _tag(part)
    if have:
        headers["Range"] = f"bytes={have}-"
        if tag:
            headers["If-Range"] = tag
    opener = urllib.request.build_opener(_SafeRedirects)
    request = urllib.request.Request(source.url, headers=headers)
    with opener.open(request, timeout=_TIMEOUT_S) as answer:
        total, start = _offered(answer.status, answer.headers)
        if total not in (None, source.size_bytes):
            raise UserError(
                f"The server offers a file of {total} bytes where {source.size_bytes} are due; it "
                "was refused.",
                "Try again later, or from another mirror (setting models.mirror).",
            )
        new_tag = answer.headers.get("ETag", "")
        changed = bool(tag and new_tag and tag != new_tag)
        if start and (start != have or changed):
            forget_part(part)  # this piece does not fit what is here
            return
        _keep_tag(part, new_tag)
        _write(answer, part, start, source, progress, spare_bytes)


def _offered(status: int, headers: email.message.Message) -> tuple[int | None, int]:
    """How long the whole file is, if the server says so, and where its answer begins."""
    if status == http.HTTPStatus.PARTIAL_CONTENT:
        found = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
        if found is None:
            raise http.client.HTTPException("a piece came that does not say which")
        return (None if found[2] == "*" else int(found[2])), int(found[1])
    if status != http.HTTPStatus.OK:
        raise http.client.HTTPException(f"the server says {status}")
    length = headers.get("Content-Length", "")
    return (int(length) if length.isdecimal() else None), 0


def _write(
    answer: IO[bytes],
    part: Path,
    start: int,
    source: Address,
    progress: Progress,
    spare_bytes: int,
) -> None:
    done = start
    with _on_disk(part), part.open("ab" if start else "wb", buffering=0) as file:
        # A byte too many is enough to know that it is not the file.
        while done <= source.size_bytes and (chunk := _read(answer)):
            file.write(chunk)
            done += len(chunk)
            need_space(part.parent, spare_bytes)
            progress(min(done, source.size_bytes), source.size_bytes)
        os.fsync(file.fileno())


def _read(answer: IO[bytes]) -> bytes:
    try:
        return answer.read(_CHUNK_BYTES)
    except OSError as error:
        raise http.client.HTTPException(str(error) or "the connection broke") from error


@contextlib.contextmanager
def _on_disk(part: Path) -> Iterator[None]:
    """What the disk refuses is no fault of the network and is not tried again."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"What was downloaded could not be written: {error.strerror or error}.",
            f"Check the space and your rights in {part.parent}, then fetch again: it goes on "
            "where it stopped.",
        ) from error


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows to https only, whatever the server wants."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not _is_safe(newurl) or (_is_https(req.full_url) and not _is_https(newurl)):
            host = urllib.parse.urlsplit(req.full_url).hostname
            raise UserError(
                f"{host} sends the download on to an address that is not safe; it was refused.",
                "Only https addresses are fetched. Try another mirror (setting models.mirror).",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_https(url: str) -> bool:
    return urllib.parse.urlsplit(url).scheme == "https"


def _is_safe(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in _HERE))


def _unreachable(source: Address, problem: str) -> UserError:
    host = urllib.parse.urlsplit(source.url).hostname
    return UserError(
        f"The file could not be downloaded from {host}: {problem}.",
        "Check the network and fetch again: it goes on where it stopped.",
    )


# --- beside a part ----------------------------------------------------------------------------


def _tag_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")


def _tag(part: Path) -> str:
    """The server's name for the version that a part is of, "" unknown."""
    try:
        return _tag_file(part).read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def _keep_tag(part: Path, tag: str) -> None:
    # Weak tags say nothing of single bytes.
    if re.fullmatch(r'"[\x21-\x7e]{0,200}"', tag):
        with contextlib.suppress(OSError):
            _tag_file(part).write_text(tag, "ascii")
    else:
        _tag_file(part).unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[None]:
    """While this one writes to a part no other process does. Raises UserError."""
    place = part.with_name(f"{part.name}.lock")
    with _on_disk(part):
        handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(handle)
    except OSError:
        os.close(handle)
        raise UserError(
            "This file is being fetched already.", "Wait until that is done, or cancel it there."
        ) from None
    try:
        yield
    finally:
        os.close(handle)
        with contextlib.suppress(OSError):
            place.unlink()


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
