"""What a file is that is no GGUF, told from its first bytes, for a message that helps."""

from __future__ import annotations

import json
import struct

HEAD_BYTES = 4096
_PICKLE = "a file in Python's pickle format, as PyTorch writes it, which can run code when opened"
_STARTS = (
    (b"GGUF\x00\x00\x00", "a GGUF file made for big-endian computers"),
    (b"lmgg", "an old GGML file, of before GGUF"),
    (b"fmgg", "an old GGML file, of before GGUF"),
    (b"tjgg", "an old GGML file, of before GGUF"),
    (b"version https://git-lfs", "a pointer to a file that Git LFS has not brought"),
    (b"\x89HDF", "an HDF5 file"),
    (b"TFL3", "a TensorFlow Lite model"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"%PDF", "a PDF"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)


def what_it_is(head: bytes) -> str | None:
    """What a file that begins so is, in words; None when that is not known.

    `head` are its first bytes, `HEAD_BYTES` of them are enough.
    """
    if head.startswith(b"PK"):
        # PyTorch's newer files are zip archives with a pickle inside.
        return _PICKLE if b"data.pkl" in head else "a zip archive"
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return _PICKLE
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if _is_safetensors(head):
        return "a safetensors file, which has to be converted to GGUF first"
    text = head[:256].lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if text.startswith((b"{", b"[")):
        return "a JSON file"
    return None


def _is_safetensors(head: bytes) -> bool:
    """Eight bytes with the length of a JSON object, then that object."""
    if len(head) < 10 or head[8:9] != b"{":
        return False
    (length,) = struct.unpack_from("<Q", head)
    if not 2 <= length < 1 << 32:
        return False
    if length > len(head) - 8:
        return b'"dtype"' in head or b'"__metadata__"' in head
    try:
        json.loads(head[8 : 8 + length])
    except ValueError:
        return False
    return True
