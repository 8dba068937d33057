"""What names a file's content."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

DIGEST_BYTES = 8  # that any two of a million files share one has a chance of 3 in 100 million
_READ_NO_WAIT = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def content_digest(path: str) -> bytes:
    """8 bytes that name a file's content together with its kind (the name's ending).

    Raises OSError: FileNotFoundError also when something else has taken the file's
    place. A pipe would keep its reader waiting, and some devices never end.
    """
    suffix = Path(path).suffix.lower()
    digest = hashlib.blake2b(suffix.encode("utf-8", "surrogateescape"), digest_size=16)
    digest.update(b"\0")
    with os.fdopen(os.open(path, _READ_NO_WAIT), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise FileNotFoundError(path)
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.digest()[:DIGEST_BYTES]


def can_list(path: str) -> bool:
    """Whether the folder that a file is in can be looked into."""
    try:
        with os.scandir(os.path.dirname(path)):  # noqa: PTH120
            return True
    except OSError:
        return False
