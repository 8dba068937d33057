"""The searches that the person made last: their own words, kept in one small file of the home."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from core.atomic import write_atomic
from core.errors import UserError

MOST_SEARCHES = 50
LONGEST_CHARS = 300  # a longer one is a text, and not kept


class RecentSearches:
    """The last searches, newest first. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def all(self) -> tuple[str, ...]:
        """Every search that is kept; none where the file is missing or damaged."""
        with self._lock:
            return self._read()

    def note(self, text: str) -> None:
        """Keep a search as the newest; the oldest goes where there are too many. Raises UserError.

        What it only completes ("lea" before "lease") goes too: it was on the way there.
        """
        text = _tidied(text)
        if not text or len(text) > LONGEST_CHARS:
            return
        with self._lock:
            old = self._read()
            newest = old[0].casefold() if old else ""
            typed_on = bool(newest) and text.casefold().startswith(newest)
            rest = [one for one in old[typed_on:] if one.casefold() != text.casefold()]
            self._write([text, *rest][:MOST_SEARCHES])

    def remove(self, text: str) -> None:
        """Forget one search. Raises UserError."""
        wanted = _tidied(text).casefold()
        with self._lock:
            old = self._read()
            left = [one for one in old if one.casefold() != wanted]
            if len(left) == len(old):
                raise UserError("No such search is kept.", "See them with `satchel recent list`.")
            self._write(left)

    def forget(self, sentences: Sequence[str]) -> None:
        """Forget searches that hold one of some sentences. Raises UserError."""
        with self._lock:
            old = self._read()
            left = [one for one in old if not any(said in one for said in map(_tidied, sentences))]
            if len(left) < len(old):
                self._write(left)

    def clear(self) -> None:
        """Forget them all. Raises UserError."""
        with self._lock:
            self._write([])

    def _read(self) -> tuple[str, ...]:
        try:
            return tuple(msgspec.json.decode(self._path.read_bytes(), type=list[str]))
        except (OSError, msgspec.DecodeError):
            return ()

    def _write(self, searches: Sequence[str]) -> None:
        try:
            if searches:
                write_atomic(self._path, msgspec.json.encode(searches))
            else:
                with contextlib.suppress(FileNotFoundError):
                    self._path.unlink()
        except OSError as error:
            raise UserError(
                f"The recent searches cannot be written to {self._path}: {error.strerror}.",
                "Free some disk space or choose another home with --home.",
            ) from error


def _tidied(text: str) -> str:
    return " ".join(text.encode("utf-8", "replace").decode().split())
