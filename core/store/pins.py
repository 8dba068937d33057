"""Which file each conversation has pinned, and what the file was like when it was last read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import cast

from core.store.personal import PersonalDb


@dataclass(frozen=True, slots=True)
class Pin:
    """A file that a conversation is about. Its size and time of change are those of the text that
    was read, None when nothing that was read of it is kept.
    """

    conversation: int
    path: str
    size_bytes: int | None = None
    mtime_ns: int | None = None


class PinTable:
    """The pins of one home. A pin goes with its conversation. Thread-safe."""

    def __init__(self, own: PersonalDb) -> None:
        self._own = own

    def set(self, pin: Pin) -> None:
        """Pin a file, in place of the one before."""
        with self._own.changing() as db:
            db.execute(
                "INSERT OR REPLACE INTO pin(conversation, path, size, mtime_ns) VALUES(?,?,?,?)",
                (pin.conversation, os.fsencode(pin.path), pin.size_bytes, pin.mtime_ns),
            )

    def remove(self, conversation: int) -> None:
        """Let a conversation have no pin."""
        with self._own.changing() as db:
            db.execute("DELETE FROM pin WHERE conversation=?", (conversation,))

    def of(self, conversation: int) -> Pin | None:
        """The pin of a conversation."""
        return next((pin for pin in self.all() if pin.conversation == conversation), None)

    def all(self) -> list[Pin]:
        """Every pin."""
        with self._own.reading() as db:
            rows = cast(
                "list[tuple[int, bytes, int | None, int | None]]",
                db.execute("SELECT conversation, path, size, mtime_ns FROM pin").fetchall(),
            )
        return [
            Pin(conversation, os.fsdecode(path), size, mtime)
            for conversation, path, size, mtime in rows
        ]
