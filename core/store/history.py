"""The conversations: questions, answers and what they rested on. The person's own, kept apart
from everything that can be rebuilt."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from core.messages import ChatTurn, Citation, Locator
from core.store.database import errors, open_database
from core.store.migrations import HISTORY, migrate

TITLE_CHARS = 80


class History:
    """The conversations of one home. One thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open it and bring its schema up to date. Raises UserError or StoreDamagedError."""
        self._path = path
        self._db = open_database(path)
        with errors(path):
            migrate(self._db, HISTORY, "history")

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def begin(self, question: str) -> int:
        """A new conversation, named after its first question; its id."""
        title = " ".join(question.split())[:TITLE_CHARS]
        now = time.time()
        with errors(self._path), self._db:
            self._db.execute(
                "INSERT INTO conversation(title, started_at, changed_at) VALUES(?,?,?)",
                (title, now, now),
            )
        return self._db.last_insert_rowid()

    def exists(self, conversation: int) -> bool:
        """Whether there is such a conversation."""
        return bool(self._db.execute("SELECT 1 FROM conversation WHERE id=?", (conversation,)).get)

    def add_turn(
        self,
        conversation: int,
        question: str,
        answer: str,
        found: bool,
        citations: Sequence[Citation],
        sources: Sequence[str] = (),
    ) -> None:
        """Keep a question with its answer; `sources` are the files that the model was shown."""
        now = time.time()
        with errors(self._path), self._db:
            self._db.execute(
                "INSERT INTO turn(conversation, question, answer, found, asked_at) "
                "VALUES(?,?,?,?,?)",
                (conversation, question, answer, found, now),
            )
            turn = self._db.last_insert_rowid()
            self._db.executemany(
                "INSERT INTO citation(turn, n, path, locator, quote) VALUES(?,?,?,?,?)",
                [
                    (
                        turn,
                        c.n,
                        os.fsencode(c.path),
                        json.dumps(msgspec.to_builtins(c.locator)),
                        c.quote,
                    )
                    for c in citations
                ],
            )
            self._db.executemany(
                "INSERT INTO source(turn, path) VALUES(?,?)",
                [(turn, os.fsencode(path)) for path in dict.fromkeys(sources)],
            )
            self._db.execute("UPDATE conversation SET changed_at=? WHERE id=?", (now, conversation))

    def turns(self, conversation: int) -> list[ChatTurn]:
        """What was said, oldest first, for the model."""
        found: list[ChatTurn] = []
        for question, answer in self._db.execute(
            "SELECT question, answer FROM turn WHERE conversation=? ORDER BY id", (conversation,)
        ):
            found += [ChatTurn("user", question), ChatTurn("assistant", answer)]
        return found

    def conversations(self) -> list[dict[str, object]]:
        """All conversations, newest first, for showing."""
        return [
            {"id": row[0], "title": row[1], "started_at": row[2], "changed_at": row[3]}
            for row in self._db.execute(
                "SELECT id, title, started_at, changed_at FROM conversation "
                "ORDER BY changed_at DESC, id DESC"
            )
        ]

    def show(self, conversation: int) -> list[dict[str, object]]:
        """The turns of one conversation with their citations, for showing."""
        shown = []
        for turn, question, answer, found, asked_at in self._db.execute(
            "SELECT id, question, answer, found, asked_at FROM turn WHERE conversation=? "
            "ORDER BY id",
            (conversation,),
        ).fetchall():
            citations = [
                Citation(n, os.fsdecode(path), msgspec.convert(json.loads(place), Locator), quote)
                for n, path, place, quote in self._db.execute(
                    "SELECT n, path, locator, quote FROM citation WHERE turn=? ORDER BY n", (turn,)
                )
            ]
            shown.append(
                {
                    "question": question,
                    "answer": answer,
                    "found": bool(found),
                    "asked_at": asked_at,
                    "citations": [msgspec.to_builtins(c) for c in citations],
                }
            )
        return shown

    def delete(self, conversation: int) -> bool:
        """Remove a conversation for good; whether there was one."""
        with errors(self._path), self._db:
            self._db.execute("DELETE FROM conversation WHERE id=?", (conversation,))
        gone = self._db.changes() > 0
        self._scrub()
        return gone

    def drop_empty(self) -> None:
        """Remove conversations in which nothing was answered."""
        with errors(self._path), self._db:
            self._db.execute(
                "DELETE FROM conversation WHERE id NOT IN (SELECT conversation FROM turn)"
            )

    def knows(self, path: str) -> bool:
        """Whether any turn rests on the file at `path` or one below it."""
        return bool(self._resting_on(path))

    def forget(self, path: str) -> int:
        """Remove every turn that rests on the file at `path` or one below it; how many.

        That is also a turn whose model saw the file and did not quote it.
        """
        turns = self._resting_on(path)
        with errors(self._path), self._db:
            for turn in turns:
                self._db.execute("DELETE FROM turn WHERE id=?", (turn,))
        if turns:
            self.drop_empty()
            self._scrub()
        return len(turns)

    def _resting_on(self, path: str) -> set[int]:
        whole = os.fsencode(path)
        below = whole.rstrip(os.sep.encode()) + os.sep.encode()
        return {
            turn
            for turn, seen in self._db.execute(
                "SELECT turn, path FROM citation UNION SELECT turn, path FROM source"
            )
            if seen == whole or seen.startswith(below)
        }

    def _scrub(self) -> None:
        """Leave nothing of deleted rows in the file or its log."""
        with errors(self._path):
            self._db.execute("VACUUM")
            self._db.wal_checkpoint(mode=3)
