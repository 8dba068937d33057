"""Watched folders and their files: what is there, what became of each, and what waits."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import apsw

from core.store.database import errors
from core.store.rows import FileRef, FileRow, FileState, FolderRow


def _fold(state: FileState, offline: bool) -> str:
    if offline:
        return "offline"
    return {
        FileState.WAITING: "waiting",
        FileState.INDEXED: "indexed",
        FileState.FAILED: "failed",
        FileState.SKIPPED: "skipped",
        FileState.NEEDS_OCR: "needs_ocr",
    }[state]


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
        ids = [row[0] for row in self.db.execute(
            "SELECT file.id FROM file JOIN dir ON dir.id=dir WHERE folder=?", (folder,)
        )]  # fmt: skip
        self._remove(ids)
        self.db.execute("DELETE FROM dir WHERE folder=?", (folder,))
        self.db.execute("DELETE FROM folder WHERE id=?", (folder,))

    def folders(self) -> list[FolderRow]:
        """The watched folders, in the order they were added."""
        return [
            FolderRow(row[0], os.fsdecode(row[1]), bool(row[2]), json.loads(row[3]))
            for row in self.db.execute("SELECT id, path, offline, skipped FROM folder ORDER BY id")
        ]

    def set_scanned(self, folder: int, offline: bool, skipped: Mapping[str, int] | None) -> None:
        """Note the outcome of a scan; `skipped` None keeps the counts as they were."""
        with errors(self._path), self.db:
            self.db.execute("UPDATE folder SET offline=? WHERE id=?", (offline, folder))
            if skipped is not None:
                self.db.execute(
                    "UPDATE folder SET skipped=? WHERE id=?", (json.dumps(skipped), folder)
                )

    # --- files --------------------------------------------------------------------------

    def known(self, folder: int) -> dict[str, FileRow]:
        """Every known file of a folder by its path relative to it."""
        rows = self.db.execute(
            "SELECT dir.path, name, file.id, size, mtime_ns, state FROM file "
            "JOIN dir ON dir.id=dir WHERE folder=?",
            (folder,),
        )
        return {
            os.path.join(os.fsdecode(where), os.fsdecode(name)): FileRow(  # noqa: PTH118
                number, size, mtime_ns, FileState(state)
            )
            for where, name, number, size, mtime_ns, state in rows
        }

    def note(self, folder: int, found: Iterable[tuple[str, int, int]]) -> None:
        """Record new or changed files (relative path, size, mtime) as waiting.

        A file that has a document keeps it until the new one is published.
        """
        with errors(self._path), self.db:
            dirs: dict[str, int] = {}
            for path, size_bytes, mtime_ns in found:
                where, name = os.path.split(path)
                if where not in dirs:
                    dirs[where] = self._dir(folder, where)
                self.db.execute(
                    "INSERT INTO file(dir, name, size, mtime_ns, state) VALUES(?,?,?,?,0) "
                    "ON CONFLICT(dir, name) DO UPDATE SET size=excluded.size, "
                    "mtime_ns=excluded.mtime_ns, state=0, reason=NULL",
                    (dirs[where], os.fsencode(name), size_bytes, mtime_ns),
                )

    def _dir(self, folder: int, path: str) -> int:
        raw = os.fsencode(path)
        row = self.db.execute(
            "SELECT id FROM dir WHERE folder=? AND path=?", (folder, raw)
        ).fetchone()
        if row is not None:
            return int(row[0])
        self.db.execute("INSERT INTO dir(folder, path) VALUES(?,?)", (folder, raw))
        return self.db.last_insert_rowid()

    def remove(self, ids: Sequence[int]) -> None:
        """Drop files that are gone, and the documents that no file holds any more."""
        if ids:
            with errors(self._path), self.db:
                self._remove(ids)

    def _remove(self, ids: Sequence[int]) -> None:
        documents = set()
        for number in ids:
            row = self.db.execute("SELECT document FROM file WHERE id=?", (number,)).fetchone()
            if row is not None and row[0] is not None:
                documents.add(row[0])
            self.db.execute("DELETE FROM file WHERE id=?", (number,))
        self._drop_documents(documents)

    def waiting(self) -> list[tuple[int, FileRef]]:
        """Files to be read, newest first within small before large, of folders that are there."""
        rows = self.db.execute(
            "SELECT file.id, folder.path, dir.path, name, size, mtime_ns FROM file "
            "JOIN dir ON dir.id=dir JOIN folder ON folder.id=dir.folder "
            "WHERE state=0 AND NOT folder.offline AND NOT dir.offline "
            "ORDER BY size > 20000000, mtime_ns DESC"
        )
        return [
            (number, FileRef(join_path(root, where, name), size, mtime_ns, False))
            for number, root, where, name, size, mtime_ns in rows
        ]

    def set_state(self, file: int, state: FileState, reason: str | None) -> None:
        """Note that a file has no text to search, and why; its old document goes."""
        with errors(self._path), self.db:
            old = self.db.execute("SELECT document FROM file WHERE id=?", (file,)).fetchone()
            self.db.execute(
                "UPDATE file SET state=?, reason=?, document=NULL WHERE id=?",
                (int(state), self._reason(reason), file),
            )
            if old is not None and old[0] is not None:
                self._drop_documents([old[0]])

    def _reason(self, text: str | None) -> int | None:
        if text is None:
            return None
        self.db.execute("INSERT OR IGNORE INTO reason(text) VALUES(?)", (text,))
        return int(self.db.execute("SELECT id FROM reason WHERE text=?", (text,)).get)

    def retry(self, prefix: str | None = None) -> int:
        """Put failed files (below a path) back in the queue; how many they are."""
        chosen: list[int] = []
        with errors(self._path), self.db:
            chosen += [
                number
                for number, path in self._paths("state IN (2,3,4)")
                if prefix is None or path == prefix or path.startswith(prefix.rstrip("/") + "/")
            ]
            for number in chosen:
                self.db.execute("UPDATE file SET state=0, reason=NULL WHERE id=?", (number,))
        return len(chosen)

    def below(self, path: str) -> list[int]:
        """Ids of the known file at this path, or of all below it."""
        below = path.rstrip(os.sep) + os.sep
        return [number for number, name in self._paths("1") if name == path
                or name.startswith(below)]  # fmt: skip

    def _paths(self, condition: str) -> list[tuple[int, str]]:
        rows = self.db.execute(
            "SELECT file.id, folder.path, dir.path, name FROM file JOIN dir ON dir.id=dir "
            f"JOIN folder ON folder.id=dir.folder WHERE {condition}"
        )
        return [(number, join_path(root, where, name)) for number, root, where, name in rows]

    def in_state(
        self, states: Sequence[FileState], folder: str | None, limit: int
    ) -> list[dict[str, str]]:
        """Paths and reasons of files in some states, for showing."""
        marks = ",".join(str(int(state)) for state in states)
        rows = self.db.execute(
            "SELECT folder.path, dir.path, name, reason.text FROM file JOIN dir ON dir.id=dir "
            "JOIN folder ON folder.id=dir.folder LEFT JOIN reason ON reason.id=file.reason "
            f"WHERE state IN ({marks}) AND (? IS NULL OR folder.path=?) LIMIT ?",
            (*(2 * (None if folder is None else os.fsencode(folder),)), limit),
        )
        return [
            {"path": join_path(root, where, name), "reason": reason or ""}
            for root, where, name, reason in rows
        ]

    def coverage(self, folder: int | None = None) -> dict[str, int]:
        """How many regular files are in each state; each file is in exactly one."""
        counts = dict.fromkeys(
            ("indexed", "skipped", "failed", "needs_ocr", "offline", "waiting"), 0
        )
        for row in self.folders():
            if folder in (None, row.id):
                where = "offline" if row.offline else "skipped"
                counts[where] += sum(row.skipped.values())
        rows = self.db.execute(
            "SELECT state, folder.offline OR dir.offline AS away, count(*) FROM file "
            "JOIN dir ON dir.id=dir JOIN folder ON folder.id=dir.folder "
            "WHERE ? IS NULL OR folder.id=? GROUP BY state, away",
            (folder, folder),
        )
        for state, away, count in rows:
            counts[_fold(FileState(state), bool(away))] += count
        return counts

    def state_of(self, path: str) -> tuple[FileState, str | None] | None:
        """State and reason of the file at an absolute path; None when it is not known."""
        where, name = os.path.split(os.fsencode(path))
        rows = self.db.execute(
            "SELECT folder.path, dir.path, state, reason.text FROM file JOIN dir ON dir.id=dir "
            "JOIN folder ON folder.id=dir.folder LEFT JOIN reason ON reason.id=file.reason "
            "WHERE name=?",
            (name,),
        )
        for root, inner, state, reason in rows:
            if os.path.join(root, inner).rstrip(b"/") == where.rstrip(b"/"):  # noqa: PTH118
                return FileState(state), reason
        return None


def join_path(root: bytes, where: bytes, name: bytes) -> str:
    """The absolute path of a file from the parts that the catalogue keeps."""
    return os.fsdecode(os.path.join(root, where, name))  # noqa: PTH118 - bytes, not str
