"""Opening a file to read its text: regular files only, failures in words."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from core.errors import FileError
from core.text.document import Limits

_LONGEST_WINDOWS_PATH = 260  # MAX_PATH, unless long paths are switched on
_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_TOO_MUCH = "unpacks to more than Satchel may read; split it to have it searched"


class Source:
    """A file to be read, or a part of one that is in memory: an attachment of a mail.

    `path` is always the file's, for messages; `name` is what the suffix is taken
    from. A part shares its file's limits, and what is unpacked out of all parts
    is counted together. `depth` says how many files it is inside of.
    """

    def __init__(self, path: str, limits: Limits | None = None) -> None:
        self.path = path
        self.name = path
        self.limits = limits or Limits()
        self.depth = 0
        self._data: bytes | None = None
        self._unpacked = _Counter()

    def inner(self, name: str, data: bytes) -> Source:
        """A part of this source."""
        part = Source(self.path, self.limits)
        part.name, part.depth, part._data = name, self.depth + 1, data
        part._unpacked = self._unpacked
        return part

    def open(self) -> BinaryIO:
        """The bytes as a seekable file. Raises FileError as `open_regular`."""
        return open_regular(self.path) if self._data is None else io.BytesIO(self._data)

    def read(self, max_bytes: int | None = None) -> bytes:
        """All bytes. Raises FileError as `open_regular`, and "skipped" when there are too many."""
        max_bytes = self.limits.max_expanded_bytes if max_bytes is None else max_bytes
        if self._data is None:
            return _read_regular(self.path, max_bytes)
        if len(self._data) > max_bytes:
            raise _too_large(self.path, max_bytes)
        return self._data

    def head(self, size_bytes: int) -> bytes:
        """The first bytes. Raises FileError as `open_regular`."""
        with self.open() as file:
            try:
                return file.read(size_bytes)
            except OSError as error:
                raise os_failure(self.path, error) from error

    def count_unpacked(self, size_bytes: int) -> None:
        """Note that so much came out of an archive. Raises FileError when it is too much."""
        self._unpacked.bytes += size_bytes
        if self._unpacked.bytes > self.limits.max_expanded_bytes:
            raise FileError(self.path, _TOO_MUCH, "skipped")

    @property
    def left_bytes(self) -> int:
        """How much may still be unpacked."""
        return max(0, self.limits.max_expanded_bytes - self._unpacked.bytes)


class _Counter:
    def __init__(self) -> None:
        self.bytes = 0


def open_regular(path: str) -> BinaryIO:
    """Open a regular file for reading; a pipe or device is refused without waiting for it.

    Raises FileError: "missing" when it is gone, "skipped" when it is no regular
    file, "failed" when it may not be read.
    """
    try:
        # Looked at before opening (opening a device may have effects) and after
        # (the path may have been swapped in between).
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise _not_regular(path)
        descriptor = os.open(path, os.O_RDONLY | _NO_WAIT)
    except OSError as error:
        raise os_failure(path, error) from error
    except ValueError as error:  # a NUL inside the path
        raise FileError(path, "has a name that this system cannot open") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_regular(path)
    return os.fdopen(descriptor, "rb")


def _read_regular(path: str, max_bytes: int) -> bytes:
    with open_regular(path) as file:
        try:
            # Asking for more than there is would reserve all of it.
            size = os.fstat(file.fileno()).st_size
            data = file.read(size + 1) if size <= max_bytes else b""
        except OSError as error:
            raise os_failure(path, error) from error
    if max(size, len(data)) > max_bytes:
        raise _too_large(path, max_bytes)
    return data


# Reasons that may hold no more though the file is the same; files that have one are tried again.
NOT_ALLOWED = "may not be read by you; change its permissions to have it searched"
UNREADABLE = "could not be read from the disk"
PASSING = (NOT_ALLOWED, UNREADABLE)


def os_failure(path: str, error: OSError) -> FileError:
    """What the operating system said about a file, as a FileError."""
    if sys.platform == "win32" and len(path) >= _LONGEST_WINDOWS_PATH:
        return FileError(path, "has a longer path than Windows opens; shorten its folders' names")
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
        return FileError(path, "is no longer there", "missing")
    if error.errno in (errno.EACCES, errno.EPERM):
        return FileError(path, NOT_ALLOWED)
    if error.errno == errno.ELOOP:
        return FileError(path, "is a link that leads back to itself", "skipped")
    return FileError(path, f"{UNREADABLE} ({error.strerror or 'unknown error'}); it is tried again")


def _too_large(path: str, max_bytes: int) -> FileError:
    return FileError(
        path,
        f"is larger than {max_bytes // 1_000_000} MB; split it to have it searched",
        "skipped",
    )


def _not_regular(path: str) -> FileError:
    return FileError(path, "is not a regular file", "skipped")
