"""A catalogue over watched folders, surveyed without reading or embedding anything."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from core.files.changes import EVERYTHING, Changes
from core.files.rules import Rules
from core.index.digest import content_digest
from core.index.site import Surveyed
from core.index.survey import Surveyor
from core.messages import UNTITLED
from core.store.catalogue import Catalogue
from core.store.rows import NewDocument


class Desk:
    """A catalogue over watched folders, and an indexer that reads nothing but the hash."""

    def __init__(self, root: Path, *folders: str) -> None:
        self.root = root
        self.folders = [root / name for name in folders or ("files",)]
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True)
        self.files = self.folders[0]
        self.catalogue = Catalogue(root / "catalogue.db")
        self.catalogue.files.sync_folders([str(folder) for folder in self.folders])
        self.hashed = 0
        self.breathe: Callable[[], None] = lambda: None

    def surveyor(self, **options: float) -> Surveyor:
        return Surveyor(
            self.catalogue.survey,
            self.catalogue.files.folders,
            lambda path: Rules(path, max_file_bytes=1_000),
            self.breathe,
            **options,  # type: ignore[arg-type]
        )

    def survey(self, changes: Changes = EVERYTHING, **options: float) -> Surveyed:
        return self.surveyor(**options).survey(changes)

    def touch(self, *paths: str, moves: tuple[tuple[str, str], ...] = ()) -> Surveyed:
        """A partial survey of paths in the first folder, then all that waits is read."""
        ends = tuple((str(self.files / old), str(self.files / new)) for old, new in moves)
        found = self.survey(Changes(frozenset(str(self.files / path) for path in paths), ends))
        self.read()
        return found

    def read(self) -> None:
        """Every waiting file gets a document that says what is in it."""
        for number, ref in self.catalogue.files.waiting():
            digest = content_digest(ref.path)
            self.hashed += 1
            document = self.catalogue.document_with(digest)
            if document is None:
                new = NewDocument(digest, (), 0, UNTITLED, False, b"", [number])
                self.catalogue.publish(None, "none", [new])
            else:
                self.catalogue.link(number, document)
        self.catalogue.survey.drop_vanished()

    def rows(self) -> dict[str, tuple[object, ...]]:
        return {
            str(Path(*map(os.fsdecode, row[:3]))): row[3:]
            for row in self.catalogue.db.execute(
                "SELECT folder.path, dir.path, name, size, mtime_ns, state, dir.offline, hash "
                "FROM file JOIN dir ON dir.id=dir JOIN folder ON folder.id=folder "
                "LEFT JOIN document ON document.id=document"
            )
        }

    def left_out(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for row in self.catalogue.files.folders():
            found.update(self.catalogue.files.left_out(row.id))
        return found

    def names(self) -> set[str]:
        return {os.path.relpath(path, self.files) for path in self.rows()}

    def write(self, name: str, text: str = "x", folder: int = 0) -> Path:
        path = self.folders[folder] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def counts(self) -> dict[str, int]:
        return {name: n for name, n in self.catalogue.files.coverage().items() if n}


def regular_files(*folders: Path) -> int:
    return sum(
        not path.is_symlink() and path.is_file() for folder in folders for path in folder.rglob("*")
    )
