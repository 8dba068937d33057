"""What a catalogue remembers of the index as a whole."""

from __future__ import annotations

import json
from pathlib import Path

import apsw

from core.store.database import errors
from core.store.rows import Loss


class Notes:
    """Named values of one catalogue."""

    def __init__(self, db: apsw.Connection, path: Path) -> None:
        """`path` is the database's, for messages."""
        self._db = db
        self._path = path

    def losses(self) -> list[Loss]:
        """What was dropped because it is damaged, and has not been made anew so far."""
        listed = self._get("losses")
        return [] if listed is None else [Loss(*loss) for loss in json.loads(str(listed))]

    def add_loss(self, loss: Loss) -> None:
        """Remember that a part was dropped because it is damaged."""
        listed = json.dumps([[one.what, one.files] for one in (*self.losses(), loss)])
        self._set("losses", listed)

    def forget_losses(self) -> None:
        """All that was lost has been made anew."""
        with errors(self._path), self._db:
            self._db.execute("DELETE FROM meta WHERE key='losses'")

    @property
    def model(self) -> str | None:
        """The fingerprint of the embedding model that this index was made anew for, if it was."""
        found = self._get("model")
        return None if found is None else str(found)

    def set_model(self, fingerprint: str) -> None:
        """Note the embedding model that this index was made anew for."""
        self._set("model", fingerprint)

    @property
    def given_up(self) -> str | None:
        """What was given up for the disk budget, as whoever gave it up names it."""
        found = self._get("given_up")
        return None if found is None else str(found)

    def set_given_up(self, what: str) -> None:
        """Note what was given up for the disk budget."""
        self._set("given_up", what)

    @property
    def wordless_within(self) -> int:
        """The disk budget, in bytes, in which the word index was given up; 0 for none."""
        found = self._get("wordless_within")
        return int(found) if isinstance(found, int) else 0

    def set_wordless_within(self, budget_bytes: int) -> None:
        """Note the disk budget in which the word index was given up."""
        self._set("wordless_within", budget_bytes)

    def _get(self, key: str) -> apsw.SQLiteValue:
        row = self._db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return None if row is None else row[0]

    def _set(self, key: str, value: str | int) -> None:
        with errors(self._path), self._db:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES(?,?)", (key, value))
