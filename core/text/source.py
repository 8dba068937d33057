"""Opening a file to read its text: regular files only, failures in words."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from core.errors import FileError

_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


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


def read_bytes(path: str, max_bytes: int) -> bytes:
    """All bytes of a regular file. Raises FileError as `open_regular`, "skipped" when too big."""
    with open_regular(path) as file:
        try:
            # Asking for more than there is would reserve all of it.
            size = os.fstat(file.fileno()).st_size
            data = file.read(size + 1) if size <= max_bytes else b""
        except OSError as error:
            raise os_failure(path, error) from error
    if max(size, len(data)) > max_bytes:
        raise FileError(
            path,
            f"is larger than {max_bytes // 1_000_000} MB; split it to have it searched",
            "skipped",
        )
    return data


def os_failure(path: str, error: OSError) -> FileError:
    """What the operating system said about a file, as a FileError."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
        return FileError(path, "is no longer there", "missing")
    if error.errno in (errno.EACCES, errno.EPERM):
        return FileError(path, "may not be read by you; change its permissions to have it searched")
    if error.errno == errno.ELOOP:
        return FileError(path, "is a link that leads back to itself", "skipped")
    return FileError(
        path, f"could not be read from the disk ({error.strerror or 'unknown error'}); try again"
    )


def _not_regular(path: str) -> FileError:
    return FileError(path, "is not a regular file", "skipped")
