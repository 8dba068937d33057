"""Keys and values on disk: each part a file, bounded, and never loaded unless it is what it was.

A folder for each conversation, and one for what belongs to none. A file says which model, build,
type of cells and attention it is of and which tokens; it ends with a checksum of all that. The
worker writes and reads; the service only removes, which may happen at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from core.atomic import write_atomic
from core.llm.kv.memory import Run, Saved
from core.llm.kv.worth import Kept, to_evict

SUFFIX = ".kv"
SHARED = "shared"
SYSTEM = "system"  # how names of parts that hold no text of the person's begin
PARKED = "parked"  # those of what is paused, which only the worker that paused it goes on with
MAGIC = b"SATCHKV1"
_LENGTH = struct.Struct("<I")
_SUM_BYTES = 32
_MOST_HEADER_BYTES = 1_000_000
_SAMPLES, _SAMPLE_BYTES = 256, 4096


class Origin(msgspec.Struct, frozen=True):
    """What keys and values are of. None of it may differ when they are loaded."""

    model: str  # its name, for removing what it left
    fingerprint: str
    build: str
    cell_type: str
    attention: str


class _Header(msgspec.Struct, frozen=True):
    origin: Origin
    name: str
    first: int
    tokens: tuple[int, ...]
    cost_s: float
    state_bytes: int


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    first: int
    kept: Kept


class SavedKv:
    """The saved parts of one model as it is loaded now. `forget` may come from any thread."""

    def __init__(
        self,
        folder: Path,
        origin: Origin,
        limit_bytes: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Of all files in the folder, other models' too, `limit_bytes` may stay."""
        self._folder = folder
        self._origin = origin
        self._limit_bytes = limit_bytes
        self._now = now
        self._lock = threading.Lock()
        self._forgotten: set[int] = set()
        self._entries: dict[str, _Entry] = {}
        for path, header in _headers(folder):
            if header is None:
                path.unlink(missing_ok=True)  # cut off, altered, or of another version
            elif header.origin == origin and header.name.startswith(PARKED):
                path.unlink(missing_ok=True)  # of a worker that has ended
            elif header.origin == origin:
                self._entries[header.name] = _Entry(path, header.first, _kept(path, header))

    def limit(self, limit_bytes: int) -> None:
        """From now on so much may be on disk; what is over goes at the next saving."""
        self._limit_bytes = limit_bytes

    def first_of(self, name: str) -> int | None:
        """The position at which a saved part began; None when it is not saved."""
        entry = self._entries.get(name)
        return None if entry is None else entry.first

    def save(self, conversation: int, saved: Saved, cost_s: float) -> bool:
        """Keep a part that took so long to compute; whether it is kept.

        What is cheaper to compute again for its size goes for it. A disk that is full, or an
        error of it, only means that nothing is kept.
        """
        name = saved.run.name
        if name in self._entries:
            return True
        header = msgspec.json.encode(
            _Header(self._origin, name, saved.run.first, saved.run.tokens, cost_s, len(saved.state))
        )
        data = b"".join((MAGIC, _LENGTH.pack(len(header)), header, saved.state))
        data += hashlib.blake2b(data, digest_size=_SUM_BYTES).digest()
        path = self._path(conversation, name)
        with self._lock:
            if conversation in self._forgotten or not self._make_room(len(data)):
                return False
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_atomic(path, data)
            except OSError:
                self._make_room(len(data), limit_bytes=total_bytes(self._folder))
                return False
            kept = Kept(path, len(data), cost_s, self._now())
            self._entries[name] = _Entry(path, saved.run.first, kept)
        return True

    def load(self, name: str) -> Saved | None:
        """A saved part; None when it is not there, or is not what was saved: then it is removed."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        found = _read(entry.path, self._origin, name)
        if found is None:
            self.remove(name)
        else:
            used = replace(entry.kept, used_at=self._now())
            self._entries[name] = replace(entry, kept=used)
            with contextlib.suppress(OSError):
                os.utime(entry.path)
        return found

    def remove(self, name: str) -> None:
        """Remove a part."""
        entry = self._entries.pop(name, None)
        if entry is not None:
            with contextlib.suppress(OSError):
                entry.path.unlink(missing_ok=True)

    def forget(self, conversation: int) -> None:
        """Remove a conversation's parts and keep none of it from now on."""
        with self._lock:
            self._forgotten.add(conversation)
            forget_conversation(self._folder, conversation)

    def _path(self, conversation: int, name: str) -> Path:
        key = msgspec.json.encode(self._origin) + name.encode()
        digest = hashlib.blake2b(key, digest_size=16).hexdigest()
        return self._folder / (str(conversation) if conversation else SHARED) / (digest + SUFFIX)

    def _make_room(self, needed: int, limit_bytes: int | None = None) -> bool:
        """Remove the least worth, so that this much fits; False when it would not even alone."""
        limit = self._limit_bytes if limit_bytes is None else limit_bytes
        if needed > limit:
            return False
        known = {entry.path: entry.kept for entry in self._entries.values()}
        kept = [known.get(path) or _kept(path, None) for path in saved_files(self._folder)]
        for gone in to_evict(kept, limit - needed, self._now()):
            with contextlib.suppress(OSError):
                gone.unlink(missing_ok=True)
        self._entries = {n: one for n, one in self._entries.items() if one.path.is_file()}
        return True


# --- for the service --------------------------------------------------------------------------


def saved_files(folder: Path) -> list[Path]:
    """All files of saved parts, and what a save that was broken off left."""
    return [path for path in folder.glob("*/*") if path.is_file()]


def total_bytes(folder: Path) -> int:
    """What all saved parts take."""
    total = 0
    for path in saved_files(folder):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def forget_conversation(folder: Path, conversation: int) -> None:
    """Remove what is saved of a conversation."""
    shutil.rmtree(folder / str(conversation), ignore_errors=True)


def forget_texts(folder: Path, conversations: Sequence[int]) -> None:
    """Remove what is saved of conversations, and of texts that belong to none."""
    for conversation in conversations:
        forget_conversation(folder, conversation)
    for path, header in _headers(folder):
        if header is None or (path.parent.name == SHARED and not header.name.startswith(SYSTEM)):
            path.unlink(missing_ok=True)


def saved_of(folder: Path, conversations: Sequence[int]) -> list[Path]:
    """The files that are left of conversations."""
    names = {str(conversation) for conversation in conversations}
    return [path for path in saved_files(folder) if path.parent.name in names]


def forget_model(folder: Path, model: str) -> None:
    """Remove what a model left that is no longer here."""
    for path, header in _headers(folder):
        if header is None or header.origin.model == model:
            path.unlink(missing_ok=True)


def damaged_parts(folder: Path) -> list[Path]:
    """Saved parts that are cut off or altered. All of each is read."""
    found = []
    for path, header in _headers(folder):
        if path.suffix == SUFFIX and (header is None or not _is_whole(path)):
            found.append(path)
    return found


def shrink(folder: Path, limit_bytes: int) -> None:
    """Remove the least worth until no more than this is there."""
    kept = [_kept(path, header) for path, header in _headers(folder) if header is not None]
    for path in to_evict(kept, limit_bytes, time.time()):
        path.unlink(missing_ok=True)


def fingerprint_file(paths: Sequence[Path], more: str = "") -> str:
    """What tells model files from others: their sizes, and blocks from all over them."""
    digest = hashlib.blake2b(more.encode(), digest_size=16)
    for path in paths:
        size = path.stat().st_size
        digest.update(str(size).encode())
        with path.open("rb") as file:
            for at in range(_SAMPLES):
                file.seek(max(0, size - _SAMPLE_BYTES) * at // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


# --- files ------------------------------------------------------------------------------------


def _headers(folder: Path) -> Iterator[tuple[Path, _Header | None]]:
    for path in saved_files(folder):
        header = None
        if path.suffix != SUFFIX:  # what a save that was broken off left, be it whole
            yield path, None
            continue
        with contextlib.suppress(OSError), path.open("rb") as file:
            header = _header(file.read(len(MAGIC) + _LENGTH.size), file.read)
            if header is not None:
                whole = file.tell() + header.state_bytes + _SUM_BYTES
                header = header if path.stat().st_size == whole else None
        yield path, header


def _header(start: bytes, read: Callable[[int], bytes]) -> _Header | None:
    if len(start) != len(MAGIC) + _LENGTH.size or not start.startswith(MAGIC):
        return None
    length: int = _LENGTH.unpack(start[len(MAGIC) :])[0]
    if length > _MOST_HEADER_BYTES:
        return None
    try:
        return msgspec.json.decode(read(length), type=_Header)
    except msgspec.MsgspecError:
        return None


def _read(path: Path, origin: Origin, name: str) -> Saved | None:
    """A part, if the file is whole and of this origin and name."""
    body = _body(path)
    if body is None:
        return None
    start = len(MAGIC) + _LENGTH.size
    header = _header(body[:start], lambda length: body[start : start + length])
    if header is None or (header.origin, header.name) != (origin, name):
        return None
    state = body[len(body) - header.state_bytes :]
    return Saved(Run(name, header.first, header.tokens), state)


def _is_whole(path: Path) -> bool:
    return _body(path) is not None or not path.exists()


def _body(path: Path) -> bytes | None:
    """All but the checksum, if that is right."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    body, checksum = data[:-_SUM_BYTES], data[-_SUM_BYTES:]
    return body if hashlib.blake2b(body, digest_size=_SUM_BYTES).digest() == checksum else None


def _kept(path: Path, header: _Header | None) -> Kept:
    """What a file is worth: less where only its outside is known, for it is another model's."""
    try:
        status = path.stat()
    except OSError:
        return Kept(path, 0, 0.0, 0.0)  # gone meanwhile
    return Kept(path, status.st_size, header.cost_s if header else 0.0, status.st_mtime)
