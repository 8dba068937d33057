"""The conversations: questions, answers and what they rested on. The person's own, kept apart
from everything that can be rebuilt."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import msgspec

from core.messages import ChatTurn, Citation, Locator, Made
from core.store.database import errors
from core.store.personal import PersonalDb

TITLE_CHARS = 80
MADE_HERE = Made()

Parameters = ParamSpec("Parameters")
Found = TypeVar("Found")


def _one_at_a_time(
    method: Callable[Concatenate[History, Parameters], Found],
) -> Callable[Concatenate[History, Parameters], Found]:
    """The method under the history's lock: SQLite connections serve one thread at a time."""

    @functools.wraps(method)
    def locked(self: History, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Found:
        with self._lock:
            return method(self, *args, **kwargs)

    return locked


class History:
    """The conversations of one home. Thread-safe: each method is one step."""

    def __init__(self, path: Path, room: Callable[[], int] = lambda: sys.maxsize) -> None:
        """Open it and bring its schema up to date. Raises UserError or StoreDamagedError.

        `room` gives the bytes that it may grow by for a while.
        """
        self.own = PersonalDb(path, room)
        self._path = path
        self._lock = self.own.lock
        self._db = self.own.db

    def close(self) -> None:
        """Close the database."""
        self.own.close()

    @_one_at_a_time
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

    @_one_at_a_time
    def exists(self, conversation: int) -> bool:
        """Whether there is such a conversation."""
        return bool(self._db.execute("SELECT 1 FROM conversation WHERE id=?", (conversation,)).get)

    @_one_at_a_time
    def add_turn(
        self,
        conversation: int,
        question: str,
        answer: str,
        found: bool,
        citations: Sequence[Citation],
        sources: Sequence[str] = (),
        made: Made = MADE_HERE,
    ) -> int:
        """Keep a question with its answer, and the turn's number.

        `sources` are the files that the model was shown, `made` says where it was answered.
        """
        now = time.time()
        with errors(self._path), self._db:
            self._db.execute(
                "INSERT INTO turn(conversation, question, answer, found, asked_at, made) "
                "VALUES(?,?,?,?,?,?)",
                (conversation, question, answer, found, now, msgspec.json.encode(made).decode()),
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
        return turn

    @_one_at_a_time
    def turns(self, conversation: int) -> list[ChatTurn]:
        """What was said, oldest first, for the model."""
        found: list[ChatTurn] = []
        for turn, question, answer in self._db.execute(
            "SELECT id, question, answer FROM turn WHERE conversation=? ORDER BY id",
            (conversation,),
        ):
            found += [
                ChatTurn("user", question, turn, conversation),
                ChatTurn("assistant", answer, turn, conversation),
            ]
        return found

    @_one_at_a_time
    def vectors(self, conversation: int, model: str) -> dict[int, bytes]:
        """The embeddings of a conversation's turns that this model has made, by turn."""
        return dict(
            self._db.execute(
                "SELECT turn, vector FROM turn_vector JOIN turn ON turn.id=turn_vector.turn "
                "WHERE conversation=? AND model=?",
                (conversation, model),
            )
        )

    @_one_at_a_time
    def keep_vectors(self, model: str, vectors: Mapping[int, bytes]) -> None:
        """Keep embeddings of turns; those of turns that are gone by now are passed over."""
        with errors(self._path), self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO turn_vector(turn, model, vector) "
                "SELECT id, ?, ? FROM turn WHERE id=?",
                [(model, vector, turn) for turn, vector in vectors.items()],
            )

    @_one_at_a_time
    def conversations(self) -> list[dict[str, object]]:
        """All conversations, newest first, for showing."""
        return [
            {"id": row[0], "title": row[1], "started_at": row[2], "changed_at": row[3]}
            for row in self._db.execute(
                "SELECT id, title, started_at, changed_at FROM conversation "
                "ORDER BY changed_at DESC, id DESC"
            )
        ]

    @_one_at_a_time
    def show(self, conversation: int) -> list[dict[str, object]]:
        """The turns of one conversation with their citations, for showing."""
        shown = []
        for turn, question, answer, found, asked_at, made in self._db.execute(
            "SELECT id, question, answer, found, asked_at, made FROM turn WHERE conversation=? "
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
                    "made": json.loads(str(made or "{}")),
                }
            )
        return shown

    @_one_at_a_time
    def delete(self, conversation: int) -> bool:
        """Remove a conversation for good; whether there was one."""
        with errors(self._path), self._db:
            self._db.execute("DELETE FROM conversation WHERE id=?", (conversation,))
        gone = self._db.changes() > 0
        self.own.scrub()
        return gone

    @_one_at_a_time
    def delete_all(self) -> list[int]:
        """Remove every conversation for good; which there were."""
        with errors(self._path), self._db:
            gone = [int(number) for (number,) in self._db.execute("SELECT id FROM conversation")]
            self._db.execute("DELETE FROM conversation")
        self.own.scrub()
        return gone

    @_one_at_a_time
    def counts(self) -> tuple[int, int]:
        """How many conversations there are, and turns in them."""
        with errors(self._path):
            (found,) = self._db.execute(
                "SELECT (SELECT count(*) FROM conversation), (SELECT count(*) FROM turn)"
            )
        return int(found[0]), int(found[1])

    @_one_at_a_time
    def drop_empty(self) -> None:
        """Remove conversations in which nothing was answered."""
        with errors(self._path), self._db:
            self._db.execute(
                "DELETE FROM conversation WHERE id NOT IN (SELECT conversation FROM turn)"
            )

    @_one_at_a_time
    def knows(self, path: str) -> bool:
        """Whether any turn rests on the file at `path` or one below it."""
        return bool(self._resting_on(path))

    @_one_at_a_time
    def conversations_with(self, path: str) -> list[int]:
        """The conversations of which a turn rests on the file at `path` or one below it."""
        return [
            conversation
            for turn in self._resting_on(path)
            for (conversation,) in self._db.execute(
                "SELECT conversation FROM turn WHERE id=?", (turn,)
            )
        ]

    @_one_at_a_time
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
            self.own.scrub()
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
