"""What a survey compares the disk with, folder by folder, and the changes that it makes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from core.store.database import errors
from core.store.files import FileTable, in_dirs
from core.store.inside import Inside, find_file, runs
from core.store.rows import DirRow, FileRow, FileState

_VANISHED = int(FileState.VANISHED)
# Why a file that still holds a document waits: what it holds is not what is on the disk now.
_CHANGED = "has changed since it was indexed"
_ROW_BYTES = 250  # of a new file or folder, generously


class SurveyTable:
    """The rows of a FileTable as a survey reads and changes them.

    Paths are relative to their watched folder; "" is the folder itself.
    """

    def __init__(self, files: FileTable, path: Path) -> None:
        """`path` is the database's, for messages.

        `check_growth` is called with the bytes that new rows will take; it may raise NoRoomError.
        """
        self._files = files
        self._path = path
        self.db = files.db
        self.check_growth: Callable[[int], None] = lambda _bytes: None

    # --- reading ------------------------------------------------------------------------

    def dirs(self, folder: int, below: str = "") -> dict[str, DirRow]:
        """The known folders at or below one, by path."""
        where, values = in_dirs(folder, below)
        left_out: dict[int, dict[str, int]] = {}
        for number, rule, files in self.db.execute(
            "SELECT dir.id, reason.text, files FROM dir CROSS JOIN left_out ON left_out.dir=dir.id "
            f"JOIN reason ON reason.id=left_out.reason WHERE {where}",
            values,
        ):
            left_out.setdefault(number, {})[rule] = files
        return {
            os.fsdecode(path): DirRow(number, bool(offline), since_s, left_out.get(number, {}))
            for number, path, offline, since_s in self.db.execute(
                f"SELECT id, path, offline, offline_since_s FROM dir WHERE {where}", values
            )
        }

    def dir(self, folder: int, path: str) -> DirRow | None:
        """One known folder."""
        row = self.db.execute(
            "SELECT id, offline, offline_since_s FROM dir WHERE folder=? AND path=?",
            (folder, os.fsencode(path)),
        ).fetchone()
        if row is None:
            return None
        counts = self.db.execute(
            "SELECT text, files FROM left_out JOIN reason ON id=reason WHERE dir=?", (row[0],)
        )
        return DirRow(row[0], bool(row[1]), row[2], dict(counts))

    def files(self, directory: int) -> dict[str, FileRow]:
        """The known files directly in a folder, by name."""
        listed = self.db.execute("SELECT inside FROM dir WHERE id=?", (directory,)).get
        return {
            os.fsdecode(name): FileRow(number, size, mtime_ns, state)
            for run in runs(listed or b"")
            for number, name, size, mtime_ns, state in self.db.execute(
                "SELECT id, name, size, mtime_ns, state FROM file WHERE id BETWEEN ? AND ?", run
            )
        }

    def file(self, folder: int, path: str) -> FileRow | None:
        """One known file."""
        where, name = os.path.split(os.fsencode(path))
        row = self.db.execute(
            "SELECT id, size, mtime_ns, state FROM file WHERE id=?",
            (find_file(self.db, folder, where, name),),
        ).fetchone()
        return None if row is None else FileRow(*row)

    def any_file(self, folder: int, below: str) -> bool:
        """Whether any file at or below a folder is known."""
        where, values = in_dirs(folder, below)
        row = self.db.execute(
            f"SELECT 1 FROM dir WHERE {where} AND inside<>x'' LIMIT 1", values
        ).fetchone()
        return row is not None

    def paths(self, folder: int, below: str) -> Iterable[str]:
        """The known files at or below a folder."""
        condition, values = in_dirs(folder, below)
        for where, listed in self.db.execute(
            f"SELECT path, inside FROM dir WHERE {condition}", values
        ):
            for run in runs(listed):
                for (name,) in self.db.execute(
                    "SELECT name FROM file WHERE id BETWEEN ? AND ?", run
                ):
                    yield os.fsdecode(os.path.join(where, name))  # noqa: PTH118 - bytes, not str

    # --- changing -----------------------------------------------------------------------

    def note(self, folder: int, found: Iterable[tuple[str, int, int]]) -> list[int]:
        """Record new or changed files (path, size, mtime) as waiting; their ids.

        A file that has a document keeps it until the new one is published. Raises
        NoRoomError, and records nothing, when the home may not grow.
        """
        found = list(found)
        self.check_growth(_ROW_BYTES * len(found))
        ids: list[int] = []
        with errors(self._path), self.db:
            dirs: dict[str, tuple[int, Inside]] = {}
            for path, size_bytes, mtime_ns in found:
                where, name = os.path.split(path)
                if where not in dirs:
                    number = self._dir(folder, where)
                    dirs[where] = number, Inside(self.db, number)
                ids.append(self._note(*dirs[where], os.fsencode(name), size_bytes, mtime_ns))
            for _, inside in dirs.values():
                inside.save()
        return ids

    def _note(
        self, directory: int, inside: Inside, name: bytes, size_bytes: int, mtime_ns: int
    ) -> int:
        number = inside.find(name)
        if number is not None:
            self.db.execute(
                "UPDATE file SET size=?, mtime_ns=?, state=0, "
                "reason=CASE WHEN document IS NULL THEN NULL ELSE ? END WHERE id=?",
                (size_bytes, mtime_ns, self._files.reason(_CHANGED), number),
            )
            return number
        self.db.execute(
            "INSERT INTO file(dir, name, size, mtime_ns, state) VALUES(?,?,?,?,0)",
            (directory, name, size_bytes, mtime_ns),
        )
        number = self.db.last_insert_rowid()
        inside.add(number, name)
        return number

    def _dir(self, folder: int, path: str) -> int:
        raw = os.fsencode(path)
        row = self.db.execute(
            "SELECT id FROM dir WHERE folder=? AND path=?", (folder, raw)
        ).fetchone()
        if row is not None:
            return int(row[0])
        self.db.execute("INSERT INTO dir(folder, path) VALUES(?,?)", (folder, raw))
        return self.db.last_insert_rowid()

    def set_left_out(self, folder: int, path: str, counts: Mapping[str, int]) -> None:
        """Note how many files a folder has that no rule lets in, by rule. Raises NoRoomError."""
        self.check_growth(_ROW_BYTES)
        with errors(self._path), self.db:
            directory = self._dir(folder, path)
            self.db.execute("DELETE FROM left_out WHERE dir=?", (directory,))
            self.db.executemany(
                "INSERT INTO left_out(dir, reason, files) VALUES(?,?,?)",
                [(directory, self._files.reason(rule), files) for rule, files in counts.items()],
            )

    def vanish(self, ids: Sequence[int]) -> bool:
        """Files that are not where they were: dropped, or kept aside while they may have moved.

        One may have moved when a file of its size waits to be read. Whether a
        document may have gone with them.
        """
        if not ids:
            return False
        with errors(self._path), self.db:
            self.db.executemany(
                f"UPDATE file SET state={_VANISHED} WHERE id=?", [(number,) for number in ids]
            )
            sizes = {row[0] for row in self.db.execute("SELECT size FROM file WHERE state=0")}
            gone = [
                number
                for number, size, document in self.db.execute(
                    "SELECT id, size, document FROM file "
                    "WHERE id IN (SELECT value FROM json_each(?))",
                    (json.dumps(list(ids)),),
                )
                if document is None or size not in sizes
            ]
        return self._files.remove(gone)

    def drop_vanished(self) -> bool:
        """Drop what was kept aside; whether a document may have gone with it."""
        return self._files.remove(
            [row[0] for row in self.db.execute(f"SELECT id FROM file WHERE state={_VANISHED}")]
        )

    def come_back(self, ids: Sequence[int]) -> None:
        """Files that were kept aside are where they were, as they were."""
        with errors(self._path), self.db:
            self.db.executemany(
                "UPDATE file SET state=CASE WHEN document IS NULL OR reason IS NOT NULL THEN 0 "
                "ELSE 1 END WHERE id=?",
                [(number,) for number in ids],
            )

    def relocate(self, moves: Sequence[tuple[int, int, str]]) -> None:
        """Give files (id, watched folder, path) other places, all at once.

        What stood there is dropped, unless it moves too. A file whose name
        ends in another way is read again.
        """
        with errors(self._path), self.db:
            moving = {number for number, _, _ in moves}
            lists: dict[int, Inside] = {}
            places: list[tuple[int, int, bytes]] = []
            replaced: list[int] = []
            for number, folder, path in moves:
                where, name = os.path.split(os.fsencode(path))
                directory = self._dir(folder, os.fsdecode(where))
                if directory not in lists:
                    lists[directory] = Inside(self.db, directory)
                places.append((number, directory, name))
                there = lists[directory].find(name)
                if there is not None and there not in moving:
                    replaced.append(there)
            self._files.remove(replaced)
            self._move(places)

    def _move(self, places: Sequence[tuple[int, int, bytes]]) -> None:
        """Give files (id, folder's id, name) other places that are free."""
        left: dict[int, list[int]] = {}
        for number, _, _ in places:
            directory = self.db.execute("SELECT dir FROM file WHERE id=?", (number,)).get
            assert isinstance(directory, int)
            left.setdefault(directory, []).append(number)
        lists = {
            directory: Inside(self.db, directory)
            for directory in {*left, *(directory for _, directory, _ in places)}
        }
        for directory, numbers in left.items():
            lists[directory].drop(numbers)
        for number, directory, name in places:
            lists[directory].add(number, name)
        for inside in lists.values():
            inside.save()
        self.db.executemany("UPDATE file SET dir=?2, name=?3 WHERE id=?1", places)

    def forget_dirs(self, ids: Iterable[int]) -> None:
        """Folders that are gone: nothing in them is left out any more."""
        with errors(self._path), self.db:
            for number in ids:
                self.db.execute("DELETE FROM left_out WHERE dir=?", (number,))
                self.db.execute(
                    "DELETE FROM dir WHERE id=?1 AND inside=x''",
                    (number,),
                )

    def set_dirs_offline(self, ids: Iterable[int]) -> None:
        """Note that folders cannot be looked into; their files stay."""
        now_s = int(time.time())
        with errors(self._path), self.db:
            self.db.executemany(
                "UPDATE dir SET offline=1, offline_since_s=coalesce(offline_since_s, ?) WHERE id=?",
                [(now_s, number) for number in ids],
            )

    def set_dirs_online(self, ids: Iterable[int]) -> None:
        """Note that folders can be looked into again."""
        with errors(self._path), self.db:
            self.db.executemany(
                "UPDATE dir SET offline=0, offline_since_s=NULL WHERE id=?",
                [(number,) for number in ids],
            )

    def set_folder_offline(self, folder: int) -> None:
        """Note that a watched folder cannot be reached; its files stay."""
        with errors(self._path), self.db:
            self.db.execute(
                "UPDATE folder SET offline=1, "
                "offline_since_s=coalesce(offline_since_s, ?) WHERE id=?",
                (int(time.time()), folder),
            )

    def set_surveyed(self, folder: int, device: int, mounts: Sequence[str]) -> None:
        """Note that a watched folder is there, on which file system, and what is mounted in it."""
        with errors(self._path), self.db:
            self.db.execute(
                "UPDATE folder SET offline=0, offline_since_s=NULL, device=?, mounts=? WHERE id=?",
                (device, json.dumps(list(mounts)), folder),
            )
