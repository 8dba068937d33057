"""Watched folders and their files: what became of each, what waits, and what to show."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import apsw

from core.files.paths import is_under
from core.store.database import errors
from core.store.inside import Inside, find_file, runs
from core.store.rows import FileRef, FileState, FolderRow, Standing

# What is tried after all else: it made its reader fail this often.
QUARANTINE_CRASHES = 2
# What waits is read in this order: files that crash their reader last, large ones (20 MB)
# after the others, and of those the recently changed and small first. A day's age weighs
# like 100 kB of size, each on a logarithmic scale, so that neither a heap of old notes nor
# a large report of today holds up the rest. The time of the last reading is not asked: our
# own hashing, backups and virus scanners set it too.
_ORDER = (
    f"crashes >= {QUARANTINE_CRASHES}, size > 20000000, "
    "log2(1 + max(0, ?1 - mtime_ns) / 86400e9) + log2(1 + size / 1e5), mtime_ns DESC"
)
_COUNTED = {
    FileState.WAITING: "waiting",
    FileState.INDEXED: "indexed",
    FileState.FAILED: "failed",
    FileState.SKIPPED: "skipped",
    FileState.NEEDS_OCR: "needs_ocr",
}
_WITH_PLACE = "file JOIN dir ON dir.id=dir JOIN folder ON folder.id=dir.folder"
_VANISHED = int(FileState.VANISHED)
UNSETTLED_NS = -(2**62)  # the time of a file that is being written: it does not wait yet


class FileTable:
    """The folders and files of a catalogue."""

    def __init__(
        self, db: apsw.Connection, path: Path, drop_documents: Callable[[Iterable[int]], None]
    ) -> None:
        """`drop_documents` removes those of some documents that no file holds any more."""
        self.db = db
        self._path = path
        self._drop_documents = drop_documents

    # --- folders ------------------------------------------------------------------------

    def sync_folders(self, paths: Sequence[str]) -> None:
        """Make the table hold exactly these watched folders; what left goes with its files."""
        with errors(self._path), self.db:
            known = {row.path: row.id for row in self.folders()}
            for path in paths:
                if path not in known:
                    self.db.execute("INSERT INTO folder(path) VALUES(?)", (os.fsencode(path),))
            for path, folder in known.items():
                if path not in paths:
                    self._drop_folder(folder)

    def _drop_folder(self, folder: int) -> None:
        self._remove(self.in_dirs(folder, ""))
        self.db.execute(
            "DELETE FROM left_out WHERE dir IN (SELECT id FROM dir WHERE folder=?)", (folder,)
        )
        self.db.execute("DELETE FROM dir WHERE folder=?", (folder,))
        self.db.execute("DELETE FROM folder WHERE id=?", (folder,))

    def folders(self) -> list[FolderRow]:
        """The watched folders, in the order they were added."""
        return [
            FolderRow(row[0], os.fsdecode(row[1]), bool(row[2]), row[3], row[4],
                      tuple(json.loads(row[5])))
            for row in self.db.execute(
                "SELECT id, path, offline, offline_since_s, device, mounts FROM folder ORDER BY id"
            )
        ]  # fmt: skip

    def left_out(self, folder: int) -> dict[str, int]:
        """How many files of a watched folder each rule leaves out."""
        return dict(self.db.execute(
            "SELECT reason.text, sum(files) FROM left_out JOIN dir ON dir.id=dir "
            "JOIN reason ON reason.id=reason WHERE folder=? GROUP BY reason.id", (folder,)
        ))  # fmt: skip

    # --- files --------------------------------------------------------------------------

    def remove(self, ids: Sequence[int]) -> bool:
        """Drop files that are gone, and the documents that no file holds any more.

        Whether a document may be among them.
        """
        if not ids:
            return False
        dropped = False
        with errors(self._path), self.db:
            dropped = self._remove(ids)
        return dropped

    def _remove(self, ids: Sequence[int]) -> bool:
        documents = set()
        gone: dict[int, list[int]] = {}
        for number in ids:
            row = self.db.execute("SELECT dir, document FROM file WHERE id=?", (number,)).fetchone()
            if row is None:
                continue
            gone.setdefault(row[0], []).append(number)
            if row[1] is not None:
                documents.add(row[1])
            self.db.execute("DELETE FROM file WHERE id=?", (number,))
        for directory, files in gone.items():
            inside = Inside(self.db, directory)
            inside.drop(files)
            inside.save()
        self._drop_documents(documents)
        return bool(documents)

    def waiting(self, only: Sequence[int] | None = None) -> list[tuple[int, FileRef]]:
        """Files to be read, in the order to read them, of folders that are there.

        With `only` those of some files that wait.
        """
        chosen = "" if only is None else "AND file.id IN (SELECT value FROM json_each(?2)) "
        rows = self.db.execute(
            f"SELECT file.id, folder.path, dir.path, name, size, mtime_ns FROM {_WITH_PLACE} "
            "WHERE state=0 AND NOT folder.offline AND NOT dir.offline "
            f"AND mtime_ns<>{UNSETTLED_NS} {chosen}ORDER BY {_ORDER}",
            (time.time_ns(), json.dumps(only))[: 1 if only is None else 2],
        )
        return [
            (number, FileRef(join_path(root, where, name), size, mtime_ns, False))
            for number, root, where, name, size, mtime_ns in rows
        ]

    def set_state(
        self, file: int, state: FileState, reason: str | None, *, crashed: bool = False
    ) -> None:
        """Note that a file has no text to search, and why; its old document goes.

        `crashed` says that its reader did not survive it; a reader that did
        clears the count of crashes, as a file that is indexed does.
        """
        with errors(self._path), self.db:
            old = self.db.execute("SELECT document FROM file WHERE id=?", (file,)).fetchone()
            self.db.execute(
                "UPDATE file SET state=?, reason=?, document=NULL, "
                "crashes=CASE WHEN ? THEN crashes+1 ELSE 0 END WHERE id=?",
                (int(state), self.reason(reason), crashed, file),
            )
            if old is not None and old[0] is not None:
                self._drop_documents([old[0]])

    def reason(self, text: str | None) -> int | None:
        """The number of a reason or rule in words; call it inside a transaction."""
        if text is None:
            return None
        text = text.encode("utf-8", "backslashreplace").decode()  # it may name a path
        self.db.execute("INSERT OR IGNORE INTO reason(text) VALUES(?)", (text,))
        return int(self.db.execute("SELECT id FROM reason WHERE text=?", (text,)).get)

    def retry(self, prefix: str | None = None) -> int:
        """Put failed and skipped files (below a path) back in the queue; how many they are."""
        states = (FileState.FAILED, FileState.SKIPPED, FileState.NEEDS_OCR)
        chosen = ",".join(str(int(state)) for state in states)
        with errors(self._path), self.db:
            if prefix is None:
                self.db.execute(f"UPDATE file SET state=0, reason=NULL WHERE state IN ({chosen})")
                return self.db.changes()
            count = 0
            for number in self.below(prefix):
                self.db.execute(
                    f"UPDATE file SET state=0, reason=NULL WHERE id=? AND state IN ({chosen})",
                    (number,),
                )
                count += self.db.changes()
        return count

    def retry_where(self, reasons: Iterable[str]) -> int:
        """Put files back in the queue whose reason has one of these words in it; how many."""
        count = 0
        with errors(self._path), self.db:
            for words in reasons:
                known = self.db.execute("SELECT id FROM reason WHERE instr(text, ?)", (words,))
                for (number,) in known.fetchall():
                    self.db.execute(
                        "UPDATE file SET state=0, reason=NULL WHERE reason=?", (number,)
                    )
                    count += self.db.changes()
        return count

    def below(self, path: str) -> list[int]:
        """Ids of the known file at this path, or of all below it."""
        found: list[int] = []
        for folder, inner in self._parts_below(path):
            found += self._at(folder, inner)
            found += self.in_dirs(folder, inner)
        return sorted(found)

    def in_dirs(self, folder: int, inner: str) -> list[int]:
        """Ids of the files in a folder inside a watched one and in all below it."""
        where, values = in_dirs(folder, inner)
        return [
            number
            for (packed,) in self.db.execute(f"SELECT inside FROM dir WHERE {where}", values)
            for first, last in runs(packed)
            for number in range(first, last + 1)
        ]

    def forget_left_out(self, path: str) -> None:
        """Forget what was counted as left out below a path, with the names of its folders."""
        with errors(self._path), self.db:
            for folder, inner in self._parts_below(path):
                where, values = in_dirs(folder, inner)
                self.db.execute(
                    f"DELETE FROM left_out WHERE dir IN (SELECT id FROM dir WHERE {where})", values
                )

    def _parts_below(self, path: str) -> list[tuple[int, str]]:
        """The watched folders that hold a path, or lie below it, each with the part that does."""
        found: list[tuple[int, str]] = []
        for folder in self.folders():
            if is_under(folder.path, path):
                found.append((folder.id, ""))
            elif is_under(path, folder.path):
                found.append((folder.id, os.path.relpath(path, folder.path)))
        return found

    def at(self, path: str) -> list[int]:
        """Ids of the known file at an absolute path, in each of the watched folders it is in."""
        return [
            number
            for folder in self.folders()
            if is_under(path, folder.path)
            for number in self._at(folder.id, os.path.relpath(path, folder.path))
        ]

    def _at(self, folder: int, path: str) -> list[int]:
        where, name = os.path.split(os.fsencode(path))
        found = find_file(self.db, folder, where, name)
        return [] if found is None else [found]

    # --- showing ------------------------------------------------------------------------

    def in_state(
        self, states: Sequence[FileState], folder: str | None, limit: int
    ) -> list[dict[str, str]]:
        """Paths and reasons of files in some states, for showing."""
        marks = ",".join(str(int(state)) for state in states)
        return self._table(f"state IN ({marks})", folder, limit)

    def offline(self, folder: str | None, limit: int) -> list[dict[str, str]]:
        """Paths of files that cannot be reached now, for showing."""
        return self._table(f"state<>{_VANISHED} AND (folder.offline OR dir.offline)", folder, limit)

    def _table(self, condition: str, folder: str | None, limit: int) -> list[dict[str, str]]:
        rows = self.db.execute(
            f"SELECT folder.path, dir.path, name, reason.text FROM {_WITH_PLACE} "
            f"LEFT JOIN reason ON reason.id=file.reason WHERE {condition} "
            "AND (? IS NULL OR folder.path=?) LIMIT ?",
            (*(2 * (None if folder is None else os.fsencode(folder),)), limit),
        )
        return [
            {"path": join_path(root, where, name), "reason": reason or ""}
            for root, where, name, reason in rows
        ]

    def coverage(self, folder: int | None = None) -> dict[str, int]:
        """How many regular files are in each state; each file is in exactly one."""
        counts = dict.fromkeys((*_COUNTED.values(), "offline"), 0)
        rows = self.db.execute(
            "SELECT NULL, folder.offline OR dir.offline AS away, sum(files) FROM left_out "
            "JOIN dir ON dir.id=dir JOIN folder ON folder.id=dir.folder "
            "WHERE ?1 IS NULL OR folder.id=?1 GROUP BY away "
            "UNION ALL SELECT state, folder.offline OR dir.offline AS away, count(*) "
            f"FROM {_WITH_PLACE} WHERE state<>{_VANISHED} AND (?1 IS NULL OR folder.id=?1) "
            "GROUP BY state, away",
            (folder,),
        )
        for state, away, count in rows:
            name = "skipped" if state is None else _COUNTED[FileState(state)]
            counts["offline" if away else name] += count
        return counts

    def standing(self, path: str) -> Standing | None:
        """What is known of the file at an absolute path; None when it is not known."""
        for folder in self.folders():
            if is_under(path, folder.path):
                number = next(iter(self._at(folder.id, os.path.relpath(path, folder.path))), None)
                row = self.db.execute(
                    "SELECT state, text, crashes, folder.offline OR dir.offline "
                    f"FROM {_WITH_PLACE} LEFT JOIN reason ON reason.id=file.reason "
                    f"WHERE file.id=? AND state<>{_VANISHED}",
                    (number,),
                ).fetchone()
                return row and Standing(FileState(row[0]), row[1], row[2], bool(row[3]))
        return None


def join_path(root: bytes, where: bytes, name: bytes) -> str:
    """The absolute path of a file from the parts that the catalogue keeps."""
    return os.fsdecode(os.path.join(root, where, name))  # noqa: PTH118 - bytes, not str


def in_dirs(folder: int, inner: str) -> tuple[str, tuple[apsw.SQLiteValue, ...]]:
    """An SQL condition, with its values, for a folder inside a watched one and all below it."""
    if inner == "":
        return "dir.folder=?", (folder,)
    raw = os.fsencode(inner)
    first, after = raw + os.fsencode(os.sep), raw + bytes([ord(os.sep) + 1])
    return (
        "dir.folder=? AND (dir.path=? OR (dir.path>? AND dir.path<?))",
        (folder, raw, first, after),
    )
