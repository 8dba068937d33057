"""The answers that are kept to be given again; each goes with its turn of a conversation."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import cast

import msgspec
import numpy as np

from core.chat.answer_cache import FileMark, KeptAnswer, Rests
from core.store.personal import PersonalDb

_Row = tuple[int, str, bytes, str, str, str, float, float, int, float]


class KeptAnswerTable:
    """Kept answers of one home. Thread-safe: each method is one step."""

    def __init__(self, own: PersonalDb) -> None:
        self._own = own

    def add(self, kept: KeptAnswer) -> None:
        """Keep the answer of a turn."""
        with self._own.changing() as db:
            db.execute(
                "INSERT OR REPLACE INTO kept_answer VALUES(?,?,?,?,?,?,?,?,?)",
                (
                    kept.turn,
                    kept.vector.astype("<f2").tobytes(),
                    json.dumps(msgspec.to_builtins(kept.rests)),
                    json.dumps(msgspec.to_builtins(kept.files)),
                    json.dumps(kept.replies),
                    kept.cost_ms,
                    kept.kept_at_s,
                    kept.used,
                    kept.used_at_s,
                ),
            )

    def all(self) -> list[KeptAnswer]:
        """Every kept answer that can be read, oldest first."""
        return [kept for _, kept in self._read() if kept is not None]

    def damaged(self) -> list[int]:
        """The turns whose kept answers cannot be read."""
        return [turn for turn, kept in self._read() if kept is None]

    def _read(self) -> list[tuple[int, KeptAnswer | None]]:
        with self._own.reading() as db:
            found = db.execute(
                "SELECT turn, question, vector, rests, files, replies, cost_ms, kept_at, used, "
                "used_at FROM kept_answer JOIN turn ON turn.id=turn ORDER BY turn"
            ).fetchall()
        return [(row[0], _kept(row)) for row in cast("list[_Row]", found)]

    def note_use(self, turn: int) -> None:
        """An answer was given again."""
        with self._own.changing() as db:
            db.execute(
                "UPDATE kept_answer SET used=used+1, used_at=? WHERE turn=?", (time.time(), turn)
            )

    def confirm(self, turn: int, rests: Rests) -> None:
        """An answer was found to rest on the same in another state of the index."""
        with self._own.changing() as db:
            db.execute(
                "UPDATE kept_answer SET rests=? WHERE turn=?",
                (json.dumps(msgspec.to_builtins(rests)), turn),
            )

    def drop(self, turns: Sequence[int]) -> None:
        """Keep these no more; what was said stays in its conversation."""
        with self._own.changing() as db:
            db.executemany("DELETE FROM kept_answer WHERE turn=?", [(turn,) for turn in turns])


def _kept(row: _Row) -> KeptAnswer | None:
    """A row as it was kept; None where it was altered."""
    turn, question, vector, rests, files, replies, cost_ms, kept_at, used, used_at = row
    try:
        return KeptAnswer(
            turn,
            question,
            np.frombuffer(vector, dtype="<f2").astype(np.float32),
            msgspec.convert(json.loads(rests), Rests),
            msgspec.convert(json.loads(files), tuple[FileMark, ...]),
            tuple(json.loads(replies)),
            cost_ms,
            kept_at,
            used,
            used_at,
        )
    except (ValueError, TypeError):  # msgspec's and json's errors are such
        return None
