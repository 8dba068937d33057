"""The conversations: questions, answers and what they rested on. The person's own, kept apart
from everything that can be rebuilt.

The turns of a conversation are a tree: each names the one before it, its parent. Turns with the
same parent are versions of each other, and a branch is the way from a first turn to a last one.
Each conversation remembers the last turn of the branch that was shown last, its tip.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import apsw
import msgspec

from core.messages import EVERYWHERE, ChatTurn, Citation, Locator, Made, Scope
from core.store.database import errors
from core.store.personal import PersonalDb

TITLE_CHARS = 80
MADE_HERE = Made()

# Every turn from the one that is bound up to the first of its branch.
_BRANCH = """
WITH RECURSIVE branch(id, parent) AS (
    SELECT id, parent FROM turn WHERE id=?1 AND conversation=?2
    UNION SELECT turn.id, turn.parent FROM turn JOIN branch ON turn.id=branch.parent
) """
_SHOWN = "SELECT coalesce(tip, (SELECT max(id) FROM turn WHERE conversation=?1)) "

Parameters = ParamSpec("Parameters")
Found = TypeVar("Found")


def _one_at_a_time(
    method: Callable[Concatenate[History, Parameters], Found],
) -> Callable[Concatenate[History, Parameters], Found]:
    """The method under the history's lock: SQLite connections serve one thread at a time.

    What SQLite says of the disk comes in our words.
    """

    @functools.wraps(method)
    def locked(self: History, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Found:
        with self._lock, errors(self._path):
            return method(self, *args, **kwargs)

    return locked


class History:
    """The conversations of one home. Thread-safe: each method is one step."""

    def __init__(self, path: Path, room: Callable[[], int] = lambda: sys.maxsize) -> None:
        """Open it and bring its schema up to date. Raises UserError or StoreDamagedError.

        `room` gives the bytes that it may grow by for a while.
        """
        self.own = PersonalDb(path, room, _prepare)
        self._path = path
        self._lock = self.own.lock

    @property
    def _db(self) -> apsw.Connection:
        return self.own.db  # another one after damage was mended

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
    def tip(self, conversation: int) -> int:
        """The last turn of the branch that was shown last, 0 when nothing was said."""
        found = self._db.execute(f"{_SHOWN} FROM conversation WHERE id=?1", (conversation,)).get
        return int(found or 0)

    @_one_at_a_time
    def holds(self, conversation: int, turn: int) -> bool:
        """Whether a turn belongs to a conversation."""
        row = (turn, conversation)
        return bool(self._db.execute("SELECT 1 FROM turn WHERE id=? AND conversation=?", row).get)

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
        *,
        after: int | None = None,
        stopped: str = "end",
        scope: Scope = EVERYWHERE,
    ) -> int:
        """Keep a question with its answer as the last of its branch, and the turn's number.

        `sources` are the files that the model was shown, `made` says where it was answered.
        It follows the turn `after`, 0 for none, None for the tip; that one may be gone by now.
        """
        now = time.time()
        parent = self.tip(conversation) if after is None else after
        if not self.holds(conversation, parent):
            parent = 0
        kept_scope = None if scope == EVERYWHERE else json.dumps(msgspec.to_builtins(scope))
        with errors(self._path), self._db:
            self._db.execute(
                "INSERT INTO turn(conversation, question, answer, found, asked_at, made, parent, "
                "stopped, scope) VALUES(?,?,?,?,?,?,?,?,?)",
                (conversation, question, answer, found, now, msgspec.json.encode(made).decode(),
                 parent or None, stopped, kept_scope),
            )  # fmt: skip
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
            self._db.execute(
                "UPDATE conversation SET changed_at=?, tip=? WHERE id=?", (now, turn, conversation)
            )
        return turn

    @_one_at_a_time
    def turns(self, conversation: int, tip: int | None = None) -> list[ChatTurn]:
        """What was said in the branch that ends with `tip` (None: the one shown last), oldest
        first, for the model. A tip of 0 is the beginning, before which nothing was said.
        """
        last = self.tip(conversation) if tip is None else tip
        found: list[ChatTurn] = []
        for turn, question, answer in self._db.execute(
            f"{_BRANCH} SELECT turn.id, question, answer FROM turn JOIN branch USING(id) "
            "ORDER BY turn.id",
            (last, conversation),
        ):
            found += [
                ChatTurn("user", question, turn, conversation),
                ChatTurn("assistant", answer, turn, conversation),
            ]
        return found

    @_one_at_a_time
    def versions(self, turn: int) -> list[int]:
        """A turn and all others that follow the same one, in the order they were made."""
        return [
            number
            for (number,) in self._db.execute(
                "SELECT other.id FROM turn JOIN turn AS other "
                "ON other.conversation=turn.conversation AND other.parent IS turn.parent "
                "WHERE turn.id=? ORDER BY other.id",
                (turn,),
            )
        ]

    @_one_at_a_time
    def following(self, conversation: int, after: int, question: str) -> int:
        """How many turns with this question follow a turn (0: the beginning) already."""
        found = self._db.execute(
            "SELECT count(*) FROM turn WHERE conversation=? AND parent IS ? AND question=?",
            (conversation, after or None, question),
        ).get
        return int(found)

    @_one_at_a_time
    def show_branch(self, conversation: int, turn: int) -> bool:
        """Make the newest branch through a turn the one to show; False where it is not known."""
        if not self.holds(conversation, turn):
            return False
        last = turn
        child = "SELECT max(id) FROM turn WHERE parent=?"
        while (newer := self._db.execute(child, (last,)).get) is not None:
            last = int(newer)
        with errors(self._path), self._db:
            self._db.execute("UPDATE conversation SET tip=? WHERE id=?", (last, conversation))
        return True

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
    def conversations(self, query: str = "") -> list[dict[str, object]]:
        """All conversations, newest first, for showing; only those whose title, questions or
        answers have every word of `query`, in whatever letters.
        """
        words = json.dumps(query.casefold().split())
        return [
            {"id": row[0], "title": row[1], "started_at": row[2], "changed_at": row[3],
             "turns": row[4]}
            for row in self._db.execute(
                "SELECT id, title, started_at, changed_at, "
                "(SELECT count(*) FROM turn WHERE conversation=conversation.id) "
                "FROM conversation WHERE ?1='[]' OR says(?1, title || char(10) || coalesce("
                "(SELECT group_concat(question || char(10) || answer, char(10)) FROM turn "
                "WHERE conversation=conversation.id), '')) ORDER BY changed_at DESC, id DESC",
                (words,),
            )
        ]  # fmt: skip

    @_one_at_a_time
    def rename(self, conversation: int, title: str) -> str | None:
        """Give a conversation another title, and the title as it is kept; None where there is
        no such conversation. An empty one names it after its first question again.
        """
        kept = " ".join(title.split())[:TITLE_CHARS]
        if not kept:
            first = self._db.execute(
                "SELECT question FROM turn WHERE conversation=? ORDER BY id LIMIT 1",
                (conversation,),
            ).get
            kept = " ".join(str(first or "").split())[:TITLE_CHARS]
        with errors(self._path), self._db:
            self._db.execute("UPDATE conversation SET title=? WHERE id=?", (kept, conversation))
        return kept if self._db.changes() else None

    @_one_at_a_time
    def title(self, conversation: int) -> str | None:
        """What a conversation is called; None where there is no such conversation."""
        found = self._db.execute("SELECT title FROM conversation WHERE id=?", (conversation,)).get
        return None if found is None else str(found)

    @_one_at_a_time
    def show(self, conversation: int, whole: bool = False) -> list[dict[str, object]]:
        """The turns of the branch that was shown last, or of the `whole` conversation in the
        order they were made, with their citations, for showing.
        """
        chosen = "JOIN branch USING(id)" if not whole else "WHERE conversation=?2"
        rows = self._db.execute(
            f"{_BRANCH} SELECT turn.id, turn.parent, question, answer, found, asked_at, made, "
            f"stopped, scope FROM turn {chosen} ORDER BY turn.id",
            (self.tip(conversation), conversation),
        ).fetchall()
        shown = []
        for turn, parent, question, answer, found, asked_at, made, stopped, scope in rows:
            assert isinstance(turn, int)
            citations = [
                Citation(n, os.fsdecode(path), msgspec.convert(json.loads(place), Locator), quote)
                for n, path, place, quote in self._db.execute(
                    "SELECT n, path, locator, quote FROM citation WHERE turn=? ORDER BY n", (turn,)
                )
            ]
            shown.append(
                {
                    "turn": turn,
                    "after": parent or 0,
                    "versions": self.versions(turn),
                    "question": question,
                    "answer": answer,
                    "found": bool(found),
                    "asked_at": asked_at,
                    "citations": [msgspec.to_builtins(c) for c in citations],
                    "made": json.loads(str(made or "{}")),
                    "stopped": stopped,
                    "scope": json.loads(str(scope or "{}")),
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
        self.own.drop_damaged()
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

        That is also a turn whose model saw the file and did not quote it. What followed such a
        turn follows the one before it from then on.
        """
        turns = self._resting_on(path)
        with errors(self._path), self._db:
            for turn in turns:
                self._leave_out(turn)
        if turns:
            self.drop_empty()
            self.own.scrub()
        return len(turns)

    def _leave_out(self, turn: int) -> None:
        """Delete a turn and join what was before it with what follows."""
        parent = self._db.execute("SELECT parent FROM turn WHERE id=?", (turn,)).get
        self._db.execute("UPDATE turn SET parent=? WHERE parent=?", (parent, turn))
        self._db.execute("UPDATE conversation SET tip=? WHERE tip=?", (parent, turn))
        self._db.execute("DELETE FROM turn WHERE id=?", (turn,))

    def _resting_on(self, path: str) -> set[int]:
        whole = os.fsencode(path)
        below = whole.rstrip(os.sep.encode()) + os.sep.encode()
        resting = {
            turn
            for turn, seen in self._db.execute(
                "SELECT turn, path FROM citation UNION SELECT turn, path FROM source"
            )
            if seen == whole or seen.startswith(below)
        }
        # The name of a file that a question was put to is a trace of it, too.
        for turn, scope in self._db.execute("SELECT id, scope FROM turn WHERE scope IS NOT NULL"):
            named = msgspec.convert(json.loads(str(scope)), Scope)
            places = map(os.fsencode, filter(None, (named.folder, *named.files)))
            if any(place == whole or place.startswith(below) for place in places):
                resting.add(turn)
        return resting


def _prepare(db: apsw.Connection) -> None:
    db.create_scalar_function("says", _says, 2, deterministic=True)


def _says(*values: apsw.SQLiteValue) -> bool:
    """Whether a text has each of the words, a JSON list in folded case."""
    words, text = values
    folded = str(text).casefold()
    return all(word in folded for word in json.loads(str(words)))
