"""What the person let Satchel remember. Removed and changed sentences leave the file for good."""

from __future__ import annotations

import hashlib
import time
from typing import cast

import apsw
import numpy as np

from core.chat.memories import LONGEST_CHARS, Floats, Memory
from core.chat.noticing import MemoryKind, kind_of_memory
from core.errors import UserError
from core.store.personal import PersonalDb


class MemoryTable:
    """The memories of one home. Thread-safe: each method is one step."""

    def __init__(self, own: PersonalDb) -> None:
        self._own = own

    def all(self) -> list[Memory]:
        """Every memory, oldest first."""
        with self._own.reading() as db:
            rows = db.execute(
                "SELECT id, text, kind, made_at, vector, model FROM memory ORDER BY id"
            ).fetchall()
        return [
            Memory(
                number, text, kind, made_at,
                np.frombuffer(vector, dtype="<f2").astype(np.float32), model,
            )
            for number, text, kind, made_at, vector, model in cast(
                "list[tuple[int, str, MemoryKind, float, bytes, str]]", rows
            )
        ]  # fmt: skip

    def add(self, text: str) -> None:
        """Remember a sentence; one that is known stays as it is. Raises UserError."""
        text = tidied(text)
        with self._own.changing() as db:
            db.execute(
                "INSERT OR IGNORE INTO memory(text, kind, made_at) VALUES(?,?,?)",
                (text, kind_of_memory(text), time.time()),
            )
            db.execute("DELETE FROM memory_refused WHERE digest=?", (_digest(text),))

    def edit(self, number: int, text: str) -> None:
        """Put another sentence in a memory's place. Raises UserError."""
        text = tidied(text)
        try:
            with self._own.changing() as db:
                db.execute(
                    "UPDATE memory SET text=?, kind=?, vector=x'', model='' WHERE id=?",
                    (text, kind_of_memory(text), number),
                )
                self._check(db.changes(), number)
        except apsw.ConstraintError:
            raise UserError(
                "The same is remembered already.", "Remove one of the two instead."
            ) from None
        self._own.scrub()

    def remove(self, number: int) -> None:
        """Forget a memory for good. Raises UserError when there is none."""
        with self._own.changing() as db:
            db.execute("DELETE FROM memory WHERE id=?", (number,))
            self._check(db.changes(), number)
        self._own.scrub()

    def clear(self) -> None:
        """Forget everything, and what was not to be offered, for good."""
        with self._own.changing() as db:
            db.execute("DELETE FROM memory")
            db.execute("DELETE FROM memory_refused")
        self._own.scrub()

    @staticmethod
    def _check(changed: int, number: int) -> None:
        if not changed:
            raise UserError(
                f"There is no memory {number}.", "See them with `satchel memories list`."
            )

    def set_vector(self, number: int, text: str, vector: Floats, model: str) -> None:
        """Note what an embedding model made of a memory, if it still says the same."""
        with self._own.changing() as db:
            db.execute(
                "UPDATE memory SET vector=?, model=? WHERE id=? AND text=?",
                (vector.astype("<f2").tobytes(), model, number, text),
            )

    def refuse(self, text: str) -> None:
        """A sentence is not to be offered again; only its digest is kept."""
        with self._own.changing() as db:
            db.execute("INSERT OR IGNORE INTO memory_refused VALUES(?)", (_digest(text),))

    def is_new(self, text: str) -> bool:
        """Whether a sentence is neither remembered nor was refused."""
        with self._own.reading() as db:
            known = db.execute("SELECT 1 FROM memory WHERE text=?", (tidied(text),)).get
            refused = db.execute(
                "SELECT 1 FROM memory_refused WHERE digest=?", (_digest(text),)
            ).get
        return not known and not refused


def tidied(text: str) -> str:
    """A sentence on one line. Raises UserError when it is empty or too long."""
    found = " ".join(text.encode("utf-8", "replace").decode().split())
    if not found:
        raise UserError("There is nothing to remember.", "Write a sentence.")
    if len(found) > LONGEST_CHARS:
        raise UserError(
            f"This is too long to remember: {len(found)} characters.",
            f"Write at most {LONGEST_CHARS}.",
        )
    return found


def _digest(text: str) -> bytes:
    return hashlib.sha256(tidied(text).casefold().encode()).digest()[:16]
