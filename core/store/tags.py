"""Tags that the person gave to files, bound to the files so that they stay on them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import cast

from core.errors import UserError
from core.store.identity import FileIdentity, Identities
from core.store.personal import PersonalDb

LONGEST_NAME = 40


class TagTable:
    """The tags of one home. Thread-safe: each method is one step."""

    def __init__(self, own: PersonalDb) -> None:
        self._own = own

    def add(self, name: str, file: FileIdentity) -> None:
        """Give a file a tag; nothing happens when it has it."""
        self._set(name, file, given=True)

    def refuse(self, name: str, file: FileIdentity) -> None:
        """A tag is not to be proposed for a file again."""
        self._set(name, file, given=False)

    def _set(self, name: str, file: FileIdentity, given: bool) -> None:
        with self._own.changing() as db:
            db.execute(
                "INSERT INTO tagged_file(path, number, content) VALUES(?,?,?) "
                "ON CONFLICT(path) DO UPDATE SET number=excluded.number, content=excluded.content",
                (os.fsencode(file.path), file.number, file.content),
            )
            db.execute(
                "INSERT OR REPLACE INTO tag(name, file, given) "
                "SELECT ?, id, ? FROM tagged_file WHERE path=?",
                (name, given, os.fsencode(file.path)),
            )

    def remove(self, name: str, paths: Iterable[str] | None) -> int:
        """Take a tag off some files, or off all; how many had it."""
        with self._own.changing() as db:
            if paths is None:
                db.execute("DELETE FROM tag WHERE name=? AND NOT given", (name,))
                db.execute("DELETE FROM tag WHERE name=?", (name,))
                count = db.changes()
            else:
                count = 0
                for path in paths:
                    db.execute(
                        "DELETE FROM tag WHERE name=? AND given AND file IN "
                        "(SELECT id FROM tagged_file WHERE path=?)",
                        (name, os.fsencode(path)),
                    )
                    count += db.changes()
            self._tidy()
        return count

    def names(self) -> dict[str, int]:
        """How many files have each tag, by its name."""
        with self._own.reading() as db:
            rows = db.execute(
                "SELECT name, count(*) FROM tag WHERE given GROUP BY name ORDER BY name"
            ).fetchall()
        return dict(cast("list[tuple[str, int]]", rows))

    def paths(self, name: str, given: bool = True) -> list[str]:
        """The files that have a tag, or that it is not to be proposed for."""
        with self._own.reading() as db:
            rows = db.execute(
                "SELECT path FROM tag JOIN tagged_file ON tagged_file.id=file "
                "WHERE name=? AND given=? ORDER BY path",
                (name, given),
            ).fetchall()
        return [os.fsdecode(path) for (path,) in cast("list[tuple[bytes]]", rows)]

    def of(self, paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The tags of each of some files, those without any left out."""
        found: dict[str, tuple[str, ...]] = {}
        with self._own.reading() as db:
            for path in set(paths):
                rows = db.execute(
                    "SELECT name FROM tag JOIN tagged_file ON tagged_file.id=file "
                    "WHERE path=? AND given ORDER BY name",
                    (os.fsencode(path),),
                ).fetchall()
                if rows:
                    found[path] = tuple(str(name) for (name,) in rows)
        return found

    def forget(self, path: str) -> int:
        """Remove every trace of the file at `path` or of those below it; how many files."""
        whole = os.fsencode(path)
        below = whole.rstrip(os.sep.encode()) + os.sep.encode()
        with self._own.changing() as db:
            rows = cast("list[tuple[int, bytes]]", db.execute(
                "SELECT id, path FROM tagged_file").fetchall())  # fmt: skip
            gone = [number for number, at in rows if at == whole or at.startswith(below)]
            for number in gone:
                db.execute("DELETE FROM tag WHERE file=?", (number,))
                db.execute("DELETE FROM tagged_file WHERE id=?", (number,))
        if gone:
            self._own.scrub()
        return len(gone)

    def follow(self, identities: Identities) -> None:
        """Let the tags stay on their files, wherever these are now."""
        with self._own.reading() as db:
            rows = cast("list[tuple[int, bytes, int, bytes | None]]", db.execute(
                "SELECT id, path, number, content FROM tagged_file").fetchall())  # fmt: skip
        for row, path, number, content in rows:
            was = FileIdentity(os.fsdecode(path), number, content)
            now = identities.follow(was)
            if now is not None and now != was:
                self._move(row, now)

    def _move(self, row: int, now: FileIdentity) -> None:
        with self._own.changing() as db:
            at = os.fsencode(now.path)
            other = db.execute("SELECT id FROM tagged_file WHERE path=? AND id<>?", (at, row)).get
            if other is not None:  # two that were apart are one file now
                db.execute("UPDATE OR IGNORE tag SET file=? WHERE file=?", (other, row))
                db.execute("DELETE FROM tag WHERE file=?", (row,))
                db.execute("DELETE FROM tagged_file WHERE id=?", (row,))
                return
            content = now.content  # a content that is not known now is remembered as it was
            db.execute(
                "UPDATE tagged_file SET path=?, number=?, content=coalesce(?, content) WHERE id=?",
                (at, now.number, content, row),
            )

    def _tidy(self) -> None:
        self._own.db.execute("DELETE FROM tagged_file WHERE id NOT IN (SELECT file FROM tag)")


def tag_name(text: str) -> str:
    """A tag as it is kept: in lower case, words with single spaces. Raises UserError."""
    name = " ".join(text.casefold().split()).lstrip("#").strip()
    if not name or not name.isprintable():
        raise UserError("That is not a name for a tag.", "Write a word or two, for example tax.")
    if len(name) > LONGEST_NAME:
        raise UserError(
            f"{name[:20]}… is too long for a tag.", f"Write at most {LONGEST_NAME} characters."
        )
    return name
