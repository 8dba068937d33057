"""Bytes from a child to lines, with a bound on what is kept of a line that never ends."""

from __future__ import annotations

from collections import deque

LONGEST_LINE_BYTES = 64_000_000


class LineTooLong(Exception):
    """The other side sends a line without end: it is broken."""


class Lines:
    """Collects bytes and gives whole lines; a partial line waits for its rest."""

    def __init__(self, longest_bytes: int = LONGEST_LINE_BYTES) -> None:
        self._longest = longest_bytes
        self._parts: list[bytes] = []
        self._partial_bytes = 0
        self._lines: deque[bytes] = deque()

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises LineTooLong."""
        first, *rest = data.split(b"\n")
        self._parts.append(first)
        self._partial_bytes += len(first)
        if self._partial_bytes > self._longest:
            raise LineTooLong
        if rest:
            self._lines.append(b"".join(self._parts))
            self._lines.extend(rest[:-1])
            self._parts = [rest[-1]]
            self._partial_bytes = len(rest[-1])

    def take(self) -> bytes | None:
        """The next whole line, or None when there is none yet."""
        return self._lines.popleft() if self._lines else None

    def clear(self) -> None:
        """Forget everything."""
        self._lines.clear()
        self._parts = []
        self._partial_bytes = 0

    def __len__(self) -> int:
        return len(self._lines)
